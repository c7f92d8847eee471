"""Turns a champion into a program that people can read, and that is as good as it was.

What does nothing goes first; then every part is left out that the score can do without, the largest first;
then constants lose the digits that they can do without; and long lines are broken.

As far as the score allows means: on train and on validation the program keeps all but `TOLERANCE` of the
score that it had when it came here, however many steps it takes; and over both splits together, as the
geometric mean of the two, it loses nothing. Test is not looked at. A step that would cost more is not taken.
So parts that fitted train by chance and do not help on validation go sooner than others; and where the search
for parts to leave out was not cut short by `max_programs`, the program is known to need each that is left.
"""

from collections.abc import Awaitable, Callable

import msgspec

from evolve.layout import laid_out
from evolve.operators.base import Brief
from evolve.operators.cleaning import cleaned
from evolve.operators.reductions import reduced, reductions, roundings
from evolve.operators.sites import Syntax
from evolve.problem import Split
from evolve.program import Program

TOLERANCE = 0.002
"""The share of its score on a split that a program may lose by being simplified."""
MAX_PROGRAMS = 200
"""How many programs are evaluated at most, on train or on both splits."""
_EXACT = 1e-9

Evaluate = Callable[[str, Split], Awaitable[float | None]]
"""The score of a source on a split; None where it failed."""


class Simplified(msgspec.Struct, frozen=True):
    """A simpler program."""

    source: str
    train: float
    validation: float
    programs: int
    """How many programs were evaluated."""


async def simplify(
    source: str, brief: Brief, evaluate: Evaluate, max_programs: int = MAX_PROGRAMS
) -> Simplified:
    """The simplest program that is found on the way down from a source, laid out.

    The steps depend on the scores alone, so the same evaluations give the same program.

    Args:
        source: A program with a score on train and on validation.
        brief: Its problem.
        evaluate: Scores sources, on train and on validation.
        max_programs: How many programs may be evaluated.

    Raises:
        ValueError: The program has no score to begin with.
        ProgramError: The source is not a program.
    """
    train, validation = [await evaluate(source, split) for split in (Split.TRAIN, Split.VALIDATION)]
    if train is None or validation is None:
        raise ValueError("a program without a score cannot be simplified")
    descent = _Descent(source, brief, evaluate, (train, validation), max_programs)
    await descent.run()
    return Simplified(laid_out(descent.source), *descent.scores, programs=descent.programs)


class _Descent:
    """Takes steps down, each to a program that is simpler and allowed."""

    def __init__(
        self, source: str, brief: Brief, evaluate: Evaluate, scores: tuple[float, float], max_programs: int
    ) -> None:
        self.source = source
        self.scores = scores
        self.programs = 0
        self._brief = brief
        self._evaluate = evaluate
        self._first = scores
        self._max_programs = max_programs
        self._refused = {Program.parse(source).id}

    async def run(self) -> None:
        """Go down as far as it goes."""
        await self._step(cleaned(self.source, self._brief))
        while await self._leave_out():
            pass
        await self._round()
        await self._step(cleaned(self.source, self._brief))

    async def _leave_out(self) -> bool:
        """One part less; whether there was one."""
        syntax = Syntax(self.source, self._brief)
        for reduction in sorted(reductions(syntax), key=lambda one: -one.saved):
            shorter = reduced(syntax, reduction, self._brief)
            if shorter is not None and await self._step(cleaned(shorter, self._brief)):
                return True
        return False

    async def _round(self) -> None:
        """As few digits as possible: all constants alike, then each by itself."""
        for digits in (1, 2):
            syntax = Syntax(self.source, self._brief)
            found = roundings(syntax, self.source, self._brief, digits)
            if found and await self._step(syntax.text.edited(*(one.edit for one in found))):
                break
        for digits in (1, 2):
            position = 0
            while True:
                syntax = Syntax(self.source, self._brief)
                found = roundings(syntax, self.source, self._brief, digits)
                if position >= len(found):
                    break
                if not await self._step(syntax.text.edited(found[position].edit)):
                    position += 1

    async def _step(self, source: str) -> bool:
        """Go on with a program if it is allowed; whether it is."""
        identity = Program.parse(source).id
        if identity in self._refused or self.programs >= self._max_programs:
            return False
        self._refused.add(identity)
        self.programs += 1
        train = await self._evaluate(source, Split.TRAIN)
        if train is None or not self._keeps(train, self._first[0]):
            return False
        validation = await self._evaluate(source, Split.VALIDATION)
        if validation is None or not self._keeps(validation, self._first[1]):
            return False
        if train * validation < self._first[0] * self._first[1] * (1.0 - _EXACT):
            return False
        self.source, self.scores = source, (train, validation)
        return True

    def _keeps(self, score: float, first: float) -> bool:
        return score >= first * (1.0 - TOLERANCE)
