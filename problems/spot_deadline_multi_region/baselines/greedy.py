"""Greedy in any region: spot wherever there is some, else idle, until only on-demand can make the deadline.

The Greedy policy of Z. Wu et al., "Can't Be Late: Optimizing Spot Instance Savings under Deadlines",
NSDI 2024; a job that has no spot instance takes one in the first region that has some.
"""

import math


def decide(state, spot, prices):
    region = state["region"]
    if state["remaining"] <= 0:
        return region, 0
    if state["running"] != 1 and not spot[region] and any(spot):
        region = [bool(one) for one in spot].index(True)
    gap, overhead, remaining = state["gap"], state["overhead"], state["remaining"]
    ticks_left = math.floor(state["time_left"] / gap)
    if math.ceil((remaining + overhead) / gap) >= ticks_left:
        return region, 2
    if math.ceil((remaining + 2 * overhead) / gap) >= ticks_left:
        return region, 1 if state["running"] == 1 else 2
    return region, 1 if spot[region] else 0
