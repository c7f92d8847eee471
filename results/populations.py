"""The populations that a strategy keeps: islands, niches, whatever it calls them."""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
from sqlalchemy import Connection, select

from evolve.archive.models import StrategyState


class Place(msgspec.Struct, frozen=True):
    """A program in a population."""

    program: str
    """Its hash."""
    score: float
    """On train."""


class PopulationView(msgspec.Struct, frozen=True):
    """A population as it stood after the last commit."""

    name: str
    members: tuple[Place, ...]
    """Best first."""

    @property
    def best(self) -> Place | None:
        """The best member."""
        return self.members[0] if self.members else None


def read_populations(connection: Connection, run_id: int) -> list[PopulationView]:
    """The populations of a run's strategy; none where it keeps none."""
    state = connection.scalar(select(StrategyState.state).where(StrategyState.run_id == run_id))
    return [] if state is None else populations_in(state)


def populations_in(state: Mapping[str, Any]) -> list[PopulationView]:
    """The populations in a run's state.

    Strategies write their own state, so what is looked for is what all populations are: a list of objects
    with `program` and `score`, or such an object alone, under a name or at a place of a list.
    """
    return list(_populations(state.get("strategy", state), ""))


def _populations(value: Any, name: str) -> Iterator[PopulationView]:
    if _is_place(value):
        yield _view(name, [value])
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _populations(inner, f"{name} {key}".strip())
    elif isinstance(value, list):
        if value and all(_is_place(one) for one in value):
            yield _view(name, value)
            return
        found = [list(_populations(inner, f"{_singular(name)} {place}")) for place, inner in enumerate(value)]
        for place, (inner, views) in enumerate(zip(value, found, strict=True)):
            if inner == [] and any(found):
                yield PopulationView(f"{_singular(name)} {place}", ())
            yield from views


def _view(name: str, members: list[Mapping[str, Any]]) -> PopulationView:
    places = [Place(str(one["program"]), float(one["score"])) for one in members]
    return PopulationView(name, tuple(sorted(places, key=lambda one: (-one.score, one.program))))


def _is_place(value: Any) -> bool:
    return (
        isinstance(value, Mapping)
        and isinstance(value.get("program"), str)
        and isinstance(value.get("score"), int | float)
    )


def _singular(name: str) -> str:
    return name.removesuffix("s")
