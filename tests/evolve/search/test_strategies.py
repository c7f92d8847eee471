import pytest

from evolve.registry import STRATEGY, find, names
from evolve.search.base import Setup, Strategy
from tests.evolve.search.conformance import BASELINES, Drive, StrategyConformance, scored

NAMES = names(STRATEGY)


@pytest.mark.parametrize("kind", [find(STRATEGY, name) for name in NAMES], ids=NAMES)
class TestRegistered(StrategyConformance):
    """Every strategy that is shipped or installed."""


@pytest.mark.parametrize("kind", [find(STRATEGY, name) for name in NAMES], ids=NAMES)
def test_operators_are_chosen_by_weight(kind: type[Strategy]) -> None:
    setup = Setup({"one": 1.0, "two": 2.0, "five": 5.0}, BASELINES)
    drive = Drive(kind.start(setup), setup=setup).tell_all([scored(1.0)] * 4000)
    chosen = [selection.operator for selection in drive.selections]
    for operator, weight in setup.operators.items():
        assert chosen.count(operator) / len(chosen) == pytest.approx(weight / 8, abs=0.04)
