"""The populations that a run's strategy keeps: islands, niches, whatever it calls them."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, select

from evolve.archive.models import Run, StrategyState
from evolve.errors import UserError
from evolve.registry import STRATEGY, find
from evolve.search.base import Place, PopulationView, Setup, Strategy

__all__ = ["Place", "PopulationView", "populations_in", "read_populations"]


def read_populations(connection: Connection, run_id: int) -> list[PopulationView]:
    """The populations of a run's strategy after the last commit.

    None where it keeps none, is not installed here, or does not understand its state, which an older version
    may have written.
    """
    row = connection.execute(
        select(StrategyState.state, Run.settings)
        .join(Run, Run.id == StrategyState.run_id)
        .where(Run.id == run_id)
    ).one_or_none()
    if row is None:
        return []
    return populations_in(row.state, row.settings.get("course", {}).get("strategy", ""))


def populations_in(state: Mapping[str, Any], strategy: str) -> list[PopulationView]:
    """The populations in a run's state, as the strategy of that name reads it; see `read_populations`."""
    try:
        kind: type[Strategy] = find(STRATEGY, strategy)
    except UserError:
        return []
    try:
        return list(kind.restore(Setup(()), state["strategy"]).populations())
    except (LookupError, TypeError, ValueError, AttributeError):
        return []  # each strategy has its own way to stumble over a state that is not its own
