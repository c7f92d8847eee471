"""Time-sliced in any region: each slice of time has to do its part of the work; Greedy decides within it.

Z. Wu et al., "Can't Be Late: Optimizing Spot Instance Savings under Deadlines", NSDI 2024. What earlier
slices did beyond their part counts for later ones. Once the part of a slice is done, only spot is used. A
slice lasts an hour, or longer where an hour would not have slack for as many starts as `STARTS`: a choice
made here. A job that has no spot instance takes one in the first region that has some.
"""

import math

HOUR = 3600
STARTS = 4


def pressure(
    work: float, time: float, gap: float, overhead: float, running: float, pending: float
) -> int | None:
    """What Greedy does about some work in some time: 2 or 1 where it has to do something, else None."""
    ticks_left = math.floor(time / gap)
    if math.ceil((work + overhead) / gap) >= ticks_left:
        return 1 if running == 1 and pending == 0 else 2
    if math.ceil((work + 2 * overhead) / gap) >= ticks_left and running != 1:
        return 2
    return None


def end_of_slice(elapsed: float, duration: float, deadline: float, overhead: float) -> float:
    """When the slice ends that the job is in; slices are equally long."""
    slices = deadline / HOUR
    if overhead > 0:
        slices = min(slices, (deadline - duration) / (STARTS * overhead))
    length = deadline / max(1, math.floor(slices))
    return min(deadline, (math.floor(elapsed / length) + 1) * length)


def decide(state, spot, prices):
    region = state["region"]
    if state["remaining"] <= 0:
        return region, 0
    if state["running"] == 0 and not spot[region] and any(spot):
        region = [bool(one) for one in spot].index(True)
    gap, overhead, duration, deadline = (state[name] for name in ("gap", "overhead", "duration", "deadline"))
    now = gap, overhead, state["running"], state["overhead_left"]
    decision = pressure(state["remaining"], state["time_left"], *now)
    if decision is None:
        end = end_of_slice(state["elapsed"], duration, deadline, overhead)
        missing = duration * end / deadline - state["done"]
        if missing > 0:
            decision = pressure(missing, end - state["elapsed"], *now)
    if decision is None:
        decision = 1 if spot[region] else 0
    return region, decision
