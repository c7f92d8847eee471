"""What the software generates or holds against the circulated data, one by one."""

import json
from functools import cache

import numpy as np
import pytest

from evaluators.shop.best_known import BEST_KNOWN
from evaluators.shop.fisher_thompson import fisher_thompson_instances
from evaluators.shop.formats import read_instances
from evaluators.shop.instance import JobShopInstance
from evaluators.shop.taillard import SEEDS, generate, taillard_instances
from tests.support.shared_data import shared_data

TAILLARD = [f"ta{number:02d}" for number in range(1, 81)]


@cache
def published() -> dict[str, JobShopInstance]:
    return read_instances(shared_data("jobshop/benchmark_instances.json"))


@cache
def shipped() -> dict[str, JobShopInstance]:
    return fisher_thompson_instances() | taillard_instances()


def test_there_are_eighty_instances_of_eight_sizes() -> None:
    assert list(taillard_instances()) == TAILLARD
    sizes = [(15, 15), (20, 15), (20, 20), (30, 15), (30, 20), (50, 15), (50, 20), (100, 20)]
    assert list(SEEDS) == sizes


@pytest.mark.parametrize("name", ["ft06", "ft10", "ft20", *TAILLARD])
def test_the_instance_is_the_published_one_bit_for_bit(name: str) -> None:
    expected, found = published()[name], shipped()[name]
    assert np.array_equal(found.durations, expected.durations)
    assert np.array_equal(found.order, expected.order)
    assert (found.best_known_lower, found.best_known_upper) == (
        expected.best_known_lower,
        expected.best_known_upper,
    )


@pytest.mark.parametrize("name", list(BEST_KNOWN))
def test_bounds_agree_with_the_second_source(name: str) -> None:
    """The table is newer: its bounds may be tighter than JSPLIB's, and must not contradict them."""
    entries = json.loads(shared_data("jobshop/jsplib_instances.json").read_text())
    entry = next(entry for entry in entries if entry["name"] == name)
    older = entry.get("bounds") or {"lower": entry["optimum"], "upper": entry["optimum"]}
    lower, upper = BEST_KNOWN[name]
    assert shipped()[name].lower_bound <= lower <= upper
    if entry["optimum"] is not None:
        assert (lower, upper) == (entry["optimum"], entry["optimum"])
    elif older["upper"] is not None:
        assert older["lower"] <= lower
        assert upper <= older["upper"]


def test_another_seed_gives_another_instance() -> None:
    first, second = SEEDS[15, 15][:2]
    assert not np.array_equal(generate(15, 15, *first).durations, generate(15, 15, *second).durations)
