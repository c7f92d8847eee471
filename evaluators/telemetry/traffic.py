"""Synthetic wide-area networks with traffic on them: a gravity model, routed over shortest paths."""

from collections.abc import Sequence
from random import Random

import msgspec

from evaluators.telemetry.snapshot import Interface, Rates

Link = tuple[str, str]

ABILENE: tuple[Link, ...] = (
    ("ATLAM5", "ATLAng"),
    ("ATLAng", "HSTNng"),
    ("ATLAng", "IPLSng"),
    ("ATLAng", "WASHng"),
    ("CHINng", "IPLSng"),
    ("CHINng", "NYCMng"),
    ("DNVRng", "KSCYng"),
    ("DNVRng", "SNVAng"),
    ("DNVRng", "STTLng"),
    ("HSTNng", "KSCYng"),
    ("HSTNng", "LOSAng"),
    ("IPLSng", "KSCYng"),
    ("LOSAng", "SNVAng"),
    ("NYCMng", "WASHng"),
    ("SNVAng", "STTLng"),
)
"""The 15 links of the Abilene backbone, with the names of SNDlib (Orlowski et al., Networks 2010)."""


class RoutedNetwork(msgspec.Struct, frozen=True):
    """Routers, links, and for each pair of routers the links that its traffic takes, in their direction."""

    routers: tuple[str, ...]
    interfaces: tuple[Interface, ...]
    paths: tuple[tuple[Link, ...], ...]

    def rates(self, weights: Sequence[int], stream: Random) -> tuple[Rates, ...]:
        """The rates of all interfaces under a gravity model.

        The traffic of a pair of routers goes with the product of their weights, and varies by half. Both
        ends of a link count the same traffic. Some traffic starts or ends at every router.
        """
        pairs = [(a, b) for a in range(len(weights)) for b in range(len(weights)) if a != b]
        loads: dict[Link, int] = {}
        for (a, b), path in zip(pairs, self.paths, strict=True):
            demand = weights[a] * weights[b] * stream.randint(50, 150)
            for link in path:
                loads[link] = loads.get(link, 0) + demand
        return tuple(
            Rates(
                rx=loads.get((interface.remote_router, interface.local_router), 0) / 1000.0,
                tx=loads.get((interface.local_router, interface.remote_router), 0) / 1000.0,
            )
            if interface.status == "up"
            else Rates(0.0, 0.0)
            for interface in self.interfaces
        )


def route(links: Sequence[Link], down: Sequence[Link] = ()) -> RoutedNetwork:
    """Route over the links that are up, by number of hops, the first of equals in the order of names."""
    routers = tuple(sorted({router for link in links for router in link}))
    working = [link for link in links if link not in down]
    neighbours = {
        router: sorted({b for a, b in working if a == router} | {a for a, b in working if b == router})
        for router in routers
    }
    interfaces = tuple(
        Interface(f"{a}_to_{b}", f"{b}_to_{a}", a, b, status)
        for link, status in ((link, "down" if link in down else "up") for link in links)
        for a, b in (link, link[::-1])
    )
    paths = []
    for source in routers:
        before = _tree(source, neighbours)
        paths += [_path(target, before) for target in routers if target != source]
    return RoutedNetwork(routers, interfaces, tuple(paths))


def random_links(routers: int, extra: int, stream: Random) -> tuple[Link, ...]:
    """A connected network: each router is linked to one before it, and so many links are added."""
    names = [f"R{number:02d}" for number in range(routers)]
    links = [
        (names[stream.randrange(max(0, number - 6), number)], names[number]) for number in range(1, routers)
    ]
    while extra:
        a, b = sorted(stream.sample(names, 2))
        if (a, b) not in links:
            links.append((a, b))
            extra -= 1
    return tuple(links)


def _tree(source: str, neighbours: dict[str, list[str]]) -> dict[str, str]:
    """For each router that can be reached from the source, the one before it on the way."""
    before: dict[str, str] = {source: source}
    waiting = [source]
    for router in waiting:
        for neighbour in neighbours[router]:
            if neighbour not in before:
                before[neighbour] = router
                waiting.append(neighbour)
    return before


def _path(target: str, before: dict[str, str]) -> tuple[Link, ...]:
    """The links to a router from the source of a tree; none where it cannot be reached."""
    links: list[Link] = []
    while target in before and before[target] != target:
        links.append((before[target], target))
        target = before[target]
    return tuple(reversed(links))
