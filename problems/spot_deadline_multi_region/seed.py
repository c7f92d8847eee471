"""A plain start: spot in the cheapest region that has some, and on-demand when the slack is used up."""

IDLE, SPOT, ON_DEMAND = 0, 1, 2


# EVOLVE-BLOCK-START
def reserve(state, spot, prices) -> float:
    """Slack to keep, in seconds: with no more than this, a job goes on demand and stays there."""
    return 2.0 * state["overhead"] + 1.0 * state["gap"]


def attraction(state, region, price) -> float:
    """A job starts in the region with spot for which this is highest."""
    return -1.0 * price


def decide(state, spot, prices):
    here = state["region"]
    if state["remaining"] <= 0:
        return here, IDLE
    if state["running"] == SPOT:
        return here, SPOT
    slack = state["time_left"] - state["remaining"]
    if slack <= reserve(state, spot, prices):
        return here, ON_DEMAND
    found = [region for region in range(len(spot)) if spot[region]]
    if not found:
        return here, IDLE
    return max(found, key=lambda region: attraction(state, region, prices[region])), SPOT


# EVOLVE-BLOCK-END
