"""A worker process: holds a problem and a sandbox, and evaluates what it is sent.

Started by the local executor as `python -m evolve.execution.worker FD`. It ends when its controller does,
however that ends.
"""

import os
import select
import signal
import socket
import sys
import threading
import traceback
from contextlib import suppress
from typing import Any, TypeVar

import msgspec

from evolve.errors import UserError
from evolve.execution.evaluate import evaluate_program
from evolve.execution.isolation import IsolationError, IsolationLevel
from evolve.execution.messages import (
    HEADER,
    Broken,
    Defect,
    Done,
    FromWorker,
    Greeting,
    Job,
    Ready,
    Refusal,
    pack,
)
from evolve.execution.sandbox import Sandbox
from evolve.loading import LoadedProblem, load_problem
from evolve.problem import InfrastructureError, Instance, Split

MessageT = TypeVar("MessageT")


class Worker:
    """Serves one controller over a connected socket until that end is closed."""

    def __init__(self, connection: socket.socket, loaded: LoadedProblem, sandbox: Sandbox) -> None:
        self._connection = connection
        self._loaded = loaded
        self._sandbox = sandbox
        self._instances: dict[Split, dict[str, Instance[Any]]] = {}

    def serve(self) -> None:
        """Answer jobs, one at a time."""
        while (job := receive(self._connection, Job)) is not None:
            send(self._connection, self._answer(job))

    def _answer(self, job: Job) -> FromWorker:
        try:
            instances = self._choose(job)
            outcomes = evaluate_program(self._loaded.problem, self._sandbox, job.source, instances)
        except InfrastructureError as error:
            return Broken(str(error))
        except Exception:  # noqa: BLE001 - whatever a plug-in's evaluator raises ends the run with its traceback
            return Defect(traceback.format_exc())
        return Done(tuple(outcomes))

    def _choose(self, job: Job) -> list[Instance[Any]]:
        if job.split not in self._instances:
            found = self._loaded.instances(job.split)
            self._instances[job.split] = {instance.name: instance for instance in found}
        return [self._instances[job.split][name] for name in job.instances]


def send(connection: socket.socket, message: FromWorker) -> None:
    """Tell the other end something; where it has just been closed, nobody is left to be told."""
    with suppress(ConnectionError):
        connection.sendall(pack(message))


def receive(connection: socket.socket, kind: type[MessageT]) -> MessageT | None:
    """The next message from the other end, or None where that is closed."""
    header = _read(connection, HEADER.size)
    if header is None:
        return None
    body = _read(connection, HEADER.unpack(header)[0])
    return None if body is None else msgspec.msgpack.decode(body, type=kind)


def _read(connection: socket.socket, size: int) -> bytes | None:
    chunks = bytearray()
    while len(chunks) < size:
        try:
            chunk = connection.recv(size - len(chunks))
        except ConnectionResetError:  # closed with something of ours unread
            return None
        if not chunk:
            return None
        chunks += chunk
    return bytes(chunks)


def _open_sandbox(loaded: LoadedProblem, minimum: str | None) -> Sandbox:
    needs_numpy = loaded.problem.needs_numpy
    if minimum is None:
        return Sandbox(needs_numpy=needs_numpy)
    return Sandbox(needs_numpy=needs_numpy, minimum=IsolationLevel(minimum))


def _end_with(connection: socket.socket) -> None:
    """End this process as soon as the other end is closed, even in the middle of a long evaluation.

    Nobody is left then to answer to. The sandbox ends with this process.
    """
    closed = select.poll()
    closed.register(connection, select.POLLHUP)
    closed.poll()
    os.kill(os.getpid(), signal.SIGKILL)


def main(descriptor: int) -> None:
    """Greet, load, probe, serve."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM, fileno=descriptor) as connection:
        threading.Thread(target=_end_with, args=(connection,), name="watch controller", daemon=True).start()
        greeting = receive(connection, Greeting)
        if greeting is None:
            return
        if greeting.core is not None:
            os.sched_setaffinity(0, {greeting.core})
        try:
            loaded = load_problem(greeting.reference)
            sandbox = _open_sandbox(loaded, greeting.min_isolation)
        except UserError as error:
            send(connection, Refusal("problem", str(error)))
            return
        except IsolationError as error:
            send(connection, Refusal("isolation", str(error)))
            return
        with sandbox:
            send(connection, Ready(sandbox.report.level))
            Worker(connection, loaded, sandbox).serve()


if __name__ == "__main__":
    main(int(sys.argv[1]))
