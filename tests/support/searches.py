"""A whole search in this process: real archive, judge and controller, with plug-ins that tests can steer."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import msgspec

from evolve.archive.digest import run_digest
from evolve.archive.engine import Archive, open_archive
from evolve.archive.history import History
from evolve.archive.journal import Journal
from evolve.archive.lease import RunLease
from evolve.archive.records import RunRecord
from evolve.archive.runs import find_or_create_run
from evolve.assembly import assemble
from evolve.config import Budget, Course, Resources, Settings
from evolve.controller import Controller
from evolve.execution.base import Executor, ExecutorSettings
from evolve.execution.isolation import IsolationLevel
from evolve.judging import Judge, reference_run
from evolve.loading import LoadedProblem, ProblemReference, load_problem
from evolve.observer import Committed, Started
from evolve.operators.base import Draft, Operator, Request, Role
from evolve.problem import CandidateFailure, Outcome, Split
from tests.support import curve
from tests.support.direct_candidate import DirectCandidate

SOURCE = "def answer(x: float) -> float:\n    # EVOLVE-BLOCK-START\n{body}\n    # EVOLVE-BLOCK-END\n"


def source_of(expression: str) -> str:
    """A program for `curve` that answers with an expression in x."""
    return SOURCE.format(body=f"    return {expression}")


def load_curve(folder: Path = curve.FOLDER) -> LoadedProblem:
    """The problem `curve`, or a changed copy of it in another folder."""
    return load_problem(ProblemReference(f"{folder}/"))


class Constants:
    """An operator whose children are constants from its random stream, drawn from so few that some repeat.

    `delay` awaits as long as the test wants an answer to take; `faults` are raised, or returned as source,
    in place of an answer, by the proposal's number.
    """

    role = Role.ORDINARY
    needs_model = False

    def __init__(
        self,
        delay: Callable[[int], Coroutine[Any, Any, None]] | None = None,
        faults: Mapping[int, Exception | str] | None = None,
        values: int = 60,
        name: str = "constants",
    ) -> None:
        self.name = name
        self.asked: list[int] = []
        self._delay = delay
        self._faults = dict(faults or {})
        self._values = values

    async def propose(self, request: Request) -> Draft:
        self.asked.append(request.number)
        value = request.random.randrange(self._values)
        if self._delay is not None:
            await self._delay(request.number)
        fault = self._faults.get(request.number)
        if isinstance(fault, Exception):
            raise fault
        return Draft(source_of(f"{value / 4}") if fault is None else fault)


class InProcessExecutor:
    """Evaluates in this process, on so many slots; `delay` awaits what an evaluation is to take."""

    def __init__(
        self,
        loaded: LoadedProblem,
        workers: int = 1,
        delay: Callable[[str], Coroutine[Any, Any, None]] | None = None,
    ) -> None:
        self.submitted: list[tuple[str, Split, tuple[str, ...]]] = []
        self._loaded = loaded
        self._slots = asyncio.Semaphore(workers)
        self._delay = delay

    @classmethod
    async def start(cls, settings: ExecutorSettings) -> Self:
        return cls(load_problem(settings.reference), settings.workers)

    @property
    def isolation(self) -> IsolationLevel:
        return IsolationLevel.NONE

    async def submit(self, source: str, split: Split, instances: Sequence[str]) -> list[Outcome]:
        self.submitted.append((source, split, tuple(instances)))
        async with self._slots:
            if self._delay is not None and split is Split.TRAIN:
                await self._delay(source)
            return self._outcomes(source, split, instances)

    def _outcomes(self, source: str, split: Split, instances: Sequence[str]) -> list[Outcome]:
        outcomes: list[Outcome] = []
        by_name = {instance.name: instance for instance in self._loaded.instances(split)}
        for name in instances:
            try:
                outcome = self._loaded.problem.evaluate(by_name[name], DirectCandidate(source))
            except CandidateFailure as failure:
                return [*outcomes, Outcome.failed(name, failure)]
            outcomes.append(outcome)
        return outcomes

    async def close(self) -> None:
        """Nothing to stop."""


class Watcher:
    """An observer that keeps what it is told, and may do something at each commit."""

    def __init__(self, at_commit: Callable[[Committed], None] | None = None) -> None:
        self.commits: list[Committed] = []
        self._at_commit = at_commit

    def preparing(self, what: str) -> None:
        pass

    def started(self, event: Started) -> None:
        pass

    def committed(self, event: Committed) -> None:
        self.commits.append(event)
        if self._at_commit is not None:
            self._at_commit(event)


class Search(msgspec.Struct, frozen=True):
    """A run in an archive with all that a controller needs for it."""

    archive: Archive
    loaded: LoadedProblem
    run: RunRecord
    lease: RunLease
    judge: Judge

    def digest(self) -> str:
        """Of what is committed."""
        with self.archive.reading() as connection:
            return run_digest(connection, self.run.id)

    def controller(
        self,
        operators: Sequence[Operator],
        course: Course,
        budget: Budget,
        observer: Watcher | None = None,
        last: int | None = None,
    ) -> Controller:
        """A controller that goes on where the archive stands; the split train has to be prepared."""
        return assemble(
            loaded=self.loaded,
            settings=Settings(course, budget, Resources()),
            journal=Journal(self.archive, self.run.id, self.lease, self.judge.instance_keys(Split.TRAIN)),
            history=History(self.archive, self.run.id),
            judge=self.judge,
            observer=observer or Watcher(),
            operators={one.name: one for one in operators},
            last=last,
        ).controller


@contextmanager
def opened_search(
    url: str, executor: Executor, loaded: LoadedProblem, course: Course, name: str = "search"
) -> Iterator[Search]:
    """The run of that name, made if it is not there, with its lease; both given back at the end."""
    archive = open_archive(url)
    try:
        reference = reference_run(archive, loaded)
        run = find_or_create_run(
            archive,
            name=name,
            kind="search",
            reference_id=reference.id,
            problem=loaded.name,
            problem_version=loaded.version,
            fingerprint="tests",
            seed=course.seed,
            settings={"course": msgspec.to_builtins(course), "budget": {}},
            problem_reference=msgspec.to_builtins(loaded.reference),
        )
        lease = RunLease.take(archive, run.id, run.name)
        try:
            yield Search(archive, loaded, run, lease, Judge(archive, loaded, executor, reference))
        finally:
            lease.give_back()
    finally:
        archive.close()


class Ended(msgspec.Struct, frozen=True):
    """How a search ended."""

    reason: str
    digest: str
    evaluations: int
    commits: list[Committed]

    @property
    def numbers(self) -> list[int]:
        """Of the commits, in the order in which they were made."""
        return [commit.number for commit in self.commits]

    @property
    def statuses(self) -> list[str]:
        """Of the commits, in the same order."""
        return [commit.status for commit in self.commits]


async def searched(
    url: str,
    operators: Sequence[Operator],
    course: Course,
    budget: Budget,
    *,
    executor: InProcessExecutor | None = None,
    loaded: LoadedProblem | None = None,
    observer: Watcher | None = None,
    steer: Callable[[Controller], None] | None = None,
    last: int | None = None,
) -> Ended:
    """Search from where the archive stands until a budget is reached."""
    loaded = loaded or load_curve()
    executor = executor or InProcessExecutor(loaded)
    watcher = observer or Watcher()
    with opened_search(url, executor, loaded, course) as search:
        await search.judge.prepare(Split.TRAIN)
        controller = search.controller(operators, course, budget, watcher, last)
        if steer is not None:
            steer(controller)
        reason = await controller.run()
        return Ended(reason, search.digest(), controller.evaluations, watcher.commits)
