"""Uniform Progress: fall back on on-demand when the job is behind uniform progress towards its deadline.

Z. Wu et al., "Can't Be Late: Optimizing Spot Instance Savings under Deadlines", NSDI 2024. Spot is used
whenever there is some and until it is taken away. An idle job that is behind goes on demand. From there it
returns to spot only with a lead worth two starts (the hysteresis rule). When only on-demand can still make
the deadline, with two starts, an idle job goes on demand for good (the safety-net rule).
"""

import math


def decide(state):
    if state.remaining <= 0:
        return 0
    decision = 1 if state.has_spot else 0
    expected = state.elapsed * state.duration / state.deadline
    if state.done < expected and not state.has_spot:
        decision = 2
    if state.running == 2:
        lead = (state.elapsed + 2 * state.overhead) * state.duration / state.deadline
        if not state.has_spot or state.done <= lead:
            decision = 2
    ticks_left = math.floor(state.time_left / state.gap)
    if math.ceil((state.remaining + 2 * state.overhead) / state.gap) >= ticks_left and state.running != 1:
        decision = 2
    if math.ceil((state.remaining + state.overhead) / state.gap) >= ticks_left:
        decision = 1 if state.running == 1 and state.overhead_left == 0 else 2
    return decision
