"""Let one run at a time use the bench's folder, and leave nothing running however it ends."""

from __future__ import annotations

import fcntl
import os
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import Final, NoReturn

_HELD: Final[list[int]] = []
"""Descriptors that are locked until this process ends."""


def begin(folder: Path) -> None:
    """Lock the folder for this run, and have SIGTERM end it as Ctrl-C does.

    Two runs would delete each other's databases. Exits where another has the folder.
    """
    descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        sys.exit(f"bench: another run uses {folder}")
    _HELD.append(descriptor)
    signal.signal(signal.SIGTERM, _end)


def _end(number: int, _frame: FrameType | None) -> NoReturn:
    sys.exit(128 + number)
