"""Small broadcasts for tests, drawn by hypothesis, and the random plans to try on them."""

from hypothesis import strategies as st

from evaluators.cloud.broadcast import Broadcast, Link
from evaluators.cloud.broadcast_plan import Plan

REGIONS = ("aws:a", "gcp:b", "azure:c", "aws:d", "gcp:e")
LIMITS = {"aws": 10.0, "gcp": 16.0, "azure": 12.0}


def small(
    links: dict[tuple[str, str], tuple[float, float]],
    destinations: tuple[str, ...],
    *,
    source: str = "aws:a",
    data_gb: float = 8.0,
    partitions: int = 2,
    vms: int = 1,
) -> Broadcast:
    """A broadcast over links given as (price, throughput)."""
    grid: dict[str, dict[str, Link]] = {}
    for (sender, receiver), (cost, throughput) in links.items():
        grid.setdefault(sender, {})[receiver] = Link(cost, throughput)
        grid.setdefault(receiver, {})
    return Broadcast(
        source=source,
        destinations=destinations,
        grid=grid,
        data_gb=data_gb,
        partitions=partitions,
        vms=vms,
        ingress_gbps=LIMITS,
        egress_gbps=LIMITS,
    )


@st.composite
def broadcasts(draw: st.DrawFn) -> Broadcast:
    """Complete graphs on three to five regions."""
    regions = REGIONS[: draw(st.integers(3, 5))]
    prices = st.sampled_from((0.0, 0.01, 0.02, 0.05, 0.09, 0.12, 0.2))
    throughputs = st.floats(0.5, 40.0)
    links = {
        (sender, receiver): (draw(prices), draw(throughputs))
        for sender in regions
        for receiver in regions
        if sender != receiver
    }
    order = draw(st.permutations(regions))
    return small(
        links,
        tuple(order[1 : 1 + draw(st.integers(1, len(order) - 1))]),
        source=order[0],
        data_gb=draw(st.floats(1.0, 500.0)),
        partitions=draw(st.integers(1, 3)),
        vms=draw(st.integers(1, 2)),
    )


@st.composite
def planned(draw: st.DrawFn) -> tuple[Broadcast, Plan]:
    """A broadcast with any valid plan."""
    broadcast = draw(broadcasts())
    plan = {}
    for destination in broadcast.destinations:
        others = [region for region in broadcast.grid if region not in (broadcast.source, destination)]
        relays = st.lists(st.sampled_from(others), unique=True) if others else st.just([])
        plan[destination] = tuple(
            (broadcast.source, *draw(relays), destination) for _ in range(broadcast.partitions)
        )
    return broadcast, plan
