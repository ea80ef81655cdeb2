"""Start `screenpop` as a fork of a process that has loaded it already: a fifth of the time.

A run starts some hundred servers, and most of a start is Python's reading of modules, always the
same. So a process of its own, which has read them and does nothing else, forks for each start; the
fork gets the environment, the folder and the pipes of a program that was just started, and runs the
command line as `python -m adapter` does (`tests/cli/test_serving.py` starts that).
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import gc
import importlib
import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TextIO

ROOT = Path(__file__).parents[1]
LONGEST = 1 << 20
"""Bytes of a request: an environment and a command line."""
MOST_FILES = 1 << 16
NEEDED = ("adapter.app", "adapter.logs", "adapter.office", "adapter.server", "adapter.settings")
"""What `serve` loads when it is called; the command line itself loads only the command line."""

_one_at_a_time = threading.Lock()


class Forked:
    """A process that is not our child, with what tests use of `subprocess.Popen`."""

    def __init__(self, pid: int, ended: int, stdout: TextIO, stderr: TextIO) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self.stdout = stdout
        self.stderr = stderr
        self._ended = ended

    def send_signal(self, number: int) -> None:
        """Send a signal, unless it has ended."""
        if self.poll() is None:
            # It ends between the two at the latest when its parent reaps it.
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def kill(self) -> None:
        """Send SIGKILL, unless it has ended."""
        self.send_signal(signal.SIGKILL)

    def poll(self) -> int | None:
        """Give the exit code (a signal as a negative number), None while it runs."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self.wait(0)
        return None

    def wait(self, timeout: float | None = None) -> int:
        """Give the exit code when it has ended; raises TimeoutExpired."""
        if self.returncode is None:
            with selectors.DefaultSelector() as selector:
                selector.register(self._ended, selectors.EVENT_READ)
                if not selector.select(timeout):
                    raise subprocess.TimeoutExpired("screenpop", timeout or 0)
            said = os.read(self._ended, 16)
            os.close(self._ended)
            assert said, "the process that forks has died"
            self.returncode = int(said)
        return self.returncode


def start(arguments: Sequence[str], environment: Mapping[str, str], folder: Path) -> Forked:
    """Run `screenpop …` in a process of its own, with this environment and working folder."""
    order = {"arguments": list(arguments), "environment": dict(environment), "folder": str(folder)}
    (out, out_end), (err, err_end), (ended, ended_end) = os.pipe(), os.pipe(), os.pipe()
    with _one_at_a_time:
        forge = _forge()
        socket.send_fds(forge, [json.dumps(order).encode()], [out_end, err_end, ended_end])
        answer = forge.recv(64)
    for given in (out_end, err_end, ended_end):
        os.close(given)
    assert answer, "the process that forks has died"
    return Forked(int(answer), ended, os.fdopen(out, encoding="utf-8"), os.fdopen(err))


@functools.cache
def _forge() -> socket.socket:
    """Start the process that forks, once; it ends with this one."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, LONGEST)
    kept = {k: v for k, v in os.environ.items() if not k.startswith("SCREENPOP_")}
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.forking", str(theirs.fileno())],
        env={**kept, "PYTHONPATH": str(ROOT)},
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        pass_fds=[theirs.fileno()],
    )
    theirs.close()
    atexit.register(process.wait)
    atexit.register(ours.close)  # what is registered last is done first
    return ours


def serve(control: socket.socket) -> None:
    """Fork for each order that comes, and tell each end, until nobody is there any more."""
    gc.collect()
    gc.freeze()
    with selectors.DefaultSelector() as selector:
        selector.register(control, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select():
                if key.fileobj is control:
                    if not _take(control, selector):
                        return
                else:
                    selector.unregister(key.fileobj)
                    _tell_end(key.fd, *key.data)


def _take(control: socket.socket, selector: selectors.BaseSelector) -> bool:
    request, given, _, _ = socket.recv_fds(control, LONGEST, 3)
    if not request:
        return False
    out, err, ended = given
    pid = os.fork()
    if pid == 0:
        selector.close()
        control.close()
        os.dup2(out, 1)
        os.dup2(err, 2)
        os.closerange(3, MOST_FILES)  # also the ends that tell of others
        _become(**json.loads(request))
    os.close(out)
    os.close(err)
    selector.register(os.pidfd_open(pid), selectors.EVENT_READ, (pid, ended))
    control.send(str(pid).encode())
    return True


def _tell_end(watched: int, pid: int, ended: int) -> None:
    _, status = os.waitpid(pid, 0)
    os.close(watched)
    with contextlib.suppress(BrokenPipeError):
        os.write(ended, str(os.waitstatus_to_exitcode(status)).encode())
    os.close(ended)


def _become(arguments: list[str], environment: dict[str, str], folder: str) -> None:
    """Run the command line; does not come back."""
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    os.chdir(folder)
    # Not those of the process that forks: each is dressed for what it was opened on.
    sys.stdout = os.fdopen(1, "w", encoding="utf-8", closefd=False)
    sys.stderr = os.fdopen(2, "w", 1, "utf-8", "backslashreplace", closefd=False)
    sys.argv = ["screenpop", *arguments]
    importlib.import_module("adapter.cli.main").run()


if __name__ == "__main__":
    for name in ("adapter.cli.main", *NEEDED):
        importlib.import_module(name)
    serve(socket.socket(fileno=int(sys.argv[1])))
