import pytest

from evolve.registry import STRATEGY, find, names
from tests.evolve.search.conformance import StrategyConformance

NAMES = names(STRATEGY)


@pytest.mark.parametrize("kind", [find(STRATEGY, name) for name in NAMES], ids=NAMES)
class TestRegistered(StrategyConformance):
    """Every strategy that is shipped or installed."""
