"""Say what waits for a commit: work to do in its transaction, and somebody to be told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

from adapter.batch import Batch

T = TypeVar("T")
Work = Callable[[Batch], T]


class Job(msgspec.Struct, eq=False):
    """One in the committer's queue; `weight` is how many events it brings."""

    weight: int = 1
    refused_since: float | None = None
    """The monotonic time at which it first found the database locked by another program."""

    def work(self, batch: Batch) -> Any:
        """Stage what it wants written. If it raises, nothing of it is kept."""
        raise NotImplementedError

    def tell(self, result: Any) -> None:
        """Take, after the commit, what `work` gave or the exception that was raised."""
        raise NotImplementedError


class Call(Job, kw_only=True, eq=False):
    """A function to call in the transaction; its caller takes the result directly."""

    function: Work[Any]

    def work(self, batch: Batch) -> Any:
        """Call it."""
        return self.function(batch)

    def tell(self, result: Any) -> None:
        """Tell nobody."""


class Awaited(Call, kw_only=True, eq=False):
    """A function to call in the transaction, whose result is awaited."""

    future: asyncio.Future[Any]

    def work(self, batch: Batch) -> Any:
        """Call it, unless whoever awaited it has gone."""
        return None if self.future.cancelled() else self.function(batch)

    def tell(self, result: Any) -> None:
        """Wake whoever awaits it. If the sender has gone nobody does; what it sent is kept."""
        if self.future.done():
            return
        if isinstance(result, Exception):
            self.future.set_exception(result)
        else:
            self.future.set_result(result)
