"""What a broadcast over clouds is: prices, throughputs, limits of VMs, and who needs the data."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

import msgspec

VM_USD_PER_HOUR = 0.54
"""Price of a VM in the published benchmark, the same for all providers."""


class Link(msgspec.Struct, frozen=True):
    """What the network offers from one region to another."""

    cost: float
    """Price of egress, USD/GB."""
    throughput: float
    """Gbit/s, all VMs of the sending region together."""


Grid: TypeAlias = Mapping[str, Mapping[str, Link]]
"""Links by sending and receiving region. The order of both is part of it: programs break ties by it."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Broadcast:
    """Data in one region that has to be copied to several others.

    Attributes:
        source: The region that holds the data, written "provider:region".
        destinations: The regions that need it; at least one, all different, none of them the source.
        grid: All regions with the links that leave them; those that may relay data included.
        data_gb: Size of the data.
        partitions: How many parts of equal size it is divided into; each takes its own ways.
        vms: VMs in each region that takes part.
        ingress_gbps: Limit of what one VM receives, by provider.
        egress_gbps: Limit of what one VM sends, by provider.

    Raises:
        ValueError: This is no broadcast; the message says why.
    """

    source: str
    destinations: tuple[str, ...]
    grid: Grid
    data_gb: float
    partitions: int
    vms: int
    ingress_gbps: Mapping[str, float]
    egress_gbps: Mapping[str, float]

    def __post_init__(self) -> None:
        for region in (self.source, *self.destinations):
            if region not in self.grid:
                raise ValueError(f"region {region!r} is not in the grid")
        if not self.destinations or len(set(self.destinations)) < len(self.destinations):
            raise ValueError("destinations have to be at least one, and different")
        if self.source in self.destinations:
            raise ValueError(f"the source {self.source!r} is among the destinations")
        if self.partitions < 1 or self.vms < 1 or not 0.0 < self.data_gb < math.inf:
            raise ValueError("partitions, VMs and data have to be positive")
        for region, links in self.grid.items():
            if ":" not in region:
                raise ValueError(f"region {region!r}: expected 'provider:region'")
            for limits, what in ((self.ingress_gbps, "ingress"), (self.egress_gbps, "egress")):
                if not 0.0 < limits.get(provider_of(region), 0.0) < math.inf:
                    raise ValueError(f"region {region!r}: its provider has no {what} limit above 0")
            for other, link in links.items():
                _check_link(self.grid, region, other, link)
        reachable = _reachable(self.grid, self.source)
        cut_off = [region for region in self.destinations if region not in reachable]
        if cut_off:
            raise ValueError(f"there is no way from the source {self.source!r} to {cut_off[0]!r}")

    def ingress_limit(self, region: str) -> float:
        """What all VMs of a region together can receive, Gbit/s."""
        return self.ingress_gbps[provider_of(region)] * self.vms

    def egress_limit(self, region: str) -> float:
        """What all VMs of a region together can send, Gbit/s."""
        return self.egress_gbps[provider_of(region)] * self.vms


def provider_of(region: str) -> str:
    """The provider in a region's name: 'aws' of 'aws:us-east-1'."""
    return region.partition(":")[0]


def _reachable(grid: Grid, source: str) -> dict[str, None]:
    found = {source: None}
    waiting = [source]
    while waiting:
        new = [region for region in grid[waiting.pop()] if region not in found]
        found.update(dict.fromkeys(new))
        waiting += new
    return found


def _check_link(grid: Grid, region: str, other: str, link: Link) -> None:
    place = f"link {region!r} to {other!r}"
    if other == region or other not in grid:
        raise ValueError(f"{place}: the receiver is not another region of the grid")
    if not 0.0 <= link.cost < math.inf:
        raise ValueError(f"{place}: the price {link.cost} is not a finite number from 0")
    if not 0.0 < link.throughput < math.inf:
        raise ValueError(f"{place}: the throughput {link.throughput} is not a finite number above 0")
