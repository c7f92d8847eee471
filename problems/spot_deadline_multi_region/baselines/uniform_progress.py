"""Uniform Progress in any region.

The policy of Z. Wu et al., "Can't Be Late: Optimizing Spot Instance Savings under Deadlines", NSDI 2024, as
its authors carry it over to several regions: a job that has no spot instance takes one in the first region
that has some. An idle job that is behind uniform progress goes on demand where there is no spot at all. From
there it returns to spot only with a lead worth two starts.
"""

import math


def decide(state, spot, prices):
    region = state["region"]
    if state["remaining"] <= 0:
        return region, 0
    if not spot[region] and any(spot):
        region = [bool(one) for one in spot].index(True)
    has_spot = spot[region]
    decision = 1 if has_spot else 0
    rate = state["duration"] / state["deadline"]
    if state["done"] < state["elapsed"] * rate and not has_spot:
        decision = 2
    lead = (state["elapsed"] + 2 * state["overhead"]) * rate
    if state["running"] == 2 and (not has_spot or state["done"] <= lead):
        decision = 2
    gap, overhead, remaining = state["gap"], state["overhead"], state["remaining"]
    ticks_left = math.floor(state["time_left"] / gap)
    if math.ceil((remaining + 2 * overhead) / gap) >= ticks_left and state["running"] != 1:
        decision = 2
    if math.ceil((remaining + overhead) / gap) >= ticks_left:
        decision = 1 if state["running"] == 1 and state["overhead_left"] == 0 else 2
    return region, decision
