"""What processes there are and what they have used, read from /proc. Linux only."""

import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

_TICK_S = 1.0 / os.sysconf("SC_CLK_TCK")


class Process(msgspec.Struct, frozen=True):
    """A process as /proc tells of it."""

    pid: int
    parent: int
    state: str
    start: str
    """Together with `pid` it names the process for good."""
    cpu_seconds: float
    """Its own and that of the children it has waited for; to 10 ms."""
    command: str

    @property
    def alive(self) -> bool:
        """Whether it is neither dead nor waiting to be reaped."""
        return self.state not in "ZX"


def processes() -> dict[int, Process]:
    """All processes, by number."""
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            process = _process(int(entry.name))
            if process is not None:
                found[process.pid] = process
    return found


def tree(root: int) -> list[Process]:
    """A process and all its descendants that are alive, parents first."""
    known = processes()
    by_parent: dict[int, list[Process]] = {}
    for process in known.values():
        by_parent.setdefault(process.parent, []).append(process)
    found = [known[root]] if root in known else []
    for process in found:
        found += by_parent.get(process.pid, [])
    return [process for process in found if process.alive]


def cpu_seconds(root: int) -> float:
    """CPU time of a process, of its living descendants, and of those that these have waited for."""
    return sum(process.cpu_seconds for process in tree(root))


def survivors(of: Sequence[Process], within_s: float = 2.0) -> list[Process]:
    """Which of some processes are still there when they have been given so long to end."""
    deadline = time.monotonic() + within_s
    while left := [one for one in of if _is_alive(one)]:
        if time.monotonic() > deadline:
            return left
        time.sleep(0.02)
    return []


def wait_until(holds: Callable[[], bool], within_s: float, what: str) -> None:
    """Wait until something holds; the test fails where that takes too long."""
    deadline = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < deadline, f"not within {within_s:g} s: {what}"
        time.sleep(0.01)


def _is_alive(process: Process) -> bool:
    now = _process(process.pid)
    return now is not None and now.start == process.start and now.alive


def _process(pid: int) -> Process | None:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
        command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()
    return Process(
        pid=pid,
        parent=int(fields[1]),
        state=fields[0],
        start=fields[19],
        cpu_seconds=sum(map(int, fields[11:15])) * _TICK_S,
        command=command,
    )
