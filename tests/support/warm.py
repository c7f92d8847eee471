"""Runs commands in processes that need not import everything first. See `tests.support.warm_server`."""

import atexit
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).parents[2]


class WarmServer:
    """The process that others are forked from, one at a time. It ends with this one."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        mine, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._socket = mine
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.warm_server", str(theirs.fileno())],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            pass_fds=[theirs.fileno()],
        )
        theirs.close()
        atexit.register(self._end)

    def run(
        self, words: Sequence[str], cwd: Path, environment: Mapping[str, str], timeout: float
    ) -> tuple[int, str, str]:
        """Exit code, standard output and standard error of a command; minus the signal where one ended it.

        Raises:
            subprocess.TimeoutExpired: It ran longer than `timeout`, seconds, and was killed.
        """
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            request = {"words": list(words), "cwd": str(cwd), "environment": dict(environment)}
            self._socket.settimeout(None)
            socket.send_fds(self._socket, [json.dumps(request).encode()], [out.fileno(), err.fileno()])
            child = json.loads(self._socket.recv(2**10))["pid"]
            self._socket.settimeout(timeout)
            try:
                answer = self._socket.recv(2**10)
            except TimeoutError:
                os.kill(child, signal.SIGKILL)
                self._socket.settimeout(None)
                self._socket.recv(2**10)
                raise subprocess.TimeoutExpired(list(words), timeout) from None
            texts = []
            for file in (out, err):
                file.seek(0)
                texts.append(file.read().decode().replace("\r\n", "\n"))
            return int(json.loads(answer)["code"]), texts[0], texts[1]

    def _end(self) -> None:
        self._socket.close()
        self._process.wait(10)
