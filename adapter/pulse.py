"""Let what looks about regularly wake together: an idle processor is woken once, not once each.

Waking costs more than most looks do: a quarter of a millisecond, with caches gone cold.
"""

from __future__ import annotations

import asyncio
from typing import Final

USUAL: Final = 0.5
"""Seconds between looks that nobody waits for: what a command line changes is to be obeyed within
a second (design 5.1)."""


async def pulse(seconds: float) -> None:
    """Sleep until the loop's clock has the next multiple of `seconds` (counted in ms)."""
    every = max(1, round(seconds * 1000))
    now = round(asyncio.get_running_loop().time() * 1000)
    await asyncio.sleep((every - now % every) / 1000)
