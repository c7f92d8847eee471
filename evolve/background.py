"""What a run had learnt when a proposal was selected, read from the archive."""

from evolve.archive.history import History
from evolve.operators.base import ParentProgram, Relative, Tried
from evolve.shelf import Shelf


class RunBackground:
    """A run as it stood after the commit of `seen`: later commits change nothing about it."""

    def __init__(self, history: History, shelf: Shelf, seen: int) -> None:
        self._history = history
        self._shelf = shelf
        self._seen = seen

    def tried(self, limit: int, operator: str | None = None) -> tuple[Tried, ...]:
        """The latest proposals that had an idea, oldest first; of one operator, if it is given."""
        return tuple(
            Tried(
                number=one.number,
                operator=one.operator,
                model=one.model,
                idea=one.idea,
                status=one.status,
                score=one.score,
                parent_score=self._shelf.program(one.parents[0]).score if one.parents else None,
            )
            for one in self._history.tried(self._seen, limit, operator)
        )

    def best(self, limit: int) -> tuple[ParentProgram, ...]:
        """The best programs on train, best first."""
        return tuple(self._shelf.program(one) for one in self._history.best_until(self._seen, limit))

    def note(self) -> str | None:
        """The latest note of what works and what does not, or None."""
        return self._history.note(self._seen)

    def family_size(self, skeleton: str) -> int:
        """How many programs of the run have this skeleton."""
        return self._history.family_size(self._seen, skeleton)

    def family(self, skeleton: str, count: int, skipped: int = 0) -> tuple[Relative, ...]:
        """The latest programs with this skeleton, oldest first, less the very latest ones `skipped`."""
        return tuple(
            Relative(one.program, one.score)
            for one in self._history.family(self._seen, skeleton, count, skipped)
        )

    def program(self, program_id: str) -> ParentProgram:
        """A program of the run."""
        return self._shelf.program(program_id)
