"""Evaluations in local worker processes: one job in each at a time, each with a sandbox of its own."""

import asyncio
import os
import socket
import sys
from collections.abc import Sequence
from contextlib import suppress

import msgspec

from evolve.errors import UserError
from evolve.execution.base import Executor, ExecutorSettings
from evolve.execution.isolation import IsolationError, IsolationLevel
from evolve.execution.messages import HEADER, Broken, Defect, Done, FromWorker, Greeting, Job, Ready, Refusal
from evolve.execution.messages import pack as pack_message
from evolve.llm.keys import without_secrets
from evolve.problem import InfrastructureError, Outcome, Split, Status

_ATTEMPTS = 3
"""How often a job is tried before its outcome is `infrastructure`."""


class WorkerGoneError(InfrastructureError):
    """A worker process ended or broke off in the middle of a message."""


class WorkerProcess:
    """One worker, from this side."""

    def __init__(
        self,
        process: asyncio.subprocess.Process,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        core: int | None,
    ) -> None:
        self.core = core
        self._process = process
        self._reader = reader
        self._writer = writer

    @classmethod
    async def start(
        cls, settings: ExecutorSettings, core: int | None
    ) -> tuple["WorkerProcess", IsolationLevel]:
        """A worker that has loaded the problem and probed its sandbox, on a core if one is given."""
        ours, theirs = socket.socketpair()
        with theirs:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "evolve.execution.worker",
                str(theirs.fileno()),
                pass_fds=(theirs.fileno(),),
                stdin=asyncio.subprocess.DEVNULL,
                env=without_secrets(os.environ),
                start_new_session=True,
            )
        try:
            reader, writer = await asyncio.open_connection(sock=ours)
        except BaseException:
            process.kill()
            await process.wait()
            raise
        worker = cls(process, reader, writer, core)
        try:
            answer = await worker.ask(Greeting(settings.reference, settings.min_isolation, core))
        except BaseException:
            await worker.stop()
            raise
        if isinstance(answer, Ready):
            return worker, answer.isolation
        await worker.stop()
        if isinstance(answer, Refusal):
            raise IsolationError(answer.message) if answer.kind == "isolation" else UserError(answer.message)
        raise WorkerGoneError(f"a worker answered its greeting with {type(answer).__name__}")

    @property
    def gone(self) -> bool:
        """Whether its end of the connection is known to be closed."""
        return self._reader.at_eof()

    async def ask(self, message: Greeting | Job) -> FromWorker:
        """Send a message and wait for the answer to it."""
        try:
            self._writer.write(pack_message(message))
            await self._writer.drain()
            (size,) = HEADER.unpack(await self._reader.readexactly(HEADER.size))
            body = await self._reader.readexactly(size)
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            raise WorkerGoneError("a worker process ended unexpectedly") from error
        answer: FromWorker = msgspec.msgpack.decode(body, type=FromWorker)
        return answer

    async def stop(self) -> None:
        """End the process, whatever it is doing; its sandbox goes with it."""
        self._writer.close()
        with suppress(ProcessLookupError):
            self._process.kill()
        await self._process.wait()


class LocalExecutor:
    """See the module."""

    def __init__(self, settings: ExecutorSettings) -> None:
        self._settings = settings
        self._idle: asyncio.Queue[WorkerProcess] = asyncio.Queue()
        self._all: list[WorkerProcess] = []
        self._replacing: set[asyncio.Task[None]] = set()
        self._isolation: IsolationLevel | None = None

    @classmethod
    async def start(cls, settings: ExecutorSettings) -> "LocalExecutor":
        """Start all workers side by side and wait until each is ready."""
        executor = cls(settings)
        starting = [executor._add_worker(core) for core in _cores(settings.workers)]
        try:
            results = await asyncio.gather(*starting, return_exceptions=True)
            failures = [result for result in results if isinstance(result, BaseException)]
            if failures:
                raise failures[0]
        except BaseException:
            await executor.close()
            raise
        return executor

    @property
    def isolation(self) -> IsolationLevel:
        """The level that the workers found by probing; they all run the same way."""
        assert self._isolation is not None, "the executor has been started"
        return self._isolation

    async def submit(self, source: str, split: Split, instances: Sequence[str]) -> list[Outcome]:
        """Evaluate on the next worker that is free, and on another one if that fails us."""
        job = Job(source=source, split=split, instances=tuple(instances))
        trouble = ""
        for _ in range(_ATTEMPTS):
            worker = await self._idle.get()
            try:
                while worker.gone:  # it died idle, which says nothing about the job
                    await self._replace(worker)
                    worker = await self._idle.get()
                answer = await worker.ask(job)
            except WorkerGoneError as error:
                await self._replace(worker)
                trouble = str(error)
                continue
            except asyncio.CancelledError:
                self._replace_later(worker)
                raise
            self._idle.put_nowait(worker)
            if isinstance(answer, Done):
                return list(answer.outcomes)
            if isinstance(answer, Defect):
                raise UserError(f"the problem's own evaluator failed:\n{answer.message}")
            trouble = answer.message if isinstance(answer, Broken) else f"unexpected {answer!r}"
        return [Outcome(instance=instances[0], status=Status.INFRASTRUCTURE, feedback=trouble)]

    async def close(self) -> None:
        """Stop all workers."""
        for task in self._replacing:
            task.cancel()
        await asyncio.gather(*self._replacing, return_exceptions=True)
        await asyncio.gather(*(worker.stop() for worker in self._all))
        self._all.clear()

    async def _add_worker(self, core: int | None) -> None:
        worker, isolation = await WorkerProcess.start(self._settings, core)
        self._isolation = isolation
        self._all.append(worker)
        self._idle.put_nowait(worker)

    def _replace_later(self, worker: WorkerProcess) -> None:
        """Replace a worker whose answer nobody waits for any more, without making the caller wait."""
        task = asyncio.create_task(self._replace(worker))
        self._replacing.add(task)
        task.add_done_callback(self._replacing.discard)

    async def _replace(self, worker: WorkerProcess) -> None:
        await worker.stop()
        if worker in self._all:
            self._all.remove(worker)
            await self._add_worker(worker.core)


def _cores(workers: int) -> list[int | None]:
    """A core for each worker, where there is a worker for every core; else the system may choose.

    A worker and its candidate take turns, and on one core a turn costs a fraction of what it costs to wake
    another core that has gone to sleep. With fewer workers, those of several runs could meet on one core.
    """
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_setaffinity") else []
    if not cores or workers < len(cores):
        return [None] * workers
    return [cores[number % len(cores)] for number in range(workers)]


executor: type[Executor] = LocalExecutor
