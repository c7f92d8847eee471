"""What a plan costs and how long it takes: the simulator of the published benchmark, from its definition.

Two published evaluators share the flows and prices and differ in the transfer time. The one that counts here
is that of the ADRS leaderboard, in which a link carries its partitions one after the other and a gigabyte
has eight gigabits. SkyDiscover's is told beside it, for comparison with figures of that scale.
"""

import itertools
from dataclasses import dataclass, field

import msgspec

from evaluators.cloud.broadcast import VM_USD_PER_HOUR, Broadcast
from evaluators.cloud.broadcast_plan import Plan

_GBIT_PER_GB = 8


class BroadcastCost(msgspec.Struct, frozen=True, kw_only=True):
    """What a plan comes to."""

    egress_usd: float
    """A partition is paid for once on each link that it uses, however many destinations need it there."""
    regions: int
    """Regions that take part, each with all its VMs for as long as the transfer takes."""
    transfer_s: float
    """Until the link that needs longest has sent all its partitions; leaderboard rule."""
    skydiscover_transfer: float
    """Largest (size of a partition in GB) / (least flow on its path in Gbit/s); SkyDiscover rule."""
    vms: int
    slowest: tuple[str, str]
    """The link that needs longest."""

    @property
    def vm_usd(self) -> float:
        """Price of the VMs, leaderboard rule."""
        return self._vm_usd(self.transfer_s)

    @property
    def total_usd(self) -> float:
        """What the leaderboard adds up."""
        return self.egress_usd + self.vm_usd

    @property
    def skydiscover_total_usd(self) -> float:
        """What SkyDiscover adds up."""
        return self.egress_usd + self._vm_usd(self.skydiscover_transfer)

    def _vm_usd(self, seconds: float) -> float:
        return self.regions * vm_usd_per_second(self.vms) * round_time(seconds)


def vm_usd_per_second(vms: int) -> float:
    """Price of the VMs of one region, USD/s."""
    return vms * (VM_USD_PER_HOUR / 3600)


def round_time(seconds: float) -> float:
    """Transfer times are billed to the hundredth, as published."""
    return round(seconds, 2)


@dataclass(slots=True)
class _Use:
    """A link in use."""

    cost: float
    flow: float
    partitions: set[int] = field(default_factory=set)


_Uses = dict[tuple[str, str], _Use]


def broadcast_cost(broadcast: Broadcast, plan: Plan) -> BroadcastCost:
    """Price a valid plan."""
    uses, regions = _links_in_use(broadcast, plan)
    _share_limits(broadcast, uses, regions)
    size = broadcast.data_gb / broadcast.partitions
    times = {link: len(use.partitions) * size * _GBIT_PER_GB / use.flow for link, use in uses.items()}
    slowest = max(times, key=lambda link: times[link])
    least_flow = min(use.flow for use in uses.values())
    return BroadcastCost(
        egress_usd=sum(len(use.partitions) * size * use.cost for use in uses.values()),
        regions=len(regions),
        transfer_s=times[slowest],
        # The largest over paths of the least flow's time is that of the least flow of all.
        skydiscover_transfer=size / least_flow,
        vms=broadcast.vms,
        slowest=slowest,
    )


def _links_in_use(broadcast: Broadcast, plan: Plan) -> tuple[_Uses, list[str]]:
    """The union of all paths: links with their partitions, and regions in the order in which they appear."""
    uses: _Uses = {}
    regions: dict[str, None] = {}
    for paths in plan.values():
        for partition, path in enumerate(paths):
            regions.update(dict.fromkeys(path))
            for sender, receiver in itertools.pairwise(path):
                use = uses.get((sender, receiver))
                if use is None:
                    link = broadcast.grid[sender][receiver]
                    use = uses[sender, receiver] = _Use(link.cost, link.throughput)
                use.partitions.add(partition)
    return uses, list(regions)


def _share_limits(broadcast: Broadcast, uses: _Uses, regions: list[str]) -> None:
    """Cut flows down to what VMs can receive and send, region by region in the order of appearance.

    Where the flows of a region's links exceed its limit, each link gets at most an equal share of it.
    """
    into: dict[str, list[_Use]] = {region: [] for region in regions}
    out_of: dict[str, list[_Use]] = {region: [] for region in regions}
    for (sender, receiver), use in uses.items():
        into[receiver].append(use)
        out_of[sender].append(use)
    for region in regions:
        _cut(into[region], broadcast.ingress_limit(region))
        _cut(out_of[region], broadcast.egress_limit(region))


def _cut(uses: list[_Use], limit: float) -> None:
    if sum(use.flow for use in uses) > limit:
        share = limit * (1 / len(uses))
        for use in uses:
            use.flow = min(use.flow, share)
