import contextlib
from collections import Counter

from evolve.operators.base import NoProposal
from evolve.operators.simplify import operator
from evolve.operators.syntax import node_count
from evolve.program import syntax_tree
from tests.evolve.operators.programs import COMPOSITE, LINEAR, child_of, request

WORDY = """\
def priority(operation, state):
    spare = state.now
    return 1.2345 * (operation.duration + 0.0) - 0.5678 * state.now
"""


def children(source: str, count: int = 200) -> Counter[str]:
    made: Counter[str] = Counter()
    for number in range(count):
        with contextlib.suppress(NoProposal):
            made[child_of(operator, request(source, number))] += 1
    return made


def test_children_are_never_larger() -> None:
    for source in (COMPOSITE, LINEAR, WORDY):
        size = node_count(syntax_tree(source))
        sizes = [node_count(syntax_tree(child)) for child in children(source)]
        assert len(sizes) > 5
        assert max(sizes) <= size + 1, "a minus may take the place of what stood before it"
        assert sum(child < size for child in sizes) > 0.8 * len(sizes)


def test_sometimes_nothing_but_what_does_nothing_goes() -> None:
    cleaned = "def priority(operation, state):\n    return 1.2345 * operation.duration - 0.5678 * state.now\n"
    assert children(WORDY)[cleaned] > 10


def test_sometimes_constants_are_rounded() -> None:
    texts = children(WORDY)
    assert any("return 1.2 * operation.duration - 0.57 * state.now" in text for text in texts)
    assert any("return operation.duration - 0.6 * state.now" in text for text in texts)


def test_one_or_two_parts_go() -> None:
    texts = {text.split("return ")[1].strip() for text in children(WORDY)}
    assert {"1.2345 * operation.duration", "operation.duration - 0.5678 * state.now"} <= texts
    assert {"operation.duration", "-state.now"} & texts
