"""Kill a server under load many times and print what was kept: `make soak`."""

from __future__ import annotations

import argparse
import asyncio
import random
import statistics
import sys
import tempfile
import time
from pathlib import Path

from tests.crash.load import storm
from tests.server import Server


def say(text: str) -> None:
    """Write to standard output at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def main() -> None:
    """Run the command line; fails with the first thing in which the books differ."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=None, help="default: from the clock")
    parser.add_argument("--power", action="store_true", help="SCREENPOP_DURABILITY=power")
    chosen = parser.parse_args()
    seed = chosen.seed if chosen.seed is not None else time.time_ns() % 10**6
    say(f"{chosen.kills} kills, seed {seed}")
    extra = {"SCREENPOP_DURABILITY": "power"} if chosen.power else {}
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, Server(Path(folder), **extra) as server:
        books = asyncio.run(storm(server, chosen.kills, random.Random(seed)))
        size = server.database.stat().st_size
    say(
        f"killed                {books.kills} times in {time.monotonic() - started:.0f} s\n"
        f"events acknowledged   {len(books.acknowledged)} in {books.posts} posts\n"
        f"posts cut off         {books.resent}, sent again\n"
        f"kept without answer   {books.known_before} events, known when they came again\n"
        f"lost, doubled, gaps   0, 0, 0\n"
        f"down                  median {statistics.median(books.down):.2f} s, "
        f"longest {max(books.down):.2f} s\n"
        f"database              {size / 1e6:.1f} MB, integrity ok"
    )


if __name__ == "__main__":
    main()
