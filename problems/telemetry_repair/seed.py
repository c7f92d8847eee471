"""A plain start: each counter is compared with the one at the other end of its link."""


# EVOLVE-BLOCK-START
def repaired_rate(own: float, other: float, reverse: float) -> float:
    """The rate to believe, from both ends of the link and the larger rate of its other direction."""
    if own == 0.0:
        return other
    return 0.9 * own + 0.1 * other


def confidence(own: float, other: float, rate: float) -> float:
    """How sure to be of a rate; anything outside of 0 to 1 is clipped."""
    return 0.8 - 0.1 * abs(own - other) / (own + other + 1.0)


def run_repair(telemetry, topology):
    repaired = {}
    for name, seen in telemetry.items():
        peer = telemetry.get(seen["connected_to"], {})
        entry = {}
        for key, opposite in (("rx_rate", "tx_rate"), ("tx_rate", "rx_rate")):
            own, other = seen[key], peer.get(opposite, 0.0)
            reverse = max(seen[opposite], peer.get(key, 0.0))
            rate = max(0.0, repaired_rate(own, other, reverse))
            entry[key] = (own, rate, min(1.0, max(0.0, confidence(own, other, rate))))
        status = seen["interface_status"]
        entry["interface_status"] = (status, status, 0.9)
        repaired[name] = entry
    return repaired


# EVOLVE-BLOCK-END
