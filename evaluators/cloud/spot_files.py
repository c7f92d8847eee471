"""Reads spot traces: the archives of the published benchmarks, public traces, and a format for one's own.

One's own market is JSON:

    {"gap_seconds": 600,
     "on_demand_price": 3.06,
     "regions": {"us-west-2a": {"available": [1, 1, 0, ...], "spot_price": 0.9731}, ...},
     "jobs": [{"duration_hours": 48, "deadline_hours": 52, "overhead_hours": 0.1}, ...]}

`spot_price`, in USD/h, may be a list with a price for each tick.
"""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import msgspec
import numpy as np

from evaluators.cloud.spot import HOUR, Booleans, Job, Market, SpotWorkload
from evolve.problem import InstanceFileError

BuiltT = TypeVar("BuiltT")


class _Region(msgspec.Struct):
    available: list[int]
    spot_price: float | list[float]


class _Job(msgspec.Struct):
    duration_hours: float
    deadline_hours: float
    overhead_hours: float

    def job(self) -> Job:
        """The job in whole seconds."""
        return Job(
            *(
                round(hours * HOUR)
                for hours in (self.duration_hours, self.deadline_hours, self.overhead_hours)
            )
        )


class _OwnMarket(msgspec.Struct):
    gap_seconds: int
    on_demand_price: float
    regions: dict[str, _Region]
    jobs: list[_Job]


class _Metadata(msgspec.Struct):
    gap_seconds: int
    start_time: int | str | None = None


class Trace(msgspec.Struct):
    """A trace as it is published: JSON with `data`, one number for each tick, and perhaps `prices`."""

    metadata: _Metadata
    data: list[int]
    prices: list[float] | None = None

    @property
    def preempted(self) -> Booleans:
        """`data` as the benchmark's archives mean it: true where there is no spot."""
        return np.array(self.data, dtype=np.int64).astype(np.bool_)


def read_json(path: Path) -> object:
    """The document in a JSON file.

    Raises:
        InstanceFileError: The file cannot be read, or is not JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise InstanceFileError(f"{path}: cannot be read as text: {error}") from error
    except json.JSONDecodeError as error:
        raise InstanceFileError(f"{path}: line {error.lineno}: not JSON: {error.msg}") from error


def is_trace(document: object) -> bool:
    """Whether a document is a public trace, and not one's own market."""
    return isinstance(document, dict) and "data" in document and "regions" not in document


def parse_trace(document: object, place: str) -> Trace:
    """A trace from a document.

    Raises:
        InstanceFileError: It is none; `place` is where it stands, for the message.
    """
    try:
        trace = msgspec.convert(document, Trace)
    except msgspec.ValidationError as error:
        raise InstanceFileError(
            f'{place}: {error}; expected {{"metadata": {{"gap_seconds": …}}, "data": [0, 1, …]}}'
        ) from error
    if trace.metadata.gap_seconds <= 0 or not trace.data:
        raise InstanceFileError(f"{place}: a trace needs a positive gap_seconds and at least one tick")
    return trace


def read_public_trace(document: object, path: Path) -> tuple[int, Booleans]:
    """The length of a tick in seconds, and availability, of a public trace.

    In the traces of skypilot-org/spot-traces `data` counts available instances. In the windows that
    benchmarks cut from them, which know their `start_time`, 1 means that there is none.

    Raises:
        InstanceFileError: As for `parse_trace`.
    """
    trace = parse_trace(document, str(path))
    window = trace.metadata.start_time is not None
    return trace.metadata.gap_seconds, ~trace.preempted if window else trace.preempted


def read_own_market(document: object, path: Path) -> SpotWorkload:
    """A market in the format above.

    Raises:
        InstanceFileError: The document is not in it, or a job does not fit; the message says what to do.
    """
    try:
        own = msgspec.convert(document, _OwnMarket)
    except msgspec.ValidationError as error:
        raise InstanceFileError(
            f'{path}: {error}; expected {{"gap_seconds": …, "on_demand_price": …, "regions": {{NAME:'
            ' {"available": [0, 1, …], "spot_price": …}}, "jobs": [{"duration_hours": …,'
            ' "deadline_hours": …, "overhead_hours": …}]}'
        ) from error
    lengths = {name: len(region.available) for name, region in own.regions.items()}
    if not own.jobs or not lengths or len(set(lengths.values())) != 1:
        raise InstanceFileError(
            f"{path}: expected at least one job, and regions with the same number of ticks; found"
            f" {len(own.jobs)} jobs and {lengths}"
        )
    available = [[bool(one) for one in region.available] for region in own.regions.values()]
    prices = [_prices(region, f"{path}: regions.{name}") for name, region in own.regions.items()]
    if own.gap_seconds <= 0 or own.on_demand_price <= 0.0 or min(map(min, prices)) <= 0.0:
        raise InstanceFileError(f"{path}: gap_seconds and all prices have to be positive")
    market = Market(own.gap_seconds, np.array(available), np.array(prices), own.on_demand_price)
    return built(str(path), lambda: SpotWorkload(market, tuple(job.job() for job in own.jobs)))


def built(place: str, build: Callable[[], BuiltT]) -> BuiltT:
    """What `build` makes.

    Raises:
        InstanceFileError: It raises ValueError; the message says where.
    """
    try:
        return build()
    except ValueError as error:
        raise InstanceFileError(f"{place}: {error}") from error


def evenly_spaced(items: Sequence[BuiltT], count: int) -> list[BuiltT]:
    """So many of the items, evenly spaced, with the first and the last; all where there are not more."""
    if len(items) <= count:
        return list(items)
    chosen: list[int] = []
    for number in range(count):
        # Half to even, as the published selection rounds.
        position = round(number * (len(items) - 1) / (count - 1))
        chosen.append(max(position, chosen[-1] + 1) if chosen else position)
    return [items[position] for position in chosen]


def _prices(region: _Region, place: str) -> list[float]:
    if isinstance(region.spot_price, float):
        return [region.spot_price] * len(region.available)
    if len(region.spot_price) != len(region.available):
        raise InstanceFileError(
            f"{place}: {len(region.spot_price)} prices for {len(region.available)} ticks; expected one price,"
            " or one for each tick"
        )
    return region.spot_price
