"""The networks of the problem: what is generated for each split."""

from collections.abc import Sequence
from functools import cache
from random import Random

import msgspec

from evaluators.telemetry.faults import PUBLISHED_SHARE, Fault, report
from evaluators.telemetry.snapshot import Snapshot
from evaluators.telemetry.traffic import ABILENE, Link, random_links, route
from evolve.problem import Instance, Split


class Monitoring(msgspec.Struct, frozen=True):
    """Snapshots of one network that are repaired one after the other."""

    snapshots: tuple[Snapshot, ...]


class _Network(msgspec.Struct, frozen=True):
    """A network to generate; without routers, the Abilene backbone."""

    name: str
    routers: int = 0
    extra_links: int = 0
    down: int = 0
    """Links that are down in all snapshots."""


_SEARCH_NETWORKS = (_Network("abilene"), _Network("wan24", 24, 14))
_SEARCH_SNAPSHOTS = 8
_TEST_NETWORKS = (_Network("abilene", down=1), _Network("wan16", 16, 18), _Network("wan50", 50, 25, down=4))
_TEST_SNAPSHOTS = 12
_TEST_SHARE = 0.3

_FIRST_SEED = {Split.TRAIN: 5100, Split.VALIDATION: 5200, Split.TEST: 5300}


@cache
def generated_networks(split: Split) -> tuple[Instance[Monitoring], ...]:
    """The generated networks of a split, each with every kind of fault.

    In `train` and `validation` a share of 20 % is hit, as published; in `test` 30 %, networks differ in
    shape and size, and some links are down.
    """
    networks = _TEST_NETWORKS if split is Split.TEST else _SEARCH_NETWORKS
    return tuple(
        Instance(f"{split.value}-{network.name}-{fault.value}", _monitoring(split, network, fault, number))
        for number, (network, fault) in enumerate((n, f) for n in networks for f in Fault)
    )


def _monitoring(split: Split, network: _Network, fault: Fault, number: int) -> Monitoring:
    stream = Random(_FIRST_SEED[split] + number)
    links = random_links(network.routers, network.extra_links, stream) if network.routers else ABILENE
    routed = route(links, _down(links, network.down, stream))
    weights = [stream.randint(1, 30) ** 2 for _ in routed.routers]
    snapshots = []
    for _ in range(_TEST_SNAPSHOTS if split is Split.TEST else _SEARCH_SNAPSHOTS):
        true = routed.rates(weights, stream)
        share = _TEST_SHARE if split is Split.TEST else PUBLISHED_SHARE
        reported = report(fault, routed.interfaces, true, stream, share)
        snapshots.append(Snapshot(routed.interfaces, true, reported))
    return Monitoring(tuple(snapshots))


def _down(links: Sequence[Link], count: int, stream: Random) -> list[Link]:
    return stream.sample(list(links), count)
