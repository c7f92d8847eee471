"""The process that forks candidates: started once per worker slot, in its box, with its imports done.

It never sees a program or a reply; those travel on each candidate's own pipes, which it closes after the
fork. It has one thread and watches at most one candidate.
"""

import fcntl
import gc
import io
import json
import os
import select
import signal
import socket
import sys
import time
from collections.abc import Sequence
from typing import Any, Final, NoReturn

from sandbox_runner import kernel, namespaces, wire
from sandbox_runner.lockdown import REPLIES, REQUESTS, Lockdown
from sandbox_runner.program import Program, warm_up

_LINUX: Final = sys.platform == "linux"
_FIRST_DESCRIPTOR: Final = 8
_READY_HEADER: Final = wire.HEADER.pack(8, 0, wire.READY, 0, 0)
_WARM_UP_ROUNDS: Final = 20
_POLL_WITHOUT_PIDFD_S: Final = 0.002

PRELOADED: Final = (
    *(
        "__future__",
        "abc",
        "array",
        "bisect",
        "cmath",
        "collections.abc",
        "contextlib",
        "copy",
        "dataclasses",
        "datetime",
    ),
    *("enum", "fractions", "functools", "heapq", "itertools", "json", "math", "numbers", "operator", "queue"),
    *("random", "re", "statistics", "string", "struct", "textwrap", "time", "traceback", "types", "typing"),
    *("_bisect", "_heapq", "_json", "_random", "_statistics", "decimal", "hashlib", "zlib", "ctypes"),
    *("encodings.idna", "unicodedata", "zoneinfo", "logging", "warnings", "threading", "weakref", "secrets"),
)
"""Imported before the fork. Whatever has a compiled part must be: afterwards no code can be mapped."""
NUMPY_PRELOADED: Final = ("numpy", "numpy.linalg", "numpy.fft", "numpy.random")


class Zygote:
    """Serves the orders of one evaluator until its end of the control socket closes."""

    def __init__(self, control: socket.socket, lockdown: Lockdown) -> None:
        self._control = control
        self._lockdown = lockdown
        self._program = Program(REQUESTS, REPLIES)
        """Not yet loaded with anything; each fork has its own copy."""

    def serve(self) -> None:
        """Answer orders."""
        while True:
            kind, job, cpu_ns, memory, descriptors = self._next_order()
            if kind == wire.OPEN:
                self._open(job, cpu_ns, memory, descriptors)
            # An order to kill a candidate that has already been reported needs nothing.

    def _next_order(self) -> tuple[int, int, int, int, list[int]]:
        data, descriptors, _, _ = socket.recv_fds(self._control, wire.ORDER.size, 3)
        while data and len(data) < wire.ORDER.size:
            more = self._control.recv(wire.ORDER.size - len(data))
            data = data + more if more else b""
        if not data:
            os._exit(0)
        return (*wire.ORDER.unpack(data), descriptors)

    def _open(self, job: int, cpu_ns: int, memory: int, descriptors: list[int]) -> None:
        try:
            child = kernel.raw_fork() if _LINUX else os.fork()
        except OSError as error:
            child = -(error.errno or 1)
        if child == 0:
            self._become_candidate(descriptors, cpu_ns, memory)
        for descriptor in descriptors:
            os.close(descriptor)
        if child < 0:
            self._control.sendall(wire.VERDICT.pack(wire.NOT_STARTED, job, -child, 0, -1, 0, 0))
        else:
            self._supervise(job, child, cpu_ns)

    def _become_candidate(self, descriptors: list[int], cpu_ns: int, memory: int) -> NoReturn:
        try:
            self._lockdown.enter_candidate(descriptors, cpu_ns, memory)
            started = time.clock_gettime_ns(time.CLOCK_PROCESS_CPUTIME_ID)
            os.write(REPLIES, _READY_HEADER + started.to_bytes(8, "little"))
            self._program.serve()
            os._exit(0)
        except MemoryError:
            os._exit(wire.MEMORY_EXHAUSTED)
        finally:
            # Not even an exception may lead a candidate back into the zygote's loop.
            os._exit(wire.NOT_LOCKED_DOWN)

    def _supervise(self, job: int, child: int, cpu_ns: int) -> None:
        """Watch one candidate until it has ended, and report."""
        kind = wire.ENDED
        clock = -1
        with Watch(self._control.fileno(), child, whole_session=not self._lockdown.seccomp) as watch:
            while True:
                ordered, ended = watch.wait(cpu_ns)
                if ended:
                    break
                used = watch.cpu_ns()
                if ordered:
                    order = self._next_order()
                    if order[0] != wire.KILL or order[1] != job:
                        continue
                elif used < cpu_ns:
                    continue
                else:
                    kind = wire.OVERTIME
                clock = used
                watch.kill()
                break
            status, usage = watch.reap()
        resident = usage.ru_maxrss * (1024 if _LINUX else 1)
        spent = round((usage.ru_utime + usage.ru_stime) * 1e9)
        self._control.sendall(wire.VERDICT.pack(kind, job, status, 0, clock, spent, resident))


