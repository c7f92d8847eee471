"""Dijkstra: the cheapest path to each destination by itself, the same one for all partitions.

The seed program of the published benchmark. Of paths with equal price, the one that networkx's
`dijkstra_path` finds: regions leave the queue in the order in which they entered it, and a price that is only
equal changes nothing.
"""

import heapq
from itertools import count

Graph = dict[str, dict[str, dict[str, float]]]


def cheapest_path(graph: Graph, src: str, dst: str) -> list[str]:
    prices = {src: 0.0}
    origins: dict[str, str] = {}
    done: set[str] = set()
    entry = count()
    queue = [(0.0, next(entry), src)]
    while queue:
        price, _, region = heapq.heappop(queue)
        if region in done:
            continue
        done.add(region)
        if region == dst:
            break
        for other, link in graph[region].items():
            total = price + link["cost"]
            if other not in done and (other not in prices or total < prices[other]):
                prices[other], origins[other] = total, region
                heapq.heappush(queue, (total, next(entry), other))
    path = [dst]
    while path[-1] != src:
        path.append(origins[path[-1]])
    return path[::-1]


def search_algorithm(
    src: str, dsts: list[str], graph: Graph, num_partitions: int, config: dict[str, object]
) -> dict[str, list[list[str]]]:
    return {dst: [cheapest_path(graph, src, dst)] * num_partitions for dst in dsts}
