"""A plain start: spot whenever there is some, and on-demand when the slack is used up."""

IDLE, SPOT, ON_DEMAND = 0, 1, 2


# EVOLVE-BLOCK-START
def reserve(overhead: float, gap: float) -> float:
    """Slack to keep, in seconds: with less than this, a job without spot goes on demand."""
    return 2.0 * overhead + 1.0 * gap


def decide(state):
    if state.remaining <= 0:
        return IDLE
    slack = state.time_left - state.remaining
    if state.has_spot and state.running != ON_DEMAND:
        return SPOT
    if slack <= reserve(state.overhead, state.gap):
        return ON_DEMAND
    return SPOT if state.has_spot else IDLE


# EVOLVE-BLOCK-END
