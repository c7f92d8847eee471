"""An executor that runs nothing: it answers with the outcomes that a run recorded."""

from collections.abc import Sequence
from contextlib import suppress
from typing import Self

from evolve.archive.engine import Archive
from evolve.archive.evaluations import baseline_programs, load_evaluation, program_key
from evolve.archive.records import RunRecord
from evolve.errors import UserError
from evolve.execution.base import ExecutorSettings
from evolve.execution.isolation import IsolationLevel
from evolve.loading import LoadedProblem
from evolve.problem import Outcome, Split, Status
from evolve.program import Program, ProgramError


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
