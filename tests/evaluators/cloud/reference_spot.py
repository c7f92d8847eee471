"""The published rules of a tick, written out for one simulation, with all their flaws.

After the strategy base class and the environments of the ADRS leaderboard, problems cant_be_late and
cant_be_late_multi: times are floats with tolerances, an instance that was taken away while time is short is
asked for again, running instances move between regions for free, and in the end everything is billed at the
first price of the region where the job happens to be.
"""

import math
from collections.abc import Callable

import msgspec

from evaluators.cloud.spot import Job, Market

Policy = Callable[[dict[str, float], list[bool]], tuple[int, int]]
"""From what is visible, and availability by region, to a region and a kind."""


class Published(msgspec.Struct, frozen=True):
    """How a simulation ended."""

    cost: float
    """At the first price of the final region."""
    end: float
    """When the job was found complete, in seconds."""
    kinds: list[int]


def simulate(market: Market, job: Job, policy: Policy) -> Published:
    gap = float(market.gap)
    task_done: list[float] = []
    pending = 0.0
    kind = region = tick = 0
    kinds: list[int] = []
    finished = False
    end = math.inf
    while not finished and tick < market.ticks:
        has_spot = bool(market.available[region, tick])
        last = kind
        kinds.append(last)
        running = 0 if last == 1 and not has_spot else last
        work = 0.0
        if last != 0:
            work = max(gap - pending, 0.0)
            pending -= gap - work
            pending = 0.0 if pending < 1e-3 else pending
            work = min(work, job.duration - sum(task_done))
        task_done.append(work)
        remaining = job.duration - sum(task_done)
        finished = remaining <= 1e-8
        elapsed = tick * gap
        end = elapsed if finished else end
        visible = {
            "tick": tick,
            "elapsed": elapsed,
            "remaining": remaining,
            "last": last,
            "running": running,
            "region": region,
            "pending": pending,
        }
        region, kind = policy(visible, market.available[:, tick].tolist())
        if remaining > 1e-3:
            left = math.floor((job.deadline - elapsed) / gap) * gap
            needed = math.ceil((remaining + job.overhead) / gap) * gap
            if needed >= left:
                kind = 1 if last == 1 and pending < 1e-3 else 2
        if kind == 1 and not market.available[region, tick]:
            kind = 0
        if kind not in (0, running):
            pending = float(job.overhead)
        tick += 1
    if finished and tick < market.ticks:
        kinds.append(kind)
    prices = (0.0, float(market.spot_prices[region, 0]), market.on_demand_price)
    return Published(sum(prices[one] * gap / 3600 for one in kinds), end, kinds)
