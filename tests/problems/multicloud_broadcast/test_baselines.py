"""The baselines do what their names say, on small broadcasts where the answer can be tried out."""

from itertools import product
from pathlib import Path

import pytest
from hypothesis import given

from evaluators.cloud.broadcast import Broadcast
from evaluators.cloud.broadcast_bound import steiner_cost
from evaluators.cloud.broadcast_cost import broadcast_cost
from evaluators.cloud.broadcast_plan import Plan, checked_plan
from problems.multicloud_broadcast import problem as module
from tests.evaluators.cloud.broadcasts import broadcasts, small
from tests.support.direct_candidate import DirectCandidate

FOLDER = Path(str(module.__file__)).parent
FILES = {"seed": "seed.py", **module.problem.baselines}


def plan_of(program: str, broadcast: Broadcast) -> Plan:
    answer = DirectCandidate((FOLDER / FILES[program]).read_text()).call(
        "search_algorithm",
        broadcast.source,
        list(broadcast.destinations),
        module.visible_graph(broadcast),
        broadcast.partitions,
        module.visible_config(broadcast),
    )
    return checked_plan(answer, broadcast)


def usd_per_gb(program: str, broadcast: Broadcast) -> float:
    return broadcast_cost(broadcast, plan_of(program, broadcast)).egress_usd / broadcast.data_gb


@pytest.mark.parametrize("program", FILES)
@given(broadcast=broadcasts())
def test_every_program_is_valid_on_every_broadcast(program: str, broadcast: Broadcast) -> None:
    plan_of(program, broadcast)


@given(broadcasts())
def test_mdst_is_the_cheapest_tree_on_source_and_destinations(broadcast: Broadcast) -> None:
    regions = (broadcast.source, *broadcast.destinations)
    best = float("inf")
    for senders in product(regions, repeat=len(broadcast.destinations)):
        parent = dict(zip(broadcast.destinations, senders, strict=True))
        if _is_tree(parent, broadcast.source):
            best = min(best, sum(broadcast.grid[parent[one]][one].cost for one in parent))
    assert usd_per_gb("MDST", broadcast) == pytest.approx(best, abs=1e-12)


def _is_tree(parent: dict[str, str], source: str) -> bool:
    for start in parent:
        region, steps = start, 0
        while region != source:
            region, steps = parent[region] if parent[region] != region else "", steps + 1
            if steps > len(parent) or not region:
                return False
    return True


@given(broadcasts())
def test_dijkstra_pays_least_for_one_destination_and_takahashi_matsuyama_reaches_it(
    broadcast: Broadcast,
) -> None:
    one = small(
        {
            (sender, receiver): (link.cost, link.throughput)
            for sender, links in broadcast.grid.items()
            for receiver, link in links.items()
        },
        broadcast.destinations[:1],
        source=broadcast.source,
    )
    for program in ("Dijkstra", "Takahashi-Matsuyama"):
        assert usd_per_gb(program, one) == pytest.approx(steiner_cost(one), abs=1e-12)
    assert usd_per_gb("Takahashi-Matsuyama", broadcast) >= steiner_cost(broadcast) - 1e-12


def test_takahashi_matsuyama_joins_the_nearest_first() -> None:
    links = {
        ("aws:a", "gcp:b"): (0.05, 5.0),
        ("aws:a", "azure:c"): (0.09, 5.0),
        ("aws:a", "aws:d"): (0.09, 5.0),
        ("gcp:b", "azure:c"): (0.02, 5.0),
        ("azure:c", "aws:d"): (0.01, 5.0),
    }
    broadcast = small(links, ("aws:d", "azure:c", "gcp:b"))
    plan = plan_of("Takahashi-Matsuyama", broadcast)
    assert plan["aws:d"][0] == ("aws:a", "gcp:b", "azure:c", "aws:d")
    assert plan["gcp:b"][0] == ("aws:a", "gcp:b")
    # Dijkstra sees that the way over b and c costs 0.08, less than 0.09.
    assert plan_of("Dijkstra", broadcast)["aws:d"][0] == ("aws:a", "gcp:b", "azure:c", "aws:d")
    assert plan_of("direct", broadcast)["aws:d"] == (("aws:a", "aws:d"),) * 2


def test_dijkstra_breaks_ties_as_networkx_does() -> None:
    """Of two ways with equal price, the one whose relay comes first among the links of the source."""
    links = {
        ("aws:a", "gcp:e"): (0.05, 5.0),
        ("aws:a", "gcp:b"): (0.05, 5.0),
        ("gcp:b", "azure:c"): (0.02, 5.0),
        ("gcp:e", "azure:c"): (0.02, 5.0),
    }
    assert plan_of("Dijkstra", small(links, ("azure:c",)))["azure:c"][0] == ("aws:a", "gcp:e", "azure:c")
