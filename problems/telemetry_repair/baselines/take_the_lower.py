"""Where the two ends of a link disagree, the lower rate, with full confidence: a published start program."""


def run_repair(telemetry, topology):
    repaired = {}
    for name, seen in telemetry.items():
        peer = telemetry.get(seen["connected_to"], {})
        rx, tx = seen["rx_rate"], seen["tx_rate"]
        repaired[name] = {
            "rx_rate": (rx, min(rx, peer.get("tx_rate", rx)), 1.0),
            "tx_rate": (tx, min(tx, peer.get("rx_rate", tx)), 1.0),
            "interface_status": (seen["interface_status"], seen["interface_status"], 1.0),
        }
    return repaired
