"""Record where the server's time goes under load: `python -m bench.profiling`, `make profile`.

py-spy looks at the running server from outside (it needs root, or `ptrace` of one's own processes).
It writes `build/profile.svg`, a flame graph to open in a browser, and prints a table by module.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

from bench import install, places, single
from bench.contenders import CONTENDERS
from bench.load import Load
from bench.processes import LOAD_CORE, Server, pinned
from bench.rounds import AT_ONCE, QUICK, running
from bench.stacks import Share, shares
from bench.tables import table

BUILD: Final = places.REPOSITORY / "build"
SAMPLES: Final = 500
"""A second. Each stops the server for some tens of microseconds."""
CONNECTIONS: Final = 64


def main() -> None:
    """Record twice under the same load: once as a graph, once for the table."""
    options = _options()
    places.prepare()
    single.begin(places.WORK)
    install.generator()
    BUILD.mkdir(exist_ok=True)
    graph, folded = BUILD / "profile.svg", BUILD / "profile.folded"
    contender = next(each for each in CONTENDERS if each.name == options.contender)
    with running(contender, QUICK) as run:
        load = run.load(run.setup.load)
        try:
            load.do(f"connect {options.panels} {AT_ONCE}")
            for form, path in (("flamegraph", graph), ("raw", folded)):
                _record(run.server, load, options, form, path)
        finally:
            load.close()
    found = shares(folded.read_text())
    text = _page(found, options)
    (BUILD / "profile.txt").write_text(text)
    print(text)
    print(f"written to {graph} and {BUILD / 'profile.txt'}", file=sys.stderr)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.profiling", description=__doc__)
    parser.add_argument("--seconds", type=float, default=15, help="of each of the two recordings")
    parser.add_argument("--panels", type=int, default=1_000)
    parser.add_argument("--rate", type=float, default=0, help="events a second; 0: saturation")
    parser.add_argument("--native", action="store_true", help="C code too (slower sampling)")
    names = [each.name for each in CONTENDERS]
    parser.add_argument("--contender", default="screenpop-normal", choices=names)
    return parser.parse_args()


def _record(server: Server, load: Load, options: argparse.Namespace, form: str, path: Path) -> None:
    seconds = options.seconds + 2  # py-spy takes a moment to begin
    if options.rate:
        load.begin(f"open {options.rate} {seconds} 1")
    else:
        load.begin(f"sat {CONNECTIONS} {seconds} 1")
    command = [
        *(_py_spy(), "record", "--pid", str(server.pid), "--format", form),
        *("--output", str(path), "--rate", str(SAMPLES), "--duration", f"{options.seconds:.0f}"),
        *(("--native",) if options.native else ()),
    ]
    done = subprocess.run(pinned(LOAD_CORE, command), check=False, capture_output=True, text=True)
    load.result()
    if done.returncode:
        sys.exit(f"bench: py-spy: {(done.stderr or done.stdout).strip()[-600:]}")


def _py_spy() -> str:
    beside = Path(sys.executable).with_name("py-spy")
    found = str(beside) if beside.exists() else shutil.which("py-spy")
    if found is None:
        sys.exit("bench: no py-spy: make setup")
    return found


def _page(found: list[Share], options: argparse.Namespace) -> str:
    load = f"{options.rate:.0f} events/s" if options.rate else "saturation"
    lines = [[each.name, f"{each.own:.1%}", f"{each.inclusive:.1%}"] for each in found]
    head = ["module", "own", "with what it calls"]
    return f"{options.contender} at {load}, {options.panels} panels\n\n{table(head, lines)}\n"


if __name__ == "__main__":
    main()
