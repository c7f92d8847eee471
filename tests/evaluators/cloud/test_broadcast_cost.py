import itertools

import pytest
from hypothesis import given

from evaluators.cloud.broadcast import Broadcast
from evaluators.cloud.broadcast_cost import broadcast_cost
from evaluators.cloud.broadcast_plan import Plan
from tests.evaluators.cloud.broadcasts import planned, small


def slow_cost(broadcast: Broadcast, plan: Plan) -> tuple[float, float, float, float]:
    """Egress, transfer time, and both totals, as the definition says and no cleverer."""
    hops: list[tuple[str, str, str, int]] = [
        (path[position], path[position + 1], destination, partition)
        for destination in broadcast.destinations
        for partition, path in enumerate(plan[destination])
        for position in range(len(path) - 1)
    ]
    nodes: list[str] = []
    for sender, receiver, _, _ in hops:
        nodes += [node for node in (sender, receiver) if node not in nodes]
    links = list(dict.fromkeys((sender, receiver) for sender, receiver, _, _ in hops))
    flow = {(sender, receiver): broadcast.grid[sender][receiver].throughput for sender, receiver in links}
    for node in nodes:
        provider = node.split(":")[0]
        for end, limits in ((1, broadcast.ingress_gbps), (0, broadcast.egress_gbps)):
            there = [link for link in links if link[end] == node]
            limit = limits[provider] * broadcast.vms
            if sum(flow[link] for link in there) > limit:
                for link in there:
                    flow[link] = min(flow[link], limit / len(there))
    gb = broadcast.data_gb / broadcast.partitions
    carried = {
        link: len({partition for sender, receiver, _, partition in hops if (sender, receiver) == link})
        for link in links
    }
    egress = sum(carried[s, r] * gb * broadcast.grid[s][r].cost for s, r in links)
    leaderboard = skydiscover = 0.0
    for destination in broadcast.destinations:
        for path in plan[destination]:
            used = list(itertools.pairwise(path))
            leaderboard = max([leaderboard, *(carried[link] * gb * 8 / flow[link] for link in used)])
            skydiscover = max(skydiscover, gb / min(flow[link] for link in used))
    hourly = len(nodes) * broadcast.vms * 0.54
    return (
        egress,
        leaderboard,
        egress + hourly * round(leaderboard, 2) / 3600,
        egress + hourly * round(skydiscover, 2) / 3600,
    )


@given(planned())
def test_agrees_with_the_definition(case: tuple[Broadcast, Plan]) -> None:
    broadcast, plan = case
    cost = broadcast_cost(broadcast, plan)
    egress, seconds, leaderboard, skydiscover = slow_cost(broadcast, plan)
    assert cost.egress_usd == pytest.approx(egress, rel=1e-12, abs=1e-12)
    assert cost.transfer_s == pytest.approx(seconds, rel=1e-12)
    # A time that rounding moves across a hundredth changes the price of so much.
    hundredth = cost.regions * broadcast.vms * 0.54 / 3600 * 0.011
    assert cost.total_usd == pytest.approx(leaderboard, rel=1e-12, abs=hundredth)
    assert cost.skydiscover_total_usd == pytest.approx(skydiscover, rel=1e-12, abs=hundredth)
    assert cost.total_usd == cost.egress_usd + cost.vm_usd


def test_a_shared_hop_is_paid_for_once() -> None:
    broadcast = small(
        {("aws:a", "gcp:b"): (0.1, 4.0), ("gcp:b", "azure:c"): (0.02, 4.0), ("gcp:b", "aws:d"): (0.5, 4.0)},
        ("azure:c", "aws:d"),
        data_gb=100.0,
        partitions=2,
    )
    to_c, to_d = ("aws:a", "gcp:b", "azure:c"), ("aws:a", "gcp:b", "aws:d")
    cost = broadcast_cost(broadcast, {"azure:c": (to_c, to_c), "aws:d": (to_d, to_d)})
    assert cost.egress_usd == pytest.approx(100 * (0.1 + 0.02 + 0.5))
    assert cost.regions == 4
    # Two partitions of 50 GB on a link of 4 Gbit/s.
    assert cost.transfer_s == pytest.approx(2 * 50 * 8 / 4)
    assert cost.vm_usd == pytest.approx(4 * 0.54 / 3600 * 200)
    assert cost.skydiscover_total_usd == pytest.approx(62.0 + 4 * 0.54 / 3600 * 12.5)


def test_limits_are_shared_equally_and_partitions_share_a_link() -> None:
    broadcast = small(
        {("aws:a", "gcp:b"): (0.1, 9.0), ("aws:a", "azure:c"): (0.1, 3.0)},
        ("gcp:b", "azure:c"),
        data_gb=10.0,
        partitions=1,
    )
    plan = {"gcp:b": (("aws:a", "gcp:b"),), "azure:c": (("aws:a", "azure:c"),)}
    cost = broadcast_cost(broadcast, plan)
    # 12 Gbit/s want out and 10 may: 5 for each, and the second link has 3 anyway.
    assert cost.transfer_s == pytest.approx(10 * 8 / 3)
    assert cost.slowest == ("aws:a", "azure:c")


def test_times_are_billed_to_the_hundredth() -> None:
    broadcast = small({("aws:a", "gcp:b"): (0.0, 3.0)}, ("gcp:b",), data_gb=1.0, partitions=1)
    cost = broadcast_cost(broadcast, {"gcp:b": (("aws:a", "gcp:b"),)})
    assert cost.transfer_s == pytest.approx(8 / 3)
    assert cost.total_usd == pytest.approx(2 * 0.54 / 3600 * 2.67, rel=1e-12)
