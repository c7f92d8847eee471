"""The populations that a strategy keeps: islands, niches, whatever it calls them."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, select

from evolve.archive.models import StrategyState

_HASH = re.compile("[0-9a-f]{32}")


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

    Strategies write their own state, so what is looked for is what all populations are: a list of members
    under a name or at a place of a list, or a member alone. A member is an object with `program` and `score`,
    or a list that begins with these two.
    """
    return list(_populations(state.get("strategy", state), ""))


def _populations(value: Any, name: str) -> Iterator[PopulationView]:
    if _place(value) is not None:
        yield _view(name, [value])
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _populations(inner, f"{name} {key}".strip())
    elif isinstance(value, list):
        if value and all(_place(one) is not None for one in value):
            yield _view(name, value)
            return
        found = [list(_populations(inner, f"{_singular(name)} {place}")) for place, inner in enumerate(value)]
        for place, (inner, views) in enumerate(zip(value, found, strict=True)):
            if inner == [] and any(found):
                yield PopulationView(f"{_singular(name)} {place}", ())
            yield from views


def _view(name: str, members: Sequence[Any]) -> PopulationView:
    places = (_place(one) for one in members)
    ordered = sorted((one for one in places if one is not None), key=lambda one: (-one.score, one.program))
    return PopulationView(name.removesuffix(" members"), tuple(ordered))


def _place(value: Any) -> Place | None:
    """The member that a value stands for, if it does."""
    if isinstance(value, Mapping):
        program, score = value.get("program"), value.get("score")
    elif isinstance(value, list) and len(value) > 1:
        program, score = value[:2]
    else:
        return None
    if isinstance(program, str) and _HASH.fullmatch(program) and isinstance(score, int | float):
        return Place(program, float(score))
    return None


def _singular(name: str) -> str:
    return name.removesuffix("s")
