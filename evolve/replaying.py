"""A run done again from its record: the same decisions, without a model, a sandbox or a workload."""

from collections.abc import Sequence
from contextlib import suppress
from typing import Self

import msgspec

from evolve.archive.digest import run_digest
from evolve.archive.engine import Archive
from evolve.archive.evaluations import baseline_programs, load_evaluation, program_key
from evolve.archive.lease import RunLease
from evolve.archive.records import RunRecord
from evolve.archive.runs import last_committed
from evolve.config import Budget, Resources, Settings, make_settings
from evolve.errors import UserError
from evolve.execution.base import ExecutorSettings
from evolve.execution.isolation import IsolationLevel
from evolve.loading import LoadedProblem, ProblemReference, load_problem
from evolve.observer import Observer
from evolve.problem import Outcome, Split, Status
from evolve.program import Program, ProgramError
from evolve.running import open_run, search_with


class Replay(msgspec.Struct, frozen=True):
    """How a replay came out."""

    run: str
    proposals: int
    recorded: str
    """The digest of the record."""
    replayed: str

    @property
    def identical(self) -> bool:
        """Whether the same decisions were made."""
        return self.recorded == self.replayed


class RecordedExecutor:
    """Answers with the outcomes that a run recorded, and runs nothing."""

    def __init__(self, archive: Archive, loaded: LoadedProblem, run: RunRecord) -> None:
        assert run.reference_id is not None, "a search run has a reference run"
        self._archive = archive
        self._run_id = run.id
        with archive.reading() as connection:
            keys = baseline_programs(connection, run.reference_id)
        self._baselines = {
            loaded.baselines[name]: key for name, key in keys.items() if name in loaded.baselines
        }

    @classmethod
    async def start(cls, settings: ExecutorSettings) -> Self:
        """Not a plug-in: a record is made with what it reads from."""
        raise UserError("a record cannot be chosen as an executor; use `evolve replay`")

    @property
    def isolation(self) -> IsolationLevel:
        """Nothing runs here; each outcome carries the level under which it was recorded."""
        return IsolationLevel.NONE

    async def submit(self, source: str, split: Split, instances: Sequence[str]) -> list[Outcome]:
        """The recorded outcomes, up to the first failure; what was never recorded is `invalid`.

        That happens to programs that a run evaluated and then found to be duplicates. Nothing depends on
        them; were it otherwise, the digests would differ.
        """
        recorded = {one.instance: one for one in self._recorded(source, split)}
        found = [recorded[name] for name in instances if name in recorded]
        for count, one in enumerate(found, start=1):
            if one.status not in (Status.OK, Status.SUSPECT):
                return found[:count]
        missing = next((name for name in instances if name not in recorded), None)
        if missing is not None:
            return [Outcome(instance=missing, status=Status.INVALID, feedback="not in the record")]
        return found

    async def close(self) -> None:
        """Nothing to close: the archive is the caller's."""

    def _recorded(self, source: str, split: Split) -> Sequence[Outcome]:
        with self._archive.reading() as connection:
            key = self._baselines.get(source)
            if key is None:
                with suppress(ProgramError):
                    key = program_key(connection, self._run_id, Program.parse(source).id)
            found = None if key is None else load_evaluation(connection, key, split.value)
        return () if found is None else found.outcomes


async def replay(source: Archive, run: RunRecord, target: Archive, observer: Observer) -> Replay:
    """Do a run again from its record in `source`, into `target`, and compare the digests.

    Raises:
        UserError: The problem is not the one that was recorded.
    """
    loaded = load_problem(msgspec.convert(run.problem_reference, ProblemReference))
    if loaded.version != run.problem_version:
        raise UserError(
            f"'{run.name}' was scored by version {run.problem_version} of {run.problem}, and here is"
            f" {loaded.version}; use the evolve and the problem that made it"
        )
    settings = Settings(make_settings(run.settings["course"]).course, Budget(), Resources())
    with source.reading() as connection:
        recorded = run_digest(connection, run.id)
        last = last_committed(connection, run.id)
    if last is None:
        raise UserError(f"'{run.name}' has committed nothing yet")
    again = open_run(target, loaded, settings, run.name)
    lease = RunLease.take(target, again.id, again.name)
    try:
        executor = RecordedExecutor(source, loaded, run)
        await search_with(executor, target, loaded, settings, again, lease, observer, last=last)
    finally:
        lease.give_back()
    with target.reading() as connection:
        return Replay(run.name, last + 1, recorded, run_digest(connection, again.id))
