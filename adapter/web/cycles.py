"""Say what a connection needs of a request that is being answered: uvicorn calls the two a cycle.

uvicorn's own class for it is private. All that its connections and ours use of each request stands
here, so that a request on the short way can be one too; an upgrade of uvicorn is held against it.
What only a request with a body still to come is asked for is left to uvicorn's class.
"""

from __future__ import annotations

from typing import Protocol


class Waiting(Protocol):
    """Whoever waits for the rest of a body, or to hear that the peer has gone."""

    def set(self) -> None:
        """Wake them."""


class Cycle(Protocol):
    """A request and its answer: of uvicorn, on the short way, or one that is over."""

    keep_alive: bool
    """Whether the connection stays after the answer."""
    more_body: bool
    """Whether more of the request's body is to come."""
    response_started: bool
    response_complete: bool
    """Whether the next request may begin."""
    disconnected: bool
    """Whether the peer has gone before the end of the answer: nothing more is written."""

    @property
    def message_event(self) -> Waiting:
        """Is set when one of these changes that the application may wait for."""
