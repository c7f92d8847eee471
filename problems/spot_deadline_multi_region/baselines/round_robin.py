"""Round robin: a job that is not behind uniform progress looks for spot in one region after the other.

The program to start from on the ADRS leaderboard (problem cant_be_late_multi). A job that is behind uses spot
where it is, or goes on demand.
"""


def decide(state, spot, prices):
    region = state["region"]
    if state["remaining"] <= 0:
        return region, 0
    if spot[region]:
        return region, 1
    if state["done"] < state["elapsed"] * (state["duration"] / state["deadline"]):
        return region, 2
    return (region + 1) % len(spot), 0
