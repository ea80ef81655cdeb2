"""Let the processes of one database take turns at what only one of them may do at a time."""

from __future__ import annotations

import asyncio
import fcntl
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from adapter.errors import StoreUnavailable

LOOK_EVERY = 0.05
"""Seconds. A turn is held for one answer over the network."""


@asynccontextmanager
async def turn(path: Path, name: str, *, within: float) -> AsyncIterator[None]:
    """Have a turn that no other process, and nobody else in this one, has at the same time.

    The kernel lets go of it when the process ends, however it ends (flock). `name` becomes a part
    of a file's name beside the database, which is left there: deleting it would let two have it.

    Raises:
        StoreUnavailable: somebody else had it all the time, for `within` seconds.
    """
    try:
        descriptor = os.open(path.with_name(f"{path.name}.{name}"), os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise StoreUnavailable(f"no lock file beside {path}: {error.strerror}") from error
    try:
        await _wait(descriptor, name, within)
        yield
    finally:
        os.close(descriptor)


async def _wait(descriptor: int, name: str, within: float) -> None:
    try:
        async with asyncio.timeout(within):
            while not _taken(descriptor):  # noqa: ASYNC110 - the kernel tells nobody
                await asyncio.sleep(LOOK_EVERY)
    except TimeoutError as error:
        raise StoreUnavailable(f"another process has held {name} for {within:.0f} s") from error


def _taken(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
