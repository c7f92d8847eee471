"""The evaluator's handle on one zygote: starting it in its box, giving it orders, ending it."""

import atexit
import contextlib
import os
import queue
import socket
import subprocess
import threading
import weakref
from collections.abc import Callable, Sequence
from concurrent.futures import Future

import msgspec

from evolve.execution.isolation_box import Box, BoxError, command, environment
from evolve.problem import InfrastructureError
from sandbox_runner import wire

_NO_SIGNAL = getattr(socket, "MSG_NOSIGNAL", 0)  # macOS has none; the interpreter ignores SIGPIPE anyway
_START_S = 30.0
_VERDICT_S = 30.0
_END_S = 2.0


class Hello(msgspec.Struct, frozen=True):
    """What a zygote says when it is ready, or why it is not."""

    error: str = ""
    landlock: int = 0
    seccomp: bool = False
    reads_files: bool = False


class Verdict(msgspec.Struct, frozen=True):
    """How a candidate's process ended, as the zygote saw it."""

    overtime: bool
    wait_status: int
    clock_ns: int
    """CPU clock just before the zygote killed it; -1 where it ended by itself."""
    spent_ns: int
    """CPU time of the whole process, its end included."""
    resident_bytes: int


class Zygote:
    """One zygote process. Not safe for use from several threads at once."""

    def __init__(self, box: Box) -> None:
        """Start it, and wait until it is ready.

        Raises:
            BoxError: The box cannot be made here.
            InfrastructureError: The zygote did not come up for another reason.
        """
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        self._control = ours
        self._job = 0
        self._owner = os.getpid()
        try:
            with theirs:
                line = command(box, theirs.fileno())
                self._process = _spawner.start(line, theirs.fileno())
        except OSError as error:
            ours.close()
            raise BoxError(f"{line[0]} cannot be started: {error}") from None
        except BaseException:
            ours.close()
            raise
        _living.add(self)
        try:
            self.hello = self._wait_for_hello()
        except BaseException:
            self.close()
            raise

    def _wait_for_hello(self) -> Hello:
        self._control.settimeout(_START_S)
        try:
            (size,) = wire.HELLO.unpack(self._receive(wire.HELLO.size))
            hello = msgspec.json.decode(self._receive(size), type=Hello)
        except (OSError, EOFError):
            raise BoxError(self._last_words() or "the zygote did not start") from None
        if hello.error:
            raise BoxError(hello.error)
        self._control.settimeout(_VERDICT_S)
        return hello

    def _receive(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            more = self._control.recv(size - len(data))
            if not more:
                raise EOFError
            data += more
        return data

    def open(self, descriptors: Sequence[int], cpu_ns: int, memory_bytes: int) -> int:
        """Fork a candidate; the number of its job.

        `descriptors` are where it reads requests, writes replies, and writes its output.

        Raises:
            InfrastructureError: The zygote is gone.
        """
        self._job += 1
        order = wire.ORDER.pack(wire.OPEN, self._job, cpu_ns, memory_bytes)
        try:
            socket.send_fds(self._control, [order], list(descriptors))
        except OSError as error:
            raise self.gone(error) from None
        return self._job

    def end(self, job: int) -> Verdict:
        """End the candidate of the last job, if it still lives, and learn how it ended.

        Raises:
            InfrastructureError: The zygote is gone, or could not fork.
        """
        try:
            self._control.sendall(wire.ORDER.pack(wire.KILL, job, 0, 0), _NO_SIGNAL)
            kind, told, status, _, clock, spent, resident = wire.VERDICT.unpack(
                self._receive(wire.VERDICT.size)
            )
        except (OSError, EOFError) as error:
            raise self.gone(error) from None
        if told != job:
            raise self.gone(RuntimeError(f"it told of job {told}, not {job}"))
        if kind == wire.NOT_STARTED:
            raise InfrastructureError(f"a sandbox could not fork: {os.strerror(status)}")
        return Verdict(kind == wire.OVERTIME, status, clock, spent, resident)

    def gone(self, error: BaseException) -> InfrastructureError:
        """Close what is left of a zygote that does not answer, and say what is known."""
        words = self._last_words()
        self.close()
        why = str(error) or type(error).__name__
        return InfrastructureError(f"a sandbox's zygote is gone ({why}){': ' + words if words else ''}")

    @property
    def closed(self) -> bool:
        """Whether it was closed, by us or because it was gone."""
        return self._control.fileno() < 0

    @property
    def pid(self) -> int:
        """The outermost process of the box."""
        return self._process.pid

    def _last_words(self) -> str:
        """The end of what the zygote wrote to its standard error."""
        stream = self._process.stderr
        if stream is None or stream.closed:
            return ""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(0.2)
        os.set_blocking(stream.fileno(), False)
        text = (stream.read() or b"").decode("utf-8", "replace").strip()
        return " | ".join(text.splitlines()[-3:])

    def close(self) -> None:
        """End it and all it started. Idempotent."""
        _living.discard(self)
        self._control.close()
        if self._owner != os.getpid():  # a copy, in a process that was forked
            return
        try:
            self._process.wait(_END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stderr is not None:
            self._process.stderr.close()


class _Spawner:
    """Starts processes from a thread that lives as long as this process.

    The kernel kills a zygote when the *thread* that started it ends, so it must not be any worker's thread.
    """

    def __init__(self) -> None:
        self._orders: queue.SimpleQueue[
            tuple[Callable[[], subprocess.Popen[bytes]], Future[subprocess.Popen[bytes]]]
        ]
        self._orders = queue.SimpleQueue()
        self._owner = 0
        self._lock = threading.Lock()

    def start(self, line: list[str], inherited: int) -> "subprocess.Popen[bytes]":
        """Start `line` in a session of its own, with descriptor `inherited`."""
        with self._lock:
            if self._owner != os.getpid():  # the first call, or the first in a forked process
                self._orders = queue.SimpleQueue()
                self._owner = os.getpid()
                threading.Thread(target=self._serve, name="sandbox spawner", daemon=True).start()
        done: Future[subprocess.Popen[bytes]] = Future()
        self._orders.put((lambda: _popen(line, inherited), done))
        return done.result()

    def _serve(self) -> None:
        while True:
            make, done = self._orders.get()
            try:
                done.set_result(make())
            except BaseException as error:  # noqa: BLE001 - handed to the thread that waits
                done.set_exception(error)


def _popen(line: list[str], inherited: int) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        line,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=environment(),
        cwd="/",
        pass_fds=(inherited,),
        start_new_session=True,
    )


_spawner = _Spawner()
_living: weakref.WeakSet[Zygote] = weakref.WeakSet()


@atexit.register
def _close_all() -> None:
    for zygote in list(_living):
        with contextlib.suppress(ChildProcessError):
            zygote.close()
