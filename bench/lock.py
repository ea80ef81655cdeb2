"""Pin the Python peers with the hashes of all their files: `python -m bench --lock`."""

from __future__ import annotations

import os
import subprocess
import sys

from bench import places


def requirements() -> None:
    """Write `requirements.txt` from `requirements.in`; it names no index."""
    no = ("index-url", "trusted-host", "find-links", "options")
    subprocess.run(
        [
            *(sys.executable, "-m", "piptools", "compile", "--quiet", "--upgrade"),
            *("--generate-hashes", "--allow-unsafe", "--strip-extras"),
            *(f"--no-emit-{name}" for name in no),
            *("--output-file", "bench/requirements.txt", "bench/requirements.in"),
        ],
        cwd=places.REPOSITORY,
        env={**os.environ, "CUSTOM_COMPILE_COMMAND": "python -m bench --lock"},
        check=True,
    )