class Watch:
    """Waits for an order or the end of a child, whichever is first. A context manager."""

    def __init__(self, control: int, child: int, *, whole_session: bool) -> None:
        self._control = control
        self._child = child
        self._whole_session = whole_session
        self._reaped: tuple[int, Any] | None = None
        self._clock = (~child << 3) | 2  # CPUCLOCK_SCHED of another process, as in posix-timers
        self._handle = os.pidfd_open(child) if _LINUX else -1
        self._poll = select.poll()
        self._poll.register(control, select.POLLIN)
        if self._handle >= 0:
            self._poll.register(self._handle, select.POLLIN)

    def __enter__(self) -> "Watch":
        return self

    def __exit__(self, *_: object) -> None:
        if self._handle >= 0:
            os.close(self._handle)

    def wait(self, cpu_ns: int) -> tuple[bool, bool]:
        """Whether an order waits, and whether the child has ended; neither when it may be over its limit."""
        if self._handle < 0:
            ordered = bool(self._poll.poll(_POLL_WITHOUT_PIDFD_S * 1000))
            child, status, usage = os.wait4(self._child, os.WNOHANG)
            if child:
                self._reaped = status, usage
            return ordered, child != 0
        # A process of one thread spends no more CPU time than time passes.
        left = max(1, -(-(cpu_ns - self.cpu_ns()) // 1_000_000))
        ready = {descriptor for descriptor, _ in self._poll.poll(min(left, 3_600_000))}
        return self._control in ready, self._handle in ready

    def cpu_ns(self) -> int:
        """CPU time of the child so far; -1 where the system does not tell."""
        if self._handle < 0:
            return -1
        try:
            return time.clock_gettime_ns(self._clock)
        except OSError:
            return -1

    def kill(self) -> None:
        """Kill the child, and where it could have children, what is in its session."""
        os.kill(self._child, signal.SIGKILL)
        if self._whole_session:
            try:
                os.killpg(self._child, signal.SIGKILL)
            except OSError:
                return  # it had not come to making one

    def reap(self) -> tuple[int, Any]:
        """Wait status and resource usage of the child, once it has ended or been killed."""
        return self._reaped or os.wait4(self._child, 0)[1:]


def prepare(configuration: dict[str, Any], control: socket.socket) -> Lockdown:
    """Import, enter the box, and give up what is not needed.

    Raises:
        OSError: The kernel refuses something that the configuration asks for.
    """
    if _LINUX:
        kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if configuration["site"]:
        sys.path.append(configuration["site"])
    _preload((*PRELOADED, *(NUMPY_PRELOADED if configuration["site"] else ())))
    readable, masked = configuration["readable"], configuration["masked"]
    if configuration["namespaces"] == "own":
        namespaces.enter(readable, masked, control.fileno())
    boxed = configuration["namespaces"] != "none"
    lockdown = Lockdown(
        readable if boxed else _without(readable, masked),
        readable,
        use_landlock=configuration["landlock"],
        use_seccomp=configuration["seccomp"],
        boxed=boxed,
    )
    lockdown.enter_zygote()
    _tidy(configuration["path"])
    return lockdown


def _preload(names: Sequence[str]) -> None:
    # hashlib has its own digests and need not pull in OpenSSL, whose pages every fork would pay for.
    sys.modules["_hashlib"] = None  # type: ignore[assignment]  # how an import is made to fail
    for name in names:
        try:
            __import__(name)
        except ImportError:
            if name.startswith("numpy"):
                raise
    del sys.modules["_hashlib"]
    _make_repeatable()


def _make_repeatable() -> None:
    """Give every candidate the same random numbers, also from generators that it does not seed.

    What is meant to be unpredictable (`os.urandom`, `secrets`) stays so.
    """
    random: Any = sys.modules["random"]
    seed = random.Random.seed
    random.Random.seed = lambda self, a=None, version=2: seed(self, 0 if a is None else a, version)
    random.seed = random._inst.seed
    random.seed()
    if "numpy" in sys.modules:
        numpy: Any = sys.modules["numpy"]
        # Where SeedSequence looks for entropy when it is given none.
        numpy.random.bit_generator.randbits = lambda bits: 0
        numpy.random.seed(0)


def _without(readable: Sequence[str], masked: Sequence[str]) -> list[str]:
    """The same files, without those under `masked`: a Landlock rule cannot take back what another gives."""
    found = []
    for path in readable:
        if any(mask.startswith(path + "/") for mask in masked):
            found += [f"{path}/{name}" for name in sorted(os.listdir(path)) if f"{path}/{name}" not in masked]  # noqa: PTH208
        else:
            found.append(path)
    return found


def _tidy(path: Sequence[str]) -> None:
    """Leave nothing in the interpreter that programs should not meet."""
    reader, writer = os.pipe()
    os.close(writer)
    os.dup2(reader, 0)
    os.close(reader)
    os.environ.clear()
    os.chdir("/")
    sys.argv = [""]
    sys.path[:] = path
    sys.path_importer_cache.clear()
    for name, descriptor in (("stdout", 1), ("stderr", 2)):
        stream = io.TextIOWrapper(
            io.BufferedWriter(io.FileIO(descriptor, "w", closefd=False)),
            encoding="utf-8",
            errors="replace",
            line_buffering=True,
        )
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)
    warm_up(_WARM_UP_ROUNDS)
    gc.collect()
    if "numpy" in sys.modules:
        _clear_array_cache()
    gc.freeze()


def _clear_array_cache() -> None:
    """Overwrite the small blocks that numpy keeps for its next arrays: up to 7 of each size below 1 KiB.

    What lies in them are addresses of this process, which differ from one zygote to the next.
    """
    empty = sys.modules["numpy"].empty
    for size in range(1, 1024):
        for block in [empty(size, dtype="u1") for _ in range(8)]:
            block.fill(0)


def main() -> None:
    """Serve, as the configuration in the first argument says."""
    configuration = json.loads(sys.argv[1])
    control = _arrange_descriptors(configuration["control"])
    try:
        lockdown = prepare(configuration, control)
    except Exception as error:  # noqa: BLE001 - the boundary of the process: the evaluator must be told
        _say(control, {"error": f"{type(error).__name__}: {error}"})
        os._exit(1)
    _say(
        control,
        {
            "landlock": lockdown.landlock_version,
            "seccomp": lockdown.seccomp,
            "reads_files": lockdown.reads_files,
        },
    )
    Zygote(control, lockdown).serve()


def _arrange_descriptors(inherited: int) -> socket.socket:
    """The control socket, out of the way of the numbers that candidates' descriptors get.

    The numbers below it are taken, so that what arrives later lies above them and no move clobbers another.
    """
    moved = fcntl.fcntl(inherited, fcntl.F_DUPFD_CLOEXEC, _FIRST_DESCRIPTOR)
    os.close(inherited)
    while (descriptor := os.dup(0)) < _FIRST_DESCRIPTOR:
        pass
    os.close(descriptor)
    return socket.socket(socket.AF_UNIX, socket.SOCK_STREAM, fileno=moved)


def _say(control: socket.socket, what: dict[str, Any]) -> None:
    text = json.dumps(what).encode()
    control.sendall(wire.HELLO.pack(len(text)) + text)
