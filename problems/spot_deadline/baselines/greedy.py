"""Greedy: spot whenever there is some, else idle, until only on-demand can still make the deadline.

Z. Wu et al., "Can't Be Late: Optimizing Spot Instance Savings under Deadlines", NSDI 2024; here as the ADRS
leaderboard has it, where it is the program to start from (problem cant_be_late).
"""

import math


def decide(state):
    if state.remaining <= 0:
        return 0
    ticks_left = math.floor(state.time_left / state.gap)
    with_one_start = math.ceil((state.remaining + state.overhead) / state.gap)
    with_two_starts = math.ceil((state.remaining + 2 * state.overhead) / state.gap)
    if with_one_start >= ticks_left:
        return 2
    if with_two_starts >= ticks_left:
        return 1 if state.running == 1 and state.has_spot else 2
    return 1 if state.has_spot else 0
