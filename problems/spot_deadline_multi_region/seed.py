"""A plain start: spot in the cheapest region that has some, and on-demand when the slack is used up."""

IDLE, SPOT, ON_DEMAND = 0, 1, 2


# EVOLVE-BLOCK-START
def reserve(overhead: float, gap: float) -> float:
    """Slack to keep, in seconds: with less than this, a job without spot goes on demand."""
    return 2.0 * overhead + 1.0 * gap


def attraction(region: int, here: int, price: float) -> float:
    """A job that is idle starts in the region with spot for which this is highest."""
    return -price


def decide(state, spot, prices):
    here = state["region"]
    if state["remaining"] <= 0:
        return here, IDLE
    if state["running"] == SPOT:
        return here, SPOT
    slack = state["time_left"] - state["remaining"]
    if state["running"] == ON_DEMAND or slack <= reserve(state["overhead"], state["gap"]):
        return here, ON_DEMAND
    found = [region for region in range(len(spot)) if spot[region]]
    if not found:
        return here, IDLE
    return max(found, key=lambda region: attraction(region, here, prices[region])), SPOT


# EVOLVE-BLOCK-END
