"""Wait for the disk in a thread, so that the event loop goes on while it writes.

SQLite's `synchronous=FULL` does the same within each commit, and the loop would stand still for
the quarter of a millisecond that it takes (docs/decisions/0011-waiting-for-the-disk.md).
"""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from queue import SimpleQueue

from adapter.errors import StoreUnavailable

QUICK = 0.0005
"""Seconds. A change to a thread and back takes 50 to 100 µs of each core that it wakes, so a disk
with a memory that outlives a loss of power is waited for by the loop itself; any other is not."""

LATELY = 0.1
"""The weight of the last sync in what is remembered."""

Done = Callable[[StoreUnavailable | None], None]
_Asked = tuple[asyncio.AbstractEventLoop, Sequence[int], Done]


class DiskSync:
    """One thread that syncs files when it is asked to.

    A failure is final: the system reports it once, to whoever asks first, and a later sync that
    succeeds proves nothing. So one sync goes on at a time, and none is made after one that failed.
    """

    def __init__(self) -> None:
        self._asked: SimpleQueue[_Asked | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._one_at_a_time = threading.Lock()
        self.failure: StoreUnavailable | None = None
        """The error with which the disk failed to keep something."""
        self.seconds = 1.0
        """How long the disk took lately; unknown at first, so that the thread finds out."""

    @property
    def is_quick(self) -> bool:
        """Whether waiting for the disk is cheaper than to have a thread wait, and to be told."""
        return self.seconds < QUICK

    def now(self, descriptor: int) -> StoreUnavailable | None:
        """Sync a file here, unless a sync has failed; give the error, of whichever it was."""
        with self._one_at_a_time:
            if self.failure is None:
                started = time.perf_counter()
                self.failure = sync(descriptor)
                self.seconds += (time.perf_counter() - started - self.seconds) * LATELY
            return self.failure

    def ask(self, descriptors: Sequence[int], done: Done) -> None:
        """Sync what is written to files now; `done` is called on the running event loop."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="disk sync", daemon=True)
            self._thread.start()
        self._asked.put((asyncio.get_running_loop(), descriptors, done))

    def close(self) -> None:
        """End the thread, after what was asked for."""
        if self._thread is not None:
            self._asked.put(None)
            self._thread.join()
            self._thread = None

    def _work(self) -> None:
        while (asked := self._asked.get()) is not None:
            loop, descriptors, done = asked
            for each in descriptors:
                self.now(each)
            with suppress(RuntimeError):  # the loop is closed, and nobody waits any more
                loop.call_soon_threadsafe(done, self.failure)


def sync(descriptor: int) -> StoreUnavailable | None:
    """Wait until the disk has what was written to a file; give the error where it has not."""
    try:
        os.fdatasync(descriptor)
    except OSError as error:
        return StoreUnavailable(f"the disk cannot keep what was written: {error}", retry_after=30)
    return None
