"""Counters of a network's interfaces at one moment: as they are, and as the monitoring reports them."""

from typing import TypeAlias

import msgspec

Topology: TypeAlias = dict[str, list[str]]
"""For each router, the names of its interfaces."""


class Interface(msgspec.Struct, frozen=True):
    """One end of a link."""

    name: str
    connected_to: str
    """The interface at the other end."""
    local_router: str
    remote_router: str
    status: str = "up"
    """Either `up` or `down`; reported as it is."""


class Rates(msgspec.Struct, frozen=True):
    """Traffic of an interface in Mbps, 0 or more."""

    rx: float
    tx: float


class Snapshot(msgspec.Struct, frozen=True):
    """Interfaces with their true and their reported rates, in the same order."""

    interfaces: tuple[Interface, ...]
    true: tuple[Rates, ...]
    reported: tuple[Rates, ...]

    def topology(self) -> Topology:
        """The interfaces of each router."""
        return topology_of(self.interfaces)

    def telemetry(self) -> dict[str, dict[str, str | float]]:
        """What a program sees of each interface, under the names of the published benchmark."""
        return {
            interface.name: {
                "interface_status": interface.status,
                "rx_rate": rates.rx,
                "tx_rate": rates.tx,
                "connected_to": interface.connected_to,
                "local_router": interface.local_router,
                "remote_router": interface.remote_router,
            }
            for interface, rates in zip(self.interfaces, self.reported, strict=True)
        }


def topology_of(interfaces: tuple[Interface, ...]) -> Topology:
    """The interfaces of each router, routers in the order in which they first occur."""
    topology: Topology = {}
    for interface in interfaces:
        topology.setdefault(interface.local_router, []).append(interface.name)
    return topology
