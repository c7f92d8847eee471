"""Serves commands from a process that has imported what nearly all of them import.

    python -m tests.support.warm_server DESCRIPTOR

Importing takes most of the CPU time of a short command, and the tests run many hundreds. For each request
this process forks; the child takes over the working directory, the environment and the outputs, and then is
what `python -m evolve` would be, to the exit of the interpreter. Requests and answers are JSON in packets on
the socket of that descriptor; see `tests.support.warm`.
"""

import importlib
import json
import os
import runpy
import socket
import sys
from pathlib import Path

_USED_BY_MOST = ("evolve.cli", "evolve.archive.runs", "evolve.controller", "results.programs")
LARGEST_REQUEST = 2**17


def next_command(connection: socket.socket) -> list[str] | None:
    """In a child: the words of its command. In the server: None, once nobody asks any more."""
    while True:
        message, descriptors, _, _ = socket.recv_fds(connection, LARGEST_REQUEST, 2)
        if not message:
            return None
        request = json.loads(message)
        child = os.fork()
        if child == 0:
            connection.close()
            _become(request, *descriptors)
            words: list[str] = request["words"]
            return words
        for descriptor in descriptors:
            os.close(descriptor)
        connection.send(json.dumps({"pid": child}).encode())
        _, status = os.waitpid(child, 0)
        connection.send(json.dumps({"code": os.waitstatus_to_exitcode(status)}).encode())


def _become(request: dict[str, object], out: int, err: int) -> None:
    os.chdir(str(request["cwd"]))
    os.environ.clear()
    environment = request["environment"]
    assert isinstance(environment, dict)
    os.environ.update(environment)
    os.dup2(out, 1)
    os.dup2(err, 2)
    os.close(out)
    os.close(err)


if __name__ == "__main__":
    for module in _USED_BY_MOST:
        importlib.import_module(module)
    found = next_command(socket.socket(fileno=int(sys.argv[1])))
    if found is not None:
        sys.argv[1:] = found
        sys.path[0] = str(Path.cwd())  # as -m does
        runpy.run_module("evolve", run_name="__main__", alter_sys=True)
