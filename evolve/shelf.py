"""The programs that children can be made from: the baselines, those used lately, and all of the archive."""

from collections import OrderedDict
from collections.abc import Mapping

from evolve.archive.history import History
from evolve.archive.records import ScoredEvaluation
from evolve.operators.base import ParentProgram
from evolve.problem import Status

RECENT = 512
"""How many programs are kept in memory, so that parents need not be read from the archive."""


class Shelf:
    """Finds programs by their hashes."""

    def __init__(self, history: History, baselines: Mapping[str, ParentProgram]) -> None:
        self._history = history
        self._baselines = baselines
        self._recent: OrderedDict[str, ParentProgram] = OrderedDict()

    def program(self, program_hash: str) -> ParentProgram:
        """A program that is a baseline, or that this run has committed."""
        found = self._baselines.get(program_hash) or self._recent.get(program_hash)
        if found is None:
            stored = self._history.program(program_hash)
            found = as_parent(program_hash, stored.source, stored.evaluation)
        self.put(found)
        return found

    def put(self, program: ParentProgram) -> None:
        """Keep a program at hand."""
        if program.id in self._baselines:
            return
        self._recent[program.id] = program
        self._recent.move_to_end(program.id)
        if len(self._recent) > RECENT:
            self._recent.popitem(last=False)


def as_parent(
    program_hash: str, source: str, evaluation: ScoredEvaluation | None, baseline: str | None = None
) -> ParentProgram:
    """A program with its evaluation on train, as operators see it; only what counts has a score."""
    if evaluation is None:
        return ParentProgram(program_hash, source, None, baseline=baseline)
    counts = evaluation.status is Status.OK
    return ParentProgram(
        id=program_hash,
        source=source,
        score=evaluation.score if counts else None,
        scores=evaluation.scores,
        outcomes=evaluation.outcomes,
        baseline=baseline,
    )
