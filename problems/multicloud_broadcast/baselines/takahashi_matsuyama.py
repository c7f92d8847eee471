"""The shortest path heuristic for Steiner trees, in its directed form, on prices of egress.

H. Takahashi, A. Matsuyama, "An approximate solution for the Steiner problem in graphs", Mathematica Japonica
24 (1980), 573-577: the tree starts as the source alone; again and again, the destination that is nearest
to the tree is joined to it by a cheapest path. All partitions use the same tree.
"""

import heapq
from itertools import count

Graph = dict[str, dict[str, dict[str, float]]]


def nearest(graph: Graph, tree: dict[str, list[str]], wanted: dict[str, None]) -> list[str]:
    """A cheapest path from any region of the tree to the nearest of the wanted ones."""
    entry = count()
    prices = dict.fromkeys(tree, 0.0)
    origins: dict[str, str] = {}
    done: set[str] = set()
    queue = [(0.0, next(entry), region) for region in tree]
    while queue:
        price, _, region = heapq.heappop(queue)
        if region in done:
            continue
        done.add(region)
        if region in wanted:
            path = [region]
            while path[-1] not in tree:
                path.append(origins[path[-1]])
            return path[::-1]
        for other, link in graph[region].items():
            total = price + link["cost"]
            if other not in done and (other not in prices or total < prices[other]):
                prices[other], origins[other] = total, region
                heapq.heappush(queue, (total, next(entry), other))
    raise ValueError("a destination cannot be reached")


def search_algorithm(
    src: str, dsts: list[str], graph: Graph, num_partitions: int, config: dict[str, object]
) -> dict[str, list[list[str]]]:
    tree = {src: [src]}
    waiting = dict.fromkeys(dsts)
    while waiting:
        path = nearest(graph, tree, waiting)
        way = tree[path[0]]
        for region in path[1:]:
            way = [*way, region]
            tree[region] = way
        del waiting[path[-1]]
    return {dst: [tree[dst]] * num_partitions for dst in dsts}
