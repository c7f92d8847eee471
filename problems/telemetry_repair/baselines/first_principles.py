"""First-principles repair: the invariants of a network decide which counters to believe.

What one end of a link sends the other receives, and a counter that is 0 while the other end counts traffic
has failed. Where both ends count something else, the fault is on the side of the router that disagrees with
more of its neighbours; where that is not clear, the two are averaged. Rates of which nothing sound is left
are guessed from the other direction of the link.
"""

TOLERANCE = 0.06
CLEAR = 0.35


def run_repair(telemetry, topology):
    doubt = {router: disagreement(telemetry, names) for router, names in topology.items()}
    repaired = {}
    for name, seen in telemetry.items():
        peer = telemetry.get(seen["connected_to"], {})
        # Positive where the fault is rather on the other side.
        trust = doubt.get(seen["remote_router"], 0.0) - doubt[seen["local_router"]]
        status = seen["interface_status"]
        down = status == "down" and peer.get("interface_status", status) == "down"
        rates = {}
        for key, opposite in (("rx_rate", "tx_rate"), ("tx_rate", "rx_rate")):
            own, other = seen[key], peer.get(opposite, 0.0)
            back = max(seen[opposite], peer.get(key, 0.0))
            rates[key] = (own, *believe(own, other, back, trust, down))
        repaired[name] = {**rates, "interface_status": (status, status, 1.0)}
    return repaired


def agree(own, other):
    return abs(own - other) <= TOLERANCE * max(own, other)


def disagreement(telemetry, names):
    """The share of a router's counters that differ from what the other end of the link counts."""
    checks = []
    for name in names:
        seen = telemetry[name]
        peer = telemetry.get(seen["connected_to"])
        if peer is not None:
            checks.append(not agree(seen["rx_rate"], peer["tx_rate"]))
            checks.append(not agree(seen["tx_rate"], peer["rx_rate"]))
    return sum(checks) / len(checks) if checks else 0.0


def believe(own, other, back, trust, down):
    """The repaired rate and the confidence in it."""
    if own == 0.0 and other == 0.0:
        return (0.0, 1.0) if down else (back, 0.2)
    if own == 0.0 or other == 0.0:
        return max(own, other), 0.9
    if agree(own, other):
        return (own + other) / 2.0, 0.95
    if abs(trust) < CLEAR:
        return (own + other) / 2.0, 0.75
    return (own if trust > 0.0 else other), 0.8
