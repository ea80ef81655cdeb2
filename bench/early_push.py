"""Run our server with one thing wrong on purpose: it pushes before the commit.

What the right order costs is the difference to the server as it is. Never serve anybody with this:
an agent would see what a crash takes back.
"""

from __future__ import annotations

from adapter.batch import Batch
from adapter.cli.main import run
from adapter.hub import Hub, Outgoing


def push_early() -> None:
    """Let every message out when its transaction is written, and not again after the commit."""
    finish, fan_out = Batch.finish, Hub.fan_out
    pushed: dict[int, int] = {}
    """How many sockets each message went to, by its identity, until the commit asks."""

    def finish_and_push(batch: Batch) -> None:
        finish(batch)
        for outgoing in batch.outgoing:
            pushed[id(outgoing)] = fan_out(batch.hub, outgoing)

    def already_pushed(hub: Hub, outgoing: Outgoing) -> int:
        if id(outgoing) in pushed:
            return pushed.pop(id(outgoing))
        return fan_out(hub, outgoing)

    Batch.finish = finish_and_push  # type: ignore[assignment, method-assign]
    Hub.fan_out = already_pushed  # type: ignore[assignment, method-assign]


if __name__ == "__main__":
    push_early()
    run()
