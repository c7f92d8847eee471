import pytest

from evolve.operators.base import Draft, NoProposal
from evolve.operators.children import MAX_BLOCK_NODES, MAX_CHILDREN, MAX_EXPRESSION_NODES, Change, first_child
from evolve.operators.sites import Syntax
from tests.evolve.operators.programs import COMPOSITE, SHORTEST_FIRST, request

GOOD = SHORTEST_FIRST.replace("duration", "remaining_work")


def change(
    syntax: Syntax, source: str, growth: int = 0, expression_size: int = 0, expression_growth: int = 0
) -> Change:
    return Change(source, syntax.regions[0], growth, expression_size, expression_growth)


def test_the_first_that_is_as_it_should_be() -> None:
    sources = iter(["def f(:", "x = 1", SHORTEST_FIRST, "# new comment\n" + SHORTEST_FIRST, GOOD])
    assert first_child(request(SHORTEST_FIRST), lambda syntax: change(syntax, next(sources))) == Draft(GOOD)
    assert not list(sources)


def test_a_child_like_an_inspiration_is_not_new() -> None:
    with pytest.raises(NoProposal, match=rf"not new \({MAX_CHILDREN}\)"):
        first_child(request(SHORTEST_FIRST, lenders=(GOOD,)), lambda syntax: change(syntax, GOOD))


def test_a_change_outside_the_regions_is_refused() -> None:
    changed = COMPOSITE.replace("ALPHA = 0.5", "ALPHA = 0.75")
    with pytest.raises(NoProposal, match="line 3: outside the EVOLVE-BLOCK regions"):
        first_child(request(COMPOSITE), lambda syntax: change(syntax, changed))


@pytest.mark.parametrize(
    ("growth", "size", "expression_growth", "fits"),
    [
        (1, 0, 0, True),
        (MAX_BLOCK_NODES, 0, 0, False),
        (1, MAX_EXPRESSION_NODES - 1, 1, True),
        (1, MAX_EXPRESSION_NODES, 1, False),
        (-1, MAX_EXPRESSION_NODES + 50, -1, True),
        (-1, MAX_EXPRESSION_NODES + 50, 0, True),
    ],
)
def test_sizes(growth: int, size: int, expression_growth: int, fits: bool) -> None:
    def propose() -> str:
        return first_child(
            request(SHORTEST_FIRST), lambda syntax: change(syntax, GOOD, growth, size, expression_growth)
        ).source

    if fits:
        assert propose() == GOOD
    else:
        with pytest.raises(NoProposal, match="too large"):
            propose()


def test_giving_up_says_why() -> None:
    with pytest.raises(NoProposal) as caught:
        first_child(request(SHORTEST_FIRST), lambda syntax: None)
    assert caught.value.reason == "no change of the parent made a child: did not fit (64)"
