"""The problem `multicloud_broadcast`: by which regions data goes from one region to several others."""

from collections.abc import Mapping, Sequence
from functools import cache, lru_cache
from pathlib import Path
from typing import ClassVar, TypeAlias

from evaluators.cloud.broadcast import VM_USD_PER_HOUR, Broadcast
from evaluators.cloud.broadcast_bound import cost_bound
from evaluators.cloud.broadcast_cost import BroadcastCost, broadcast_cost
from evaluators.cloud.broadcast_files import broadcast_files, read_broadcast
from evaluators.cloud.broadcast_generator import RandomBroadcast
from evaluators.cloud.broadcast_plan import checked_plan
from evaluators.cloud.broadcast_published import COST_METRIC, SKYDISCOVER_COST_METRIC, published_score
from evolve.problem import (
    Candidate,
    Direction,
    EntryPoint,
    Feature,
    Instance,
    Limits,
    Objective,
    Outcome,
    Problem,
    Split,
    Value,
)
from problems.multicloud_broadcast.broadcasts import TEST, TRAIN, VALIDATION

BroadcastInstance: TypeAlias = Instance[Broadcast]


class MulticloudBroadcast(Problem[Broadcast]):
    """Copy data from one cloud region to several others, over relays, at the least cost."""

    name: ClassVar[str] = "multicloud_broadcast"
    summary: ClassVar[str] = "by which regions to copy data from one cloud region to several others, cheaply"
    entry_point: ClassVar[EntryPoint] = EntryPoint(
        "search_algorithm", ("src", "dsts", "graph", "num_partitions", "config")
    )
    objectives: ClassVar[tuple[Objective, ...]] = (
        Objective(COST_METRIC, "USD", Direction.MINIMISE),
        Objective("transfer_s", "s", Direction.MINIMISE),
    )
    baselines: ClassVar[Mapping[str, str]] = {
        "direct": "baselines/direct.py",
        "Dijkstra": "baselines/dijkstra.py",
        "MDST": "baselines/mdst.py",
        "Takahashi-Matsuyama": "baselines/takahashi_matsuyama.py",
    }
    bound_name: ClassVar[str] = "Steiner bound"
    features: ClassVar[tuple[Feature, ...]] = (
        Feature("num_partitions", "1", "parts of equal size that take their own ways"),
        Feature("len(dsts)", "1", "destinations"),
        Feature("len(graph)", "1", "regions, relays included"),
        Feature("config['data_gb']", "GB", "size of the data"),
        Feature("config['vms']", "1", "VMs in each region that takes part"),
    )
    limits: ClassVar[Limits] = Limits()
    needs_numpy: ClassVar[bool] = True

    def instances(self, split: Split) -> Sequence[BroadcastInstance]:
        """The generated broadcasts of a split."""
        return _instances(split)

    def read_instances(self, path: Path) -> Sequence[BroadcastInstance]:
        """Read one broadcast in the published format, named after its file.

        Raises:
            InstanceFileError: The file, or a grid that belongs to it, is not in this format.
        """
        return (Instance(path.stem, read_broadcast(path)),)

    def instance_files(self, path: Path) -> Sequence[Path]:
        """The configuration, and the price and throughput grids beside it."""
        return broadcast_files(path)

    def evaluate(self, instance: BroadcastInstance, candidate: Candidate) -> Outcome:
        """Ask for a plan, check it and price it."""
        broadcast = instance.payload
        answer = candidate.call(
            self.entry_point.function,
            broadcast.source,
            list(broadcast.destinations),
            visible_graph(broadcast),
            broadcast.partitions,
            visible_config(broadcast),
        )
        cost = broadcast_cost(broadcast, checked_plan(answer, broadcast))
        return Outcome(
            instance=instance.name,
            value=cost.total_usd,
            metrics={
                COST_METRIC: cost.total_usd,
                "egress_usd": cost.egress_usd,
                "vm_usd": cost.vm_usd,
                "transfer_s": cost.transfer_s,
                SKYDISCOVER_COST_METRIC: cost.skydiscover_total_usd,
                "published_score": published_score(cost.total_usd),
            },
            feedback=_feedback(broadcast, cost),
        )

    def bound(self, instance: BroadcastInstance) -> float:
        """A cost in USD that no plan beats: minimum Steiner arborescence and fastest possible transfer."""
        return _bound(instance.payload)


def visible_graph(broadcast: Broadcast) -> dict[str, Value]:
    """The grid as a program sees it, new at each call: {sender: {receiver: {"cost", "throughput"}}}."""
    return {
        sender: {
            receiver: {"cost": link.cost, "throughput": link.throughput} for receiver, link in links.items()
        }
        for sender, links in broadcast.grid.items()
    }


def visible_config(broadcast: Broadcast) -> dict[str, Value]:
    """What else a program is told, new at each call."""
    return {
        "data_gb": broadcast.data_gb,
        "vms": broadcast.vms,
        "vm_usd_per_hour": VM_USD_PER_HOUR,
        "ingress_gbps": dict(broadcast.ingress_gbps),
        "egress_gbps": dict(broadcast.egress_gbps),
    }


def _feedback(broadcast: Broadcast, cost: BroadcastCost) -> str:
    relays = cost.regions - 1 - len(broadcast.destinations)
    return (
        f"{len(broadcast.destinations)} destinations, {relays} relays: {cost.total_usd:.2f} USD, of which"
        f" {cost.egress_usd:.2f} for egress and {cost.vm_usd:.2f} for VMs; {cost.transfer_s:.0f} s, because"
        f" of the link from {cost.slowest[0]} to {cost.slowest[1]}"
    )


@lru_cache(maxsize=256)
def _bound(broadcast: Broadcast) -> float:
    return cost_bound(broadcast)


@cache
def _instances(split: Split) -> tuple[BroadcastInstance, ...]:
    recipes = {Split.TRAIN: TRAIN, Split.VALIDATION: VALIDATION, Split.TEST: TEST}[split]
    return tuple(
        Instance(_name(split, number, recipe), recipe.generate())
        for number, recipe in enumerate(recipes, start=1)
    )


def _name(split: Split, number: int, recipe: RandomBroadcast) -> str:
    """Split, number, who takes part, destinations and regions: 'train-02-aws-5-of-18'."""
    who = recipe.within or ("any" if len(recipe.providers) == 3 else "-".join(recipe.providers))
    return f"{split.value}-{number:02d}-{who}-{recipe.destinations}-of-{recipe.regions}"


problem = MulticloudBroadcast()
