"""The offline optimum: the least cost of a job for whoever knows all availability and prices beforehand."""

from math import gcd

import numpy as np

from evaluators.cloud.spot import HOUR, Job, Market
from evolve.problem import Floats


def offline_optimum(market: Market, job: Job) -> float:
    """The least cost of a job in USD, over all decisions that the rules of `JobRun` allow.

    It is exact, not only a bound, as it is a dynamic program over every state that a run can be in: the work
    done, what is running, in which region, and how much of its overhead has not passed. From the last tick
    back to the first, the least cost from each state on is the minimum over the decisions that are possible
    there, or what the guarantee demands where time is short. No policy can cost less, whatever it knows.

    Work comes in multiples of the greatest common divisor of a tick and the overhead, so states are whole
    numbers and nothing is rounded. Where a market loses a tick (`JobRun`), that changes no cost, and is left
    out.
    """
    return _Program(market, job).solve()


class _Program:
    """Least costs from a state on, for the tick at hand; index i of an array stands for i units of work done.

    Work that is done already at index `complete` and above costs nothing more. Below the band that `solve`
    is in, the deadline cannot be met, and the cost is infinite.
    """

    def __init__(self, market: Market, job: Job) -> None:
        self._market, self._job = market, job
        self._unit = gcd(market.gap, job.overhead)
        self._complete = -(-job.duration // self._unit)
        self._pendings = [0, *range(job.overhead - market.gap, 0, -market.gap)]
        """Overhead that can be pending at the start of a tick, in seconds; a start adds the whole of it."""
        size = self._complete + market.gap // self._unit + 1
        regions = market.regions
        self._idle = self._infinite(size)
        self._on_demand = {pending: self._infinite(size) for pending in self._pendings}
        self._spot = {pending: self._infinite(regions, size) for pending in self._pendings}

    def solve(self) -> float:
        """The least cost from the start."""
        market, job, unit = self._market, self._job, self._unit
        ticks = job.ticks_left(0, market.gap)
        for tick in reversed(range(ticks)):
            in_time = job.duration - (ticks - tick) * market.gap
            low = max(0, -(-in_time // unit))
            high = min(self._complete - 1, tick * market.gap // unit)
            if low <= high:
                self._step(tick, low, high + 1)
        return float(self._idle[0])

    def _infinite(self, *shape: int) -> Floats:
        costs = np.full(shape, np.inf)
        costs[..., self._complete :] = 0.0
        return costs

    def _step(self, tick: int, low: int, high: int) -> None:
        """Go back from the next tick to this one, for work from `low` up to before `high`."""
        market, job = self._market, self._job
        spot_here = market.available[:, tick]
        hours = market.gap / HOUR
        prices = np.where(spot_here, market.spot_prices[:, tick] * hours, np.inf)[:, np.newaxis]
        # Infinite where there is no spot instance in the region.
        spot = {p: prices + self._after(self._spot, p, low, high) for p in [*self._pendings, job.overhead]}
        on_demand = {
            p: market.on_demand_price * hours + self._after(self._on_demand, p, low, high)
            for p in [*self._pendings, job.overhead]
        }
        start_on_demand, start_spot = on_demand[job.overhead], spot[job.overhead].min(axis=0)
        stop_or_start = np.minimum(self._idle[low:high], start_on_demand)
        anew = np.minimum(stop_or_start, start_spot)
        short = slice(0, max(0, self._short_up_to(tick) - low))
        self._idle[low:high] = anew
        self._idle[low:high][short] = start_on_demand[short]
        for pending in self._pendings:
            costs = np.minimum(anew, on_demand[pending])
            costs[short] = on_demand[pending][short]
            self._on_demand[pending][low:high] = costs
            rows = np.minimum(anew, spot[pending])
            rows[:, short] = start_on_demand[short]
            if pending == 0:
                rows[spot_here, short] = spot[0][spot_here, short]
            self._spot[pending][:, low:high] = rows

    def _after(self, costs: dict[int, Floats], pending: int, low: int, high: int) -> Floats:
        """Costs from the next tick on, where an instance with this overhead pending runs in this one."""
        work = max(self._market.gap - pending, 0) // self._unit
        return costs[max(pending - self._market.gap, 0)][..., low + work : high + work]

    def _short_up_to(self, tick: int) -> int:
        """The least work done, in units, with which time is not short at the start of a tick."""
        # Short: ticks_needed >= ticks_left, that is remaining + overhead > (ticks_left - 1) * gap.
        enough = (self._job.ticks_left(tick, self._market.gap) - 1) * self._market.gap
        return -(-(self._job.duration + self._job.overhead - enough) // self._unit)
