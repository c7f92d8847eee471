"""Serves commands from a process that has imported what nearly all of them import.

    python -m tests.support.warm_server DESCRIPTOR [MODULE ...]

Importing takes most of the CPU time of a short command, and the tests run many hundreds. For each request
this process forks; the child takes over the working directory, the environment and the outputs, and then is
what `python -m evolve` would be, to the exit of the interpreter. Modules beyond the usual ones are named by
whoever wants them. Requests and answers are JSON in packets on the socket of that descriptor; see
`tests.support.warm`.
"""

import gc
import importlib
import json
import os
import runpy
import select
import signal
import socket
import sys
from pathlib import Path

import msgspec

_USED_BY_MOST = (
    "evolve.cli",
    "evolve.cli.progress",
    "evolve.cli.run",
    "evolve.archive.runs",
    "evolve.controller",
    "evolve.execution.local",
    "evolve.operators.expressions",
    "evolve.operators.macros",
    "evolve.operators.simplify",
    "evolve.operators.statements",
    "evolve.operators.tuning",
    "evolve.running",
    "evolve.search.pareto",
    "jinja2.sandbox",
    "numpy",
    "results.programs",
    "rich.table",
)
LARGEST_REQUEST = 2**17


class Request(msgspec.Struct, frozen=True):
    """A command that is to be run."""

    module: str
    """What is run as `python -m` would."""
    words: list[str]
    cwd: str
    environment: dict[str, str]


class _Server:
    """Forks for each request, and tells of each child's end."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._ended, self._rouse = os.pipe()
        for end in (self._ended, self._rouse):
            os.set_blocking(end, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._rouse, warn_on_full_buffer=False)

    def next_command(self) -> Request | None:
        """In a child: its command. In the server: None, once nobody asks any more."""
        while True:
            ready, _, _ = select.select([self._connection.fileno(), self._ended], [], [])
            if self._ended in ready:
                os.read(self._ended, 2**10)
                self._tell_of_the_ended()
            if self._connection.fileno() in ready:
                message, descriptors, _, _ = socket.recv_fds(self._connection, LARGEST_REQUEST, 2)
                if not message:
                    return None
                request = msgspec.json.decode(message, type=Request)
                child = os.fork()
                if child == 0:
                    self._leave()
                    _become(request, *descriptors)
                    return request
                for descriptor in descriptors:
                    os.close(descriptor)
                self._connection.send(json.dumps({"started": child}).encode())

    def _tell_of_the_ended(self) -> None:
        while True:
            try:
                child, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if child == 0:
                return
            code = os.waitstatus_to_exitcode(status)
            self._connection.send(json.dumps({"ended": child, "code": code}).encode())

    def _leave(self) -> None:
        """In a child: be no server any more."""
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        self._connection.close()
        os.close(self._ended)
        os.close(self._rouse)


def _become(request: Request, out: int, err: int) -> None:
    os.setsid()
    os.chdir(request.cwd)
    os.environ.clear()
    os.environ.update(request.environment)
    os.dup2(out, 1)
    os.dup2(err, 2)
    os.close(out)
    os.close(err)


if __name__ == "__main__":
    for module in (*_USED_BY_MOST, *sys.argv[2:]):
        importlib.import_module(module)
    gc.collect()
    gc.freeze()  # or each child would copy what its first collections look at
    found = _Server(socket.socket(fileno=int(sys.argv[1]))).next_command()
    if found is not None:
        sys.argv[1:] = found.words
        sys.path[0] = str(Path.cwd())  # as -m does
        runpy.run_module(found.module, run_name="__main__", alter_sys=True)
