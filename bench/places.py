"""Know where the bench keeps what it installs, builds and writes."""

from __future__ import annotations

from pathlib import Path

BENCH = Path(__file__).resolve().parent
REPOSITORY = BENCH.parent
README = REPOSITORY / "README.md"
PEERS = BENCH / "peers"
RESULTS = BENCH / "results"

WORK = REPOSITORY / ".bench"
"""Everything that may be deleted: peers, programs, databases. On a real disk, like a server's."""
VENV = WORK / "venv"
NODE = WORK / "node"
PROGRAMS = WORK / "programs"
DATA = WORK / "data"
LOGS = WORK / "logs"
PARTS = WORK / "results"
"""Results of runs that left something out."""

LOADGEN = PROGRAMS / "loadgen"
LOADGEN_TLS = PROGRAMS / "loadgen-tls"
"""The same, speaking TLS."""
FLOOR = PROGRAMS / "floor"


def prepare() -> None:
    """Make the folders; git ignores them by a file of their own."""
    for folder in (WORK, PROGRAMS, DATA, LOGS, RESULTS):
        folder.mkdir(parents=True, exist_ok=True)
    (WORK / ".gitignore").write_text("*\n")
