"""Install the peers and compile the generator, all below `.bench`; a second run finds it done."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from bench import places

_DEBIAN = {
    "gcc": "gcc libc6-dev",
    "nginx": "nginx-light",
    "node": "nodejs npm",
    "npm": "npm",
    "openssl": "openssl",
    "taskset": "util-linux",
}
_SSL_HEADER = Path("/usr/include/openssl/ssl.h")
_NCHAN = Path("/etc/nginx/modules-enabled/50-mod-nchan.conf")


class Unavailable(Exception):
    """A peer cannot be installed here; the others are measured without it."""


def generator() -> None:
    """Compile the load generator and the floor server."""
    _need("gcc")
    _need("taskset")
    _compile(places.LOADGEN, _parts("tls.c"), "-lm")
    _compile(places.FLOOR, [places.BENCH / "floor.c"])


def tls_front() -> None:
    """Install nginx, and compile the load generator that speaks TLS."""
    _need("nginx")
    _need("openssl")
    generator()
    if not _SSL_HEADER.exists():
        _debian("libssl-dev")
    _compile(places.LOADGEN_TLS, _parts("plain.c"), "-lm", "-lssl", "-lcrypto")


def python_peers() -> None:
    """Install the pinned Python peers into a venv of their own."""
    wanted = places.BENCH / "requirements.txt"
    if _is_done(places.VENV, wanted):
        return
    shutil.rmtree(places.VENV, ignore_errors=True)
    _run([sys.executable, "-m", "venv", str(places.VENV)])
    pip = [str(places.VENV / "bin/pip"), "--disable-pip-version-check", "--no-input"]
    _run([*pip, "install", "-qq", "--require-hashes", "-r", str(wanted)])
    _mark(places.VENV, wanted)


def reference_with_tls() -> None:
    """Install the Python peers and what speaks TLS in front of one."""
    python_peers()
    tls_front()


def node_peer() -> None:
    """Install `ws` of the version that the lock file names."""
    _need("node")
    _need("npm")
    wanted = places.PEERS / "package-lock.json"
    if _is_done(places.NODE, wanted):
        return
    places.NODE.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(places.PEERS / name, places.NODE / name)
    _run(["npm", "ci", "--silent", "--no-audit", "--no-fund", "--ignore-scripts"], places.NODE)
    _mark(places.NODE, wanted)


def nchan_peer() -> None:
    """Install Debian's nginx with nchan."""
    if shutil.which("nginx") is None or not _NCHAN.exists():
        _debian("nginx libnginx-mod-nchan")


def _parts(without: str) -> list[Path]:
    return [each for each in sorted(places.BENCH.glob("loadgen/*.c")) if each.name != without]


def _compile(program: Path, sources: Sequence[Path], *libraries: str) -> None:
    newest = max(each.stat().st_mtime for each in [*sources, *places.BENCH.glob("loadgen/*.h")])
    if program.exists() and program.stat().st_mtime >= newest:
        return
    words = map(str, sources)
    _run(["gcc", "-O2", "-Wall", "-Wextra", "-o", str(program), *words, *libraries])


def _need(program: str) -> None:
    if shutil.which(program) is None:
        _debian(_DEBIAN[program])


def _debian(packages: str) -> None:
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise Unavailable(f"install {packages} (as root: apt-get install {packages})")
    print(f"bench: installing {packages}", file=sys.stderr)
    quiet = ["apt-get", "-y", "-qq", "--no-install-recommends"]
    # Debian starts what it installs; 101 forbids it (invoke-rc.d, policy-rc.d).
    env = {"DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
    _run([*quiet, "update"], env=env)
    _run([*quiet, "install", *packages.split()], env=env)


def _run(
    command: Sequence[str], folder: Path | None = None, env: dict[str, str] | None = None
) -> None:
    done = subprocess.run(
        command,
        check=False,
        cwd=folder,
        env={**os.environ, **(env or {})},
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise Unavailable(f"{' '.join(command)}: {(done.stderr or done.stdout).strip()[-600:]}")


def _stamp(wanted: Path) -> str:
    return hashlib.sha256(wanted.read_bytes()).hexdigest()


def _is_done(folder: Path, wanted: Path) -> bool:
    stamp = folder / ".installed"
    return stamp.exists() and stamp.read_text() == _stamp(wanted)


def _mark(folder: Path, wanted: Path) -> None:
    (folder / ".installed").write_text(_stamp(wanted))
