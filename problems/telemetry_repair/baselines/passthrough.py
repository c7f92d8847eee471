"""Passing everything through with medium confidence: the published anchor of 0 points."""


def run_repair(telemetry, topology):
    return {
        name: {
            "rx_rate": (seen["rx_rate"], seen["rx_rate"], 0.5),
            "tx_rate": (seen["tx_rate"], seen["tx_rate"], 0.5),
            "interface_status": (seen["interface_status"], seen["interface_status"], 0.5),
        }
        for name, seen in telemetry.items()
    }
