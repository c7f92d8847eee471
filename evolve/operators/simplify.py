"""Makes a program simpler: what does nothing goes, and mostly one or two parts more.

Of programs that score the same on every instance a population keeps the shorter one, so the operator pays by
what other operators then have to change: less that does not matter.
"""

from evolve.operators.base import Draft, Request, Role
from evolve.operators.children import Change, first_child
from evolve.operators.cleaning import cleaned
from evolve.operators.reductions import Reduction, reduced, reductions, roundings
from evolve.operators.sites import Syntax, syntax_of

ONLY_CLEANED = 0.15
"""How often nothing is done beyond what leaves the program's behaviour as it was."""
ROUNDED = 0.15
"""How often the constants are rounded, to one or two digits."""


class SimplifyOperator:
    """Leaves out what does nothing, and tries what else can be left out."""

    name = "simplify"
    role = Role.ORDINARY
    needs_model = False

    async def propose(self, request: Request) -> Draft:
        """A child that is simpler.

        Raises:
            NoProposal: Nothing can be left out.
        """
        return first_child(request, lambda syntax: _simpler(request, syntax))


operator = SimplifyOperator()


def _simpler(request: Request, syntax: Syntax) -> Change | None:
    rng, brief = request.random, request.brief
    source = request.parents[0].source
    draw = rng.random()
    if draw < ONLY_CLEANED:
        return _change(cleaned(source, brief), syntax)
    if draw < ONLY_CLEANED + ROUNDED:
        found = roundings(syntax, source, brief, rng.choice((1, 2)))
        return _change(cleaned(syntax.text.edited(*(one.edit for one in found)), brief), syntax)
    for _ in range(rng.choice((1, 1, 2))):
        now = syntax_of(source, brief)
        choices = reductions(now)
        if not choices:
            return None
        shorter = reduced(now, rng.choices(choices, [_weight(one) for one in choices])[0], brief)
        if shorter is None:
            return None
        source = shorter
    return _change(cleaned(source, brief), syntax)


def _weight(reduction: Reduction) -> float:
    """Small parts first: large ones are most of the program."""
    return 1.0 / (2.0 + reduction.saved)


def _change(source: str, syntax: Syntax) -> Change:
    return Change(source, syntax.regions[0], 0)
