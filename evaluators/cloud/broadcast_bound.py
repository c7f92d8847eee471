"""How little a broadcast can cost."""

import numpy as np

from evaluators.cloud.broadcast import Broadcast
from evaluators.cloud.broadcast_cost import round_time, vm_usd_per_second
from evolve.problem import Floats

MOST_TERMINALS = 10
"""The Steiner tree of so many destinations is computed exactly; the work triples with each further one."""


def cost_bound(broadcast: Broadcast) -> float:
    """A cost in USD, by the rule of `BroadcastCost.total_usd`, that no valid plan can beat.

    Proof. The cost is that of egress and that of VMs, and each is at least its own minimum.

    1. The links that carry one partition contain a path from the source to each destination, hence an
       arborescence that is rooted at the source and spans the destinations. Their prices add up to at least
       the minimum Steiner arborescence, S USD/GB, and to at least that of any subset of the destinations.
       A partition is paid for on each of its links, so egress costs at least S times all data.
    2. The source and all destinations take part, each with all its VMs.
    3. Every partition leaves the source and enters each destination. The flows of the links on which it can
       do so add up to at most what the region's VMs can send or receive, because where they would exceed it
       each is cut to an equal share; and to at most the throughput of all links there are. The link that
       needs longest needs at least as long as all of them together with the work shared out evenly, so the
       transfer takes at least data / (sum of flows), at the source and at each destination. Rounding to the
       hundredth keeps this order.
    """
    egress = broadcast.data_gb * steiner_cost(broadcast)
    regions = 1 + len(broadcast.destinations)
    return egress + regions * vm_usd_per_second(broadcast.vms) * round_time(transfer_bound(broadcast))


def transfer_bound(broadcast: Broadcast) -> float:
    """A transfer time in seconds that no valid plan can beat; step 3 of `cost_bound`."""
    sending = sum(link.throughput for link in broadcast.grid[broadcast.source].values())
    flows = [min(sending, broadcast.egress_limit(broadcast.source))]
    for destination in broadcast.destinations:
        receiving = sum(
            links[destination].throughput for links in broadcast.grid.values() if destination in links
        )
        flows.append(min(receiving, broadcast.ingress_limit(destination)))
    return 8 * broadcast.data_gb / min(flows)


def steiner_cost(broadcast: Broadcast) -> float:
    """Price in USD/GB of the cheapest arborescence from the source to the destinations.

    Dreyfus and Wagner, The Steiner problem in graphs, Networks 1 (1971), for directed graphs: the cheapest
    arborescence from v to a set of terminals goes from v to some u, where the set divides in two. Exact for
    up to `MOST_TERMINALS` destinations; of more, the ones farthest from the source are taken, which leaves a
    lower bound.
    """
    numbers = {region: number for number, region in enumerate(broadcast.grid)}
    distances = _distances(broadcast, numbers)
    source = numbers[broadcast.source]
    terminals = [numbers[region] for region in broadcast.destinations]
    terminals = sorted(terminals, key=lambda number: -distances[source, number])[:MOST_TERMINALS]
    # best[s][v]: the cheapest arborescence from v to the terminals whose bits are set in s.
    everyone = (1 << len(terminals)) - 1
    best: list[Floats] = [np.zeros(len(numbers))] * (everyone + 1)
    for chosen in range(1, everyone + 1):
        if chosen & (chosen - 1) == 0:
            best[chosen] = distances[:, terminals[chosen.bit_length() - 1]]
            continue
        divided = np.full(len(numbers), np.inf)
        part = (chosen - 1) & chosen
        while part > chosen ^ part:
            np.minimum(divided, best[part] + best[chosen ^ part], out=divided)
            part = (part - 1) & chosen
        best[chosen] = (distances + divided).min(axis=1)
    return float(best[everyone][source])


def _distances(broadcast: Broadcast, numbers: dict[str, int]) -> Floats:
    """Least price in USD/GB from each region to each, shape (regions, regions); Floyd and Warshall."""
    distances = np.full((len(numbers), len(numbers)), np.inf)
    np.fill_diagonal(distances, 0.0)
    for region, links in broadcast.grid.items():
        for other, link in links.items():
            distances[numbers[region], numbers[other]] = link.cost
    for via in range(len(numbers)):
        np.minimum(distances, distances[:, via : via + 1] + distances[via], out=distances)
    return distances
