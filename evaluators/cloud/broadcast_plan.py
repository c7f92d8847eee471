"""What a candidate decides in a broadcast, and whether it delivers the data."""

import itertools
from collections.abc import Mapping
from typing import TypeAlias

from evaluators.cloud.broadcast import Broadcast
from evolve.problem import InvalidDecision

Path: TypeAlias = tuple[str, ...]
"""Regions from the source to a destination, both included."""

Plan: TypeAlias = Mapping[str, tuple[Path, ...]]
"""For each destination, in the order of the broadcast, the path of each partition."""

_LONGEST_NAME = 60


def checked_plan(answer: object, broadcast: Broadcast) -> Plan:
    """The plan in a candidate's answer: {destination: [path of partition 0, path of partition 1, ...]}.

    A path is a list of regions. It starts at the source, ends at the destination, follows links of the grid
    and visits no region twice.

    Raises:
        InvalidDecision: The answer is anything else; the feedback names the first place at fault.
    """
    if not isinstance(answer, Mapping):
        raise InvalidDecision(
            f"the answer is {_told(answer)}; must be a dict from each destination to its paths"
        )
    for name in answer:
        if not isinstance(name, str) or name not in broadcast.destinations:
            raise InvalidDecision(f"the answer has paths to {_told(name)}, which is no destination")
    return {name: _paths(answer, name, broadcast) for name in broadcast.destinations}


def _paths(answer: Mapping[object, object], destination: str, broadcast: Broadcast) -> tuple[Path, ...]:
    if destination not in answer:
        raise InvalidDecision(f"the answer has no paths to the destination {destination!r}")
    paths = answer[destination]
    place = f"paths[{destination!r}]"
    if not isinstance(paths, list | tuple):
        raise InvalidDecision(f"{place} is {_told(paths)}; must be a list with a path for each partition")
    if len(paths) != broadcast.partitions:
        raise InvalidDecision(
            f"{place} has {len(paths)} paths; must have {broadcast.partitions}, one for each partition"
        )
    return tuple(_path(path, place, number, destination, broadcast) for number, path in enumerate(paths))


def _path(path: object, paths: str, partition: int, destination: str, broadcast: Broadcast) -> Path:
    place = f"{paths}[{partition}]"
    if not isinstance(path, list | tuple):
        raise InvalidDecision(f"{place} is {_told(path)}; must be a list of regions")
    regions: list[str] = []
    for position, region in enumerate(path):
        if not isinstance(region, str) or region not in broadcast.grid:
            raise InvalidDecision(f"{place}[{position}] is {_told(region)}; must be a region of the graph")
        regions.append(region)
    if not regions or regions[0] != broadcast.source:
        begin = repr(regions[0]) if regions else "nowhere"
        raise InvalidDecision(f"{place} starts at {begin}; must start at the source {broadcast.source!r}")
    if regions[-1] != destination:
        raise InvalidDecision(
            f"{place} ends at {regions[-1]!r}: partition {partition} does not reach {destination!r}"
        )
    for region, following in itertools.pairwise(regions):
        if following not in broadcast.grid[region]:
            raise InvalidDecision(f"{place} goes from {region!r} to {following!r}, and there is no such link")
    if len(set(regions)) < len(regions):
        twice = next(region for region in regions if regions.count(region) > 1)
        raise InvalidDecision(f"{place} visits {twice!r} twice; a path must not have a cycle")
    return tuple(regions)


def _told(value: object) -> str:
    """A value as feedback shows it: short, whatever it is."""
    if isinstance(value, str):
        return repr(value if len(value) <= _LONGEST_NAME else value[:_LONGEST_NAME] + "…")
    if value is None or isinstance(value, bool | float):
        return str(value)
    return f"a value of type {type(value).__name__}"
