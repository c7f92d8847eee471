"""Spot markets and jobs with a deadline: the setting of "Can't Be Late".

Z. Wu et al., "Can't Be Late: Optimizing Spot Instance Savings under Deadlines", NSDI 2024. A job needs one
instance for some time and has a deadline. Spot instances are cheap, but there may be none, and they can be
taken away; on-demand instances are always there. Time passes in ticks.
"""

from dataclasses import dataclass
from enum import IntEnum

import msgspec
import numpy as np
from numpy.typing import NDArray

from evolve.problem import Floats

Booleans = NDArray[np.bool_]
HOUR = 3600


class Kind(IntEnum):
    """What runs in a tick; also how programs name it."""

    IDLE = 0
    SPOT = 1
    ON_DEMAND = 2


class Job(msgspec.Struct, frozen=True):
    """What has to be done, in whole seconds."""

    duration: int
    """Work, as time on an instance."""
    deadline: int
    """When it has to be complete, from the start."""
    overhead: int
    """Time that an instance is paid for, after each start, before it does any work."""

    @property
    def name(self) -> str:
        """The job as feedback names it: '48 h of work in 52 h, overhead 72 s'."""
        return f"{self.duration / HOUR:g} h of work in {self.deadline / HOUR:g} h, overhead {self.overhead} s"

    def ticks_needed(self, remaining: int, gap: int) -> int:
        """Ticks until the job is complete if an instance for it is started now and is not taken away."""
        return -(-(remaining + self.overhead) // gap)

    def ticks_left(self, tick: int, gap: int) -> int:
        """Whole ticks from the start of a tick to the deadline."""
        return (self.deadline - tick * gap) // gap


@dataclass(frozen=True, eq=False)
class Market:
    """Spot availability and prices in one or more regions.

    Attributes:
        gap: Seconds in a tick.
        available: Shape (regions, ticks): whether there is a spot instance in a tick.
        spot_prices: Shape (regions, ticks), USD/h.
        on_demand_price: USD/h, the same in all regions.
    """

    gap: int
    available: Booleans
    spot_prices: Floats
    on_demand_price: float

    def __post_init__(self) -> None:
        for array in (self.available, self.spot_prices):
            array.flags.writeable = False

    @property
    def regions(self) -> int:
        """The number of regions."""
        return int(self.available.shape[0])

    @property
    def ticks(self) -> int:
        """How far availability is known."""
        return int(self.available.shape[1])


@dataclass(frozen=True, eq=False)
class SpotWorkload:
    """Jobs that meet the same market, each by itself.

    Attributes:
        market: The market.
        jobs: The jobs.
        loses_tick: Whether the published rule for a lost instance is followed; see `JobRun`.

    Raises:
        ValueError: A job cannot be done in time on demand, or the market does not last until its deadline.
    """

    market: Market
    jobs: tuple[Job, ...]
    loses_tick: bool = False

    def __post_init__(self) -> None:
        gap = self.market.gap
        for job in self.jobs:
            if min(job.duration, job.deadline, gap) <= 0 or job.overhead < 0:
                raise ValueError(f"{job.name}: times have to be positive")
            if job.ticks_needed(job.duration, gap) > job.ticks_left(0, gap):
                raise ValueError(f"{job.name}: it cannot be done in time even on demand")
            if self.market.ticks <= job.ticks_left(0, gap) + self.loses_tick:
                hours = self.market.ticks * gap / HOUR
                raise ValueError(f"{job.name}: availability is known for {hours:g} h only")


def single_market(available: Booleans, gap: int, spot_price: float, on_demand_price: float) -> Market:
    """A market of one region with constant prices, from its availability, shape (ticks,)."""
    rows = available.reshape(1, -1).copy()
    return Market(gap, rows, np.full(rows.shape, spot_price), on_demand_price)
