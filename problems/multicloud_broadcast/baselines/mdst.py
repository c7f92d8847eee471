"""MDST, the minimum directed spanning tree: the cheapest tree over the source and the destinations alone.

One of the planners of Skyplane's broadcast. The tree is found by the algorithm of Chu and Liu (1965) and
Edmonds (Optimum branchings, 1967): each region takes its cheapest way in; cycles are contracted, with what
leaving a cycle's own link saves as a discount, and solved again. All partitions use the same tree.
"""

from typing import NamedTuple

Graph = dict[str, dict[str, dict[str, float]]]


class Link(NamedTuple):
    price: float
    sender: int
    receiver: int
    inner: "Link | None" = None
    """The link that this one stands for, before the contraction."""


def cheapest_tree(root: int, regions: list[int], links: list[Link]) -> list[Link]:
    """One link into each region, so that all are reached from the root."""
    best: dict[int, Link] = {}
    for link in links:
        if link.receiver not in best or link.price < best[link.receiver].price:
            best[link.receiver] = link
    cycle = find_cycle(root, regions, best)
    if not cycle:
        return list(best.values())

    whole = max(root, *regions) + 1
    contracted = []
    for link in links:
        if link.receiver not in cycle:
            sender = whole if link.sender in cycle else link.sender
            contracted.append(Link(link.price, sender, link.receiver, link))
        elif link.sender not in cycle:
            discounted = link.price - best[link.receiver].price
            contracted.append(Link(discounted, link.sender, whole, link))
    outside = [region for region in regions if region not in cycle]
    opened = [link.inner for link in cheapest_tree(root, [*outside, whole], contracted) if link.inner]
    entered = [link.receiver for link in opened if link.receiver in cycle]
    return opened + [best[region] for region in cycle if region not in entered]


def find_cycle(root: int, regions: list[int], best: dict[int, Link]) -> list[int]:
    finished = {root}
    for start in regions:
        way: list[int] = []
        region = start
        while region not in finished and region not in way:
            way.append(region)
            region = best[region].sender
        if region not in finished:
            return way[way.index(region) :]
        finished.update(way)
    return []


def search_algorithm(
    src: str, dsts: list[str], graph: Graph, num_partitions: int, config: dict[str, object]
) -> dict[str, list[list[str]]]:
    names = [src, *dsts]
    links = [
        Link(graph[names[sender]][names[receiver]]["cost"], sender, receiver)
        for sender in range(len(names))
        for receiver in range(1, len(names))
        if names[receiver] in graph[names[sender]]
    ]
    tree = cheapest_tree(0, list(range(1, len(names))), links)
    sender_of = {names[link.receiver]: names[link.sender] for link in tree}
    paths = {}
    for dst in dsts:
        path = [dst]
        while path[-1] != src:
            path.append(sender_of[path[-1]])
        paths[dst] = [path[::-1]] * num_partitions
    return paths
