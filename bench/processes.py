"""Start processes on one core and read what they use: CPU, memory, and the machine's rest."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_TICK = os.sysconf("SC_CLK_TCK")
_PATIENCE = 60.0
SERVER_CORE = 0
LOAD_CORE = 1
AHEAD = "-15"
"""The nice value of server and generator alike: the neighbours' work is not what is measured."""


def pinned(core: int, command: Sequence[str]) -> list[str]:
    """Give the command that runs `command` on one core."""
    return ["taskset", "-c", str(core), *command]


def put_ahead(pid: int) -> None:
    """Let a session go before the machine's other work, where we may (sched(7), autogroup)."""
    with contextlib.suppress(OSError):
        Path(f"/proc/{pid}/autogroup").write_text(AHEAD)
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, pid, int(AHEAD))


def family(pid: int) -> list[int]:
    """List a process and its descendants."""
    found, at = [pid], 0
    while at < len(found):
        for task in Path(f"/proc/{found[at]}/task").glob("*/children"):
            with contextlib.suppress(OSError):
                found.extend(int(each) for each in task.read_text().split())
        at += 1
    return found


def may_go_ahead() -> bool:
    """Whether `put_ahead` is allowed here (it takes root)."""
    return os.geteuid() == 0


def free_port() -> int:
    """Give a TCP port that nobody listens on, nor on the next (a peer may need two)."""
    while True:
        with socket.socket() as first, socket.socket() as second, contextlib.suppress(OSError):
            first.bind(("127.0.0.1", 0))
            port: int = first.getsockname()[1]
            second.bind(("127.0.0.1", port + 1))
            return port


@dataclass(frozen=True, slots=True)
class Usage:
    """CPU seconds since boot: of some processes, and of the whole machine."""

    own: float
    kernel: float
    """Of the kernel's own threads, which write to the disk for whoever asked."""
    machine: float
    at: float


class Server:
    """A server process with its children, on the server's core; ready when all `ports` answer."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        ports: Sequence[int],
        log: Path,
        env: Mapping[str, str],
        core: int = SERVER_CORE,
    ) -> None:
        self._ports = ports
        self._log = log.open("ab")
        self._process = subprocess.Popen(
            pinned(core, command),
            stdout=self._log,
            stderr=self._log,
            stdin=subprocess.DEVNULL,
            env={**os.environ, **env},
            start_new_session=True,
        )
        put_ahead(self._process.pid)
        self._wait(log)

    def _wait(self, log: Path) -> None:
        until = time.monotonic() + _PATIENCE
        while time.monotonic() < until:
            if self._process.poll() is not None:
                break
            if all(_answers(port) for port in self._ports):
                return
            time.sleep(0.02)
        self.stop()
        raise RuntimeError(f"the server did not start; see {log}")

    @property
    def pid(self) -> int:
        """The process itself."""
        return self._process.pid

    def pids(self) -> list[int]:
        """List the process and its descendants."""
        return family(self._process.pid)

    def memory(self, kind: str = "Pss") -> int:
        """Give the proportional set size in KiB, or another line of proc(5)'s smaps_rollup."""
        total = 0
        for pid in self.pids():
            with contextlib.suppress(OSError):
                text = Path(f"/proc/{pid}/smaps_rollup").read_text()
                lines = (x for x in text.splitlines() if x.startswith(f"{kind}:"))
                total += sum(int(x.split()[1]) for x in lines)
        return total

    def cpu(self) -> float:
        """Give the CPU seconds used so far."""
        return sum(cpu_of(pid) for pid in self.pids())

    def kill(self) -> None:
        """Send SIGKILL to all of it."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._log.close()

    def stop(self) -> None:
        """Ask it to end, then make it."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(3)
        self.kill()


def _answers(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
        return True
    return False


def cpu_of(pid: int) -> float:
    """Give a process's CPU seconds, 0 where it is gone (proc(5), /proc/pid/stat)."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / _TICK


def machine_cpu() -> float:
    """Give the seconds that all cores together were busy or stolen (proc(5), /proc/stat)."""
    fields = Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]
    user, nice, system, _idle, _wait, irq, softirq, steal = (int(x) for x in fields[:8])
    return (user + nice + system + irq + softirq + steal) / _TICK


def kernel_cpu() -> float:
    """Give the CPU seconds of the kernel's threads, the children of process 2."""
    try:
        children = Path("/proc/2/task/2/children").read_text().split()
    except OSError:
        return 0.0
    return sum(cpu_of(int(pid)) for pid in children)


def usage(pids: Sequence[int]) -> Usage:
    """Read the CPU clocks."""
    return Usage(sum(cpu_of(pid) for pid in pids), kernel_cpu(), machine_cpu(), time.monotonic())


def others(before: Usage, after: Usage) -> float:
    """Say how many cores anybody else kept busy between two readings."""
    ours = (after.own - before.own) + (after.kernel - before.kernel)
    return max(0.0, ((after.machine - before.machine) - ours) / (after.at - before.at))
