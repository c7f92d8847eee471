"""Runs commands in processes that need not import everything first. See `tests.support.warm_server`."""

import atexit
import json
import os
import queue
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import msgspec

from tests.support.warm_server import Request

ROOT = Path(__file__).parents[2]


class WarmProcess:
    """A command that was started, as `subprocess.Popen` would have it. It leads a session of its own."""

    def __init__(self, pid: int, words: Sequence[str]) -> None:
        self.pid = pid
        self.args = list(words)
        self.returncode: Any = None
        """The exit code once it has ended, minus the signal where one ended it; None before."""
        self.stdout: IO[str] | None = None
        self.stderr: IO[str] | None = None
        self._ended = threading.Event()
        self._texts: dict[int, str] = {}
        self._readers: list[threading.Thread] = []

    def __enter__(self) -> "WarmProcess":
        return self

    def __exit__(self, *_: object) -> None:
        for stream in (self.stdout, self.stderr):
            if stream is not None:
                stream.close()
        self.wait()

    def poll(self) -> int | None:
        """The exit code, or None while it is going."""
        return None if self.returncode is None else int(self.returncode)

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end, so many seconds at most; the exit code.

        Raises:
            subprocess.TimeoutExpired: It is still going.
        """
        if not self._ended.wait(timeout):
            raise subprocess.TimeoutExpired(self.args, timeout or 0.0)
        return int(self.returncode)

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """Wait for its end; what it has written to standard output and standard error, and was not read yet.

        Raises:
            subprocess.TimeoutExpired: It is still going, or somebody else holds its outputs open.
        """
        streams = [stream for stream in (self.stdout, self.stderr) if stream is not None]
        if not self._readers:
            self._readers = [
                threading.Thread(target=self._read, args=(place, stream), daemon=True)
                for place, stream in enumerate(streams)
            ]
            for reader in self._readers:
                reader.start()
        for reader in self._readers:
            reader.join(timeout)
            if reader.is_alive():
                raise subprocess.TimeoutExpired(self.args, timeout or 0.0)
        self.wait(timeout)
        return self._texts.get(0, ""), self._texts.get(1, "")

    def send_signal(self, number: int) -> None:
        """Send it a signal, unless it has ended."""
        if self.returncode is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """Kill it, unless it has ended."""
        self.send_signal(signal.SIGKILL)

    def has_ended(self, code: int) -> None:
        """It has been waited for."""
        self.returncode = code
        self._ended.set()

    def _read(self, place: int, stream: IO[str]) -> None:
        self._texts[place] = stream.read()
        stream.close()


class WarmServer:
    """The process that others are forked from. It ends with this one. `modules` are imported beforehand."""

    def __init__(self, *modules: str) -> None:
        mine, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._socket = mine
        self._asking = threading.Lock()
        self._asked: Sequence[str] = ()
        self._started: queue.SimpleQueue[WarmProcess] = queue.SimpleQueue()
        self._server = subprocess.Popen(
            [sys.executable, "-m", "tests.support.warm_server", str(theirs.fileno()), *modules],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            pass_fds=[theirs.fileno()],
        )
        theirs.close()
        threading.Thread(target=self._listen, daemon=True).start()
        atexit.register(self._end)

    def start(
        self, words: Sequence[str], cwd: Path, environment: Mapping[str, str], module: str = "evolve"
    ) -> WarmProcess:
        """Start a command; its outputs are pipes to this process."""
        (out, written_out), (err, written_err) = os.pipe(), os.pipe()
        try:
            process = self._start(words, cwd, environment, module, written_out, written_err)
        finally:
            os.close(written_out)
            os.close(written_err)
        process.stdout, process.stderr = os.fdopen(out), os.fdopen(err)
        return process

    def run(
        self,
        words: Sequence[str],
        cwd: Path,
        environment: Mapping[str, str],
        timeout: float,
        module: str = "evolve",
    ) -> tuple[int, str, str]:
        """Exit code, standard output and standard error of a command; minus the signal where one ended it.

        Raises:
            subprocess.TimeoutExpired: It ran longer than `timeout`, seconds, and was killed.
        """
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            process = self._start(words, cwd, environment, module, out.fileno(), err.fileno())
            try:
                code = process.wait(timeout)
            finally:
                process.kill()
            return code, _text(out), _text(err)

    def _start(
        self,
        words: Sequence[str],
        cwd: Path,
        environment: Mapping[str, str],
        module: str,
        out: int,
        err: int,
    ) -> WarmProcess:
        request = Request(module, list(words), str(cwd), dict(environment))
        with self._asking:
            self._asked = request.words
            socket.send_fds(self._socket, [msgspec.json.encode(request)], [out, err])
            return self._started.get(timeout=60.0)

    def _listen(self) -> None:
        """Take the answers: one to each request, and one at the end of each process."""
        going: dict[int, WarmProcess] = {}
        while message := self._socket.recv(2**10):
            answer: dict[str, Any] = json.loads(message)
            if "started" in answer:
                process = going[answer["started"]] = WarmProcess(answer["started"], self._asked)
                self._started.put(process)
            else:
                going.pop(answer["ended"]).has_ended(answer["code"])

    def _end(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._server.wait(10)
        self._socket.close()


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode().replace("\r\n", "\n")
