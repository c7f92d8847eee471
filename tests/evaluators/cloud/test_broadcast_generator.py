import csv
from collections import Counter
from functools import cache

import pytest

from evaluators.cloud.broadcast import Broadcast, provider_of
from evaluators.cloud.broadcast_generator import RandomBroadcast, list_price
from tests.support.shared_data import shared_data


@cache
def generated(seed: int = 5) -> Broadcast:
    return RandomBroadcast(seed=seed, regions=24, destinations=6).generate()


def test_the_same_seed_gives_the_same_broadcast() -> None:
    again = RandomBroadcast(seed=5, regions=24, destinations=6).generate()
    first = generated()
    assert (again.source, again.destinations, again.grid) == (first.source, first.destinations, first.grid)
    assert [list(links) for links in again.grid.values()] == [list(links) for links in first.grid.values()]
    assert generated(6).grid != first.grid


def test_all_regions_are_linked_and_none_with_itself() -> None:
    grid = generated().grid
    assert len(grid) == 24
    assert all(sorted([*links, region]) == sorted(grid) for region, links in grid.items())


def test_source_and_destinations_may_be_of_one_provider() -> None:
    broadcast = RandomBroadcast(seed=1, regions=24, destinations=5, within="gcp").generate()
    assert {provider_of(region) for region in (broadcast.source, *broadcast.destinations)} == {"gcp"}
    assert {provider_of(region) for region in broadcast.grid} == {"aws", "azure", "gcp"}


def test_prices_off_the_list_are_off_by_one_factor_for_each_region() -> None:
    spread = RandomBroadcast(seed=5, regions=24, destinations=6, price_spread=0.3).generate()
    for sender, links in spread.grid.items():
        factors = [link.cost / list_price(sender, receiver) for receiver, link in links.items()]
        assert 0.69 <= min(factors) <= max(factors) <= 1.31
        assert max(factors) - min(factors) < 0.01
    listed = generated()
    assert all(
        link.cost == list_price(sender, receiver)
        for sender, links in listed.grid.items()
        for receiver, link in links.items()
    )


def test_throughput_grows_with_the_machines_and_noise_widens_it() -> None:
    one = RandomBroadcast(seed=5, regions=24, destinations=6, vms=1).generate()
    for sender, links in generated().grid.items():
        for receiver, link in links.items():
            assert link.throughput == 2 * one.grid[sender][receiver].throughput
    still = RandomBroadcast(seed=5, regions=24, destinations=6, noise=0.0).generate()
    throughputs = {link.throughput for links in still.grid.values() for link in links.values()}
    assert len(throughputs) <= 18


@pytest.mark.parametrize("provider", ["aws", "azure", "gcp"])
def test_list_prices_are_among_those_of_the_published_grid(provider: str) -> None:
    published: Counter[float] = Counter()
    with shared_data("cloudcast/cost.csv").open() as file:
        for row in csv.DictReader(file):
            if provider_of(row["src"]) == provider:
                published[float(row["cost"])] += 1
    regions = [f"{one}:{place}-1" for one in ("aws", "azure", "gcp") for place in CONTINENTS]
    own = [region for region in regions if provider_of(region) == provider]
    prices = {list_price(sender, receiver) for sender in own for receiver in regions if sender != receiver}
    assert prices <= set(published)


CONTINENTS = ("na", "eu", "as", "oc", "me", "sa", "af")
