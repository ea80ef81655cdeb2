"""Describe the machine and the versions, so that a figure can be read a year later."""

from __future__ import annotations

import os
import platform
import shutil
import sqlite3
import subprocess
import sysconfig
from pathlib import Path

from bench import places
from bench.processes import AHEAD, may_go_ahead


def describe() -> dict[str, str]:
    """Give the machine in words."""
    memory = next(x for x in Path("/proc/meminfo").read_text().splitlines() if "MemTotal" in x)
    disk = subprocess.run(
        ["df", "--output=source,fstype", str(places.WORK)],
        check=False,
        capture_output=True,
        text=True,
    ).stdout.splitlines()
    return {
        "cpu": _cpu(),
        "cores": str(os.cpu_count()),
        "memory": f"{int(memory.split()[1]) / 1024 / 1024:.0f} GiB",
        "kernel": platform.release(),
        "disk": " ".join(disk[-1].split()) if disk else "unknown",
        "python": f"{platform.python_version()}, {_python_build()}",
        "sqlite": sqlite3.sqlite_version,
        "open files": _output("sh", "-c", "ulimit -Hn"),
        "priority": f"nice {AHEAD}" if may_go_ahead() else "not raised (only root may)",
    }


def versions() -> dict[str, str]:
    """Give the versions of what is measured."""
    found = {
        "node": _output("node", "--version"),
        "nginx": _output("sh", "-c", "nginx -v 2>&1").rpartition("/")[2],
        "nchan": _output("dpkg-query", "-W", "-f", "${Version}", "libnginx-mod-nchan"),
        "ws": _output(
            "node", "-p", f"require('{places.NODE}/node_modules/ws/package.json').version"
        ),
        "screenpop": _output(
            "git", "-C", str(places.REPOSITORY), "describe", "--always", "--dirty"
        ),
    }
    for line in _output(str(places.VENV / "bin/pip"), "list", "--format", "freeze").splitlines():
        name, _, version = line.partition("==")
        if name in ("uvicorn", "uvloop", "httptools", "websockets", "starlette", "python-socketio"):
            found[name] = version
    return {name: version for name, version in found.items() if version}


def _cpu() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _python_build() -> str:
    """Tell what of its build makes Python faster or slower, by up to a fifth."""
    options = sysconfig.get_config_var("CONFIG_ARGS") or ""
    told = ("enable-optimizations", "with-lto", "enable-shared")
    return ", ".join([platform.python_compiler(), *(each for each in told if each in options)])


def _output(*command: str) -> str:
    if shutil.which(command[0]) is None:
        return ""
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    return done.stdout.strip() if done.returncode == 0 else ""
