from collections.abc import Iterator
from itertools import pairwise, permutations, product

import pytest
from hypothesis import given, settings

from evaluators.cloud import broadcast_bound
from evaluators.cloud.broadcast import Broadcast
from evaluators.cloud.broadcast_bound import cost_bound, steiner_cost, transfer_bound
from evaluators.cloud.broadcast_cost import broadcast_cost
from evaluators.cloud.broadcast_plan import Path, Plan
from tests.evaluators.cloud.broadcasts import broadcasts, planned, small


def _paths(broadcast: Broadcast, destination: str) -> Iterator[Path]:
    others = [region for region in broadcast.grid if region not in (broadcast.source, destination)]
    for count in range(len(others) + 1):
        for relays in permutations(others, count):
            yield (broadcast.source, *relays, destination)


def _cheapest_union(broadcast: Broadcast) -> float:
    """The least price of the links that one path to each destination uses, found by trying all."""
    best = float("inf")
    for paths in product(*(list(_paths(broadcast, one)) for one in broadcast.destinations)):
        links = {link for path in paths for link in pairwise(path)}
        best = min(best, sum(broadcast.grid[sender][receiver].cost for sender, receiver in links))
    return best


@settings(max_examples=30)
@given(broadcasts())
def test_the_steiner_tree_is_the_cheapest_there_is(broadcast: Broadcast) -> None:
    if len(broadcast.grid) == 5 and len(broadcast.destinations) > 2:
        broadcast = small(
            {
                (sender, receiver): (link.cost, link.throughput)
                for sender, links in broadcast.grid.items()
                for receiver, link in links.items()
            },
            broadcast.destinations[:2],
            source=broadcast.source,
        )
    assert steiner_cost(broadcast) == pytest.approx(_cheapest_union(broadcast), abs=1e-12)


@settings(max_examples=300)
@given(planned())
def test_no_plan_beats_the_bound(case: tuple[Broadcast, Plan]) -> None:
    broadcast, plan = case
    cost = broadcast_cost(broadcast, plan)
    assert cost.egress_usd >= broadcast.data_gb * steiner_cost(broadcast) * (1 - 1e-12)
    assert cost.transfer_s >= transfer_bound(broadcast) * (1 - 1e-12)
    assert cost.total_usd >= cost_bound(broadcast) * (1 - 1e-9)


def test_the_bound_is_reached_where_there_is_only_one_way() -> None:
    broadcast = small({("aws:a", "gcp:b"): (0.1, 25.0)}, ("gcp:b",), partitions=1)
    cost = broadcast_cost(broadcast, {"gcp:b": (("aws:a", "gcp:b"),)})
    # The source may send 10 Gbit/s, and the destination receive 16.
    assert cost.transfer_s == transfer_bound(broadcast) == 8.0 * 8 / 10
    assert cost.total_usd == cost_bound(broadcast)


@given(broadcasts())
def test_of_many_destinations_some_leave_a_lower_bound(broadcast: Broadcast) -> None:
    exact = steiner_cost(broadcast)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(broadcast_bound, "MOST_TERMINALS", 2)
        assert steiner_cost(broadcast) <= exact + 1e-12
