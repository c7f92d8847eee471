"""Makes sure of what every child of the offline operators is: new, whole, and not too large."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from evolve.operators.base import Draft, NoProposal, Request
from evolve.operators.sites import Syntax, syntax_of
from evolve.program import Program, ProgramError, Region, check_entry_point, check_outside_unchanged

MAX_DRAWS = 64
"""How many changes are drawn before an operator gives up; most that do not fit cost next to nothing."""
MAX_CHILDREN = 12
"""How many changed sources are parsed before an operator gives up."""
MAX_EXPRESSION_NODES = 140
"""How many nodes the expression of a statement may grow to: some 45 features."""
MAX_BLOCK_NODES = 1000
"""How many nodes an EVOLVE-BLOCK region may grow to: some 100 lines. A parent that is already larger than
either limit may be changed, but not grow."""


@dataclass(frozen=True, slots=True)
class Change:
    """A change to a parent that has not been looked at yet.

    `growth` is the number of nodes that it adds to the region, and `expression_growth` of these to an
    expression that had `expression_size`.
    """

    source: str
    region: Region
    growth: int
    expression_size: int = 0
    expression_growth: int = 0


def first_child(request: Request, change: Callable[[Syntax], Change | None]) -> Draft:
    """The first child that is as it should be, among some random changes.

    `change` makes one at random, or None where what it drew does not fit. A child parses, has the entry
    point, has its parent's text outside the regions, is within the limits of size and differs from all of
    the request's programs.

    Raises:
        NoProposal: There is no parent, the parent is no program, or no change came out as it should.
    """
    if not request.parents:
        raise NoProposal("there is no parent to change")
    parent = request.parents[0]
    try:
        syntax = syntax_of(parent.source, request.brief)
    except ProgramError as error:
        raise NoProposal(f"the parent is not a program: {error}") from error
    taken = {program.id for program in (*request.parents, *request.inspirations)}
    failures: Counter[str] = Counter()
    parsed = 0
    for _ in range(MAX_DRAWS):
        if parsed == MAX_CHILDREN:
            break
        made = change(syntax)
        if made is None:
            failures["did not fit"] += 1
        elif not _is_small_enough(made, syntax):
            failures["too large"] += 1
        else:
            parsed += 1
            try:
                child = Program.parse(made.source)
                check_outside_unchanged(child.source, parent.source)
                check_entry_point(child, request.brief.entry_point)
            except ProgramError as error:
                failures[str(error)] += 1
                continue
            if child.id not in taken:
                return Draft(child.source)
            failures["not new"] += 1
    reasons = ", ".join(f"{reason} ({count})" for reason, count in failures.most_common())
    raise NoProposal(f"no change of the parent made a child: {reasons}")


def _is_small_enough(change: Change, syntax: Syntax) -> bool:
    if change.growth > 0 and syntax.block_size(change.region) + change.growth > MAX_BLOCK_NODES:
        return False
    if change.expression_growth <= 0:
        return True
    return change.expression_size + change.expression_growth <= MAX_EXPRESSION_NODES
