"""Where shipped and hostile programs are run: two worker processes, and a sandbox that can be looked into."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager

import msgspec

from evolve.errors import UserError
from evolve.execution.base import Executor, ExecutorSettings
from evolve.execution.isolation import DEFAULT_MINIMUM, IsolationLevel
from evolve.execution.sandbox import Sandbox
from evolve.loading import LoadedProblem
from evolve.problem import (
    Candidate,
    CandidateFailure,
    Floats,
    InfrastructureError,
    Instance,
    Limits,
    Outcome,
    Split,
    Status,
    Table,
    Value,
)
from evolve.registry import EXECUTOR, find

_HASH_SEEDS = ("1", "4242")
WORKERS = len(_HASH_SEEDS)
_MOST_REPLIES = 64


class EvaluatorError(Exception):
    """The evaluator itself failed; the message is the last line of its traceback."""


class Recorder:
    """A candidate that passes everything on and remembers it."""

    def __init__(self, candidate: Candidate) -> None:
        self.functions: list[str] = []
        """What was asked for by name with `call`, `create` or `lockstep`, each once."""
        self.arguments: list[tuple[Value, ...]] = []
        """Of the first calls and steps."""
        self.replies: list[object] = []
        """Of the first calls and steps."""
        self.steps = False
        self._candidate = candidate

    def call(self, function: str, *args: Value) -> object:
        """As the candidate's."""
        self._note(function, args)
        return self._reply(self._candidate.call(function, *args))

    def create(self, cls: str, *args: Value) -> None:
        """As the candidate's."""
        self._note(cls, args)
        self._candidate.create(cls, *args)

    def step(self, method: str, *args: Value) -> object:
        """As the candidate's."""
        self.steps = True
        self._note("", args)
        return self._reply(self._candidate.step(method, *args))

    def lockstep(self, function: str, *tables: Table) -> Floats:
        """As the candidate's."""
        self._note(function, tuple(table.rows for table in tables))
        return self._candidate.lockstep(function, *tables)

    def __getattr__(self, name: str) -> object:
        # What a plug-in reaches for beyond the protocol is there, so that it fails as it would in a run.
        return getattr(self._candidate, name)

    def _note(self, function: str, args: tuple[Value, ...]) -> None:
        if function and function not in self.functions:
            self.functions.append(function)
        if len(self.arguments) < _MOST_REPLIES:
            self.arguments.append(args)

    def _reply(self, reply: object) -> object:
        if len(self.replies) < _MOST_REPLIES:
            self.replies.append(reply)
        return reply


class Attempt(msgspec.Struct, frozen=True):
    """One program on one instance, seen from inside."""

    outcome: Outcome | None
    """None where the evaluator failed."""
    error: str
    """How the evaluator failed; empty where it did not."""
    recorder: Recorder

    @property
    def valid(self) -> bool:
        """Whether the program's decisions were accepted."""
        return self.outcome is not None and self.outcome.status is Status.OK


class Timed(msgspec.Struct, frozen=True):
    """Outcomes, and the wall time they took."""

    outcomes: list[Outcome]
    seconds: float


class Bench:
    """See the module; made by `open_bench`."""

    def __init__(self, loaded: LoadedProblem, workers: Sequence[Executor], sandbox: Sandbox) -> None:
        self.loaded = loaded
        self._workers = workers
        self._free = [asyncio.Lock() for _ in workers]
        self._sandbox = sandbox

    @property
    def isolation(self) -> IsolationLevel:
        """What probing found."""
        return self._sandbox.report.level

    async def evaluate(self, source: str, split: Split, names: Sequence[str], worker: int = 0) -> Timed:
        """Evaluate a program in one of the two worker processes, whose hash seeds differ.

        Raises:
            EvaluatorError: The evaluator failed.
            InfrastructureError: The program cannot be evaluated on this machine.
        """
        async with self._free[worker]:  # or the time would be that of waiting
            begun = time.monotonic()
            try:
                outcomes = await self._workers[worker].submit(source, split, names)
            except UserError as error:
                raise EvaluatorError(str(error).strip().splitlines()[-1]) from error
            seconds = time.monotonic() - begun
        failed = next((one for one in outcomes if one.status is Status.INFRASTRUCTURE), None)
        if failed is not None:
            raise InfrastructureError(f"evaluations fail on this machine: {failed.feedback}")
        return Timed(outcomes, seconds)

    def attempt(self, source: str, instance: Instance[object], limits: Limits | None = None) -> Attempt:
        """Run a program on an instance in this process's sandbox, under the problem's limits or others."""
        problem = self.loaded.problem
        with self._sandbox.open(source, limits or problem.limits) as candidate:
            recorder = Recorder(candidate)
            try:
                outcome = problem.evaluate(instance, recorder)
            except CandidateFailure as failure:
                return Attempt(Outcome.failed(instance.name, failure), "", recorder)
            except InfrastructureError:
                raise
            except Exception as error:  # noqa: BLE001 - whatever a plug-in raises is what is looked for here
                return Attempt(None, f"{type(error).__name__}: {error}", recorder)
        return Attempt(outcome, "", recorder)


@asynccontextmanager
async def open_bench(loaded: LoadedProblem, min_isolation: str | None) -> AsyncIterator[Bench]:
    """Start the workers and the sandbox; stop them at the end.

    Raises:
        IsolationError: The sandbox is weaker than what is demanded.
    """
    minimum = DEFAULT_MINIMUM if min_isolation is None else IsolationLevel(min_isolation)
    kind: type[Executor] = find(EXECUTOR, "local")
    workers: list[Executor] = []
    try:
        for seed in _HASH_SEEDS:
            with _environment(PYTHONHASHSEED=seed):
                workers.append(await kind.start(ExecutorSettings(loaded.reference, 1, min_isolation)))
        with Sandbox(needs_numpy=loaded.problem.needs_numpy, minimum=minimum) as sandbox:
            yield Bench(loaded, workers, sandbox)
    finally:
        for worker in workers:
            await worker.close()


@contextmanager
def _environment(**changes: str) -> Iterator[None]:
    """Set variables for the processes that are started meanwhile."""
    before = {name: os.environ.get(name) for name in changes}
    os.environ.update(changes)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
