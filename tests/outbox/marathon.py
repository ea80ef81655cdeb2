"""Put many contacts through random faults and kills and print how it went: `make soak`."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from adapter.demo.simulated import serving
from tests.outbox.chaos import storm
from tests.outbox.office import connected


def say(text: str) -> None:
    """Write to standard output at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def main() -> None:
    """Run the command line; fails with the first contact that ends wrongly."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--contacts", type=int, default=1000)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=None, help="default: from the clock")
    chosen = parser.parse_args()
    seed = chosen.seed if chosen.seed is not None else time.time_ns() % 10**6
    say(f"{chosen.contacts} contacts, {chosen.kills} kills, seed {seed}")
    with serving.running() as dynamics, tempfile.TemporaryDirectory() as folder:
        told = dynamics.description()
        names = ("environment_url", "token_url", "client_id", "client_secret")
        fields = {name: told[name] for name in names}
        with connected(Path(folder), dynamics, fields) as server:
            result = storm(
                server, dynamics, contacts=chosen.contacts, kills=chosen.kills, seed=seed
            )
    say(
        f"contacts              {result.contacts} in {result.seconds:.0f} s\n"
        f"faults met            {result.faults}\n"
        f"killed                {result.kills} times; {result.resent} posts sent again\n"
        f"dead letters          {result.letters}, each says why\n"
        f"kept as notes         {result.notes}\n"
        f"lost, doubled, wrong  0, 0, 0"
    )


if __name__ == "__main__":
    main()
