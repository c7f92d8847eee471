"""On-demand from the start to the end."""


def decide(state, spot, prices):
    return state["region"], 2 if state["remaining"] > 0 else 0
