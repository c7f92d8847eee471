"""A plain start: destinations join one after the other, by a path that prefers links already in use."""

import heapq
from itertools import count, pairwise

Graph = dict[str, dict[str, dict[str, float]]]


# EVOLVE-BLOCK-START
def link_weight(cost: float, throughput: float, load: int, num_partitions: int) -> float:
    """What a link weighs that this partition does not use yet; `load` earlier partitions use it."""
    return cost + 0.001 * load / throughput


def used_weight(cost: float, throughput: float, load: int, num_partitions: int) -> float:
    """What a link weighs that brings this partition to an earlier destination anyway."""
    return 0.5 * cost


def turn(direct_cost: float, direct_throughput: float, num_partitions: int) -> float:
    """Destinations join in ascending order of this."""
    return direct_cost - 0.001 * direct_throughput


def lightest_path(
    src: str,
    dst: str,
    graph: Graph,
    used: dict[tuple[str, str], None],
    loads: dict[tuple[str, str], int],
    num_partitions: int,
) -> list[str]:
    """A path from the source to a destination with the least sum of weights."""
    weights = {src: 0.0}
    origins: dict[str, str] = {}
    done: set[str] = set()
    entry = count()
    queue = [(0.0, next(entry), src)]
    while queue:
        weight, _, region = heapq.heappop(queue)
        if region in done:
            continue
        done.add(region)
        if region == dst:
            break
        for other, link in graph[region].items():
            if other in done:
                continue
            load = loads.get((region, other), 0)
            weigh = used_weight if (region, other) in used else link_weight
            total = weight + max(0.0, weigh(link["cost"], link["throughput"], load, num_partitions))
            if other not in weights or total < weights[other]:
                weights[other], origins[other] = total, region
                heapq.heappush(queue, (total, next(entry), other))
    path = [dst]
    while path[-1] != src:
        path.append(origins[path[-1]])
    return path[::-1]


def search_algorithm(
    src: str, dsts: list[str], graph: Graph, num_partitions: int, config: dict[str, object]
) -> dict[str, list[list[str]]]:
    def turn_of(dst: str) -> float:
        link = graph[src].get(dst, {"cost": 1.0, "throughput": 1.0})
        return turn(link["cost"], link["throughput"], num_partitions)

    loads: dict[tuple[str, str], int] = {}
    paths: dict[str, list[list[str]]] = {dst: [] for dst in dsts}
    for _ in range(num_partitions):
        used: dict[tuple[str, str], None] = {}
        for dst in sorted(dsts, key=turn_of):
            path = lightest_path(src, dst, graph, used, loads, num_partitions)
            paths[dst].append(path)
            used.update(dict.fromkeys(pairwise(path)))
        for link in used:
            loads[link] = loads.get(link, 0) + 1
    return paths


# EVOLVE-BLOCK-END
