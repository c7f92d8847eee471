"""A plain start: spot whenever there is some, and on-demand when the slack is used up."""

IDLE, SPOT, ON_DEMAND = 0, 1, 2


# EVOLVE-BLOCK-START
def reserve(state) -> float:
    """Slack to keep, in seconds: with no more than this, a job goes on demand and stays there."""
    return 2.0 * state.overhead + 1.0 * state.gap


def decide(state):
    if state.remaining <= 0:
        return IDLE
    if state.has_spot and state.running != ON_DEMAND:
        return SPOT
    slack = state.time_left - state.remaining
    if slack <= reserve(state):
        return ON_DEMAND
    return SPOT if state.has_spot else IDLE


# EVOLVE-BLOCK-END
