"""Uniform Progress without hysteresis: on-demand when behind uniform progress, and until there is spot.

Z. Wu et al., "Can't Be Late: Optimizing Spot Instance Savings under Deadlines", NSDI 2024. Spot is used
whenever there is some and until it is taken away. An idle job that is behind goes on demand, and stays there
until there is spot: a variant in the simulator of the paper's authors. When only on-demand can still make the
deadline, with two starts, an idle job goes on demand for good (the safety-net rule).
"""

import math


def decide(state):
    if state.remaining <= 0:
        return 0
    decision = 1 if state.has_spot else 0
    expected = state.elapsed * state.duration / state.deadline
    if state.done < expected and not state.has_spot:
        decision = 2
    if state.running == 2 and not state.has_spot:
        decision = 2
    ticks_left = math.floor(state.time_left / state.gap)
    if math.ceil((state.remaining + 2 * state.overhead) / state.gap) >= ticks_left and state.running != 1:
        decision = 2
    if math.ceil((state.remaining + state.overhead) / state.gap) >= ticks_left:
        decision = 1 if state.running == 1 and state.overhead_left == 0 else 2
    return decision
