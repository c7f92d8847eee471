"""Link symmetry: what one end sends the other receives, so a 0 gives way, and else the mean is taken."""


def run_repair(telemetry, topology):
    repaired = {}
    for name, seen in telemetry.items():
        peer = telemetry.get(seen["connected_to"], {})
        repaired[name] = {
            "rx_rate": repair(seen["rx_rate"], peer.get("tx_rate", 0.0)),
            "tx_rate": repair(seen["tx_rate"], peer.get("rx_rate", 0.0)),
            "interface_status": (seen["interface_status"], seen["interface_status"], 1.0),
        }
    return repaired


def repair(own, other):
    if own > 0.0 and other > 0.0:
        return own, (own + other) / 2.0, 0.8
    return own, max(own, other), 0.8
