import math
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluators.serving.model_placement import Fleet, max_pressure
from evaluators.serving.model_placement_generator import RandomFleet, Rates, Sizes, published_fleets
from evaluators.serving.model_placement_optimum import RESOLUTION, optimum, simple_bound
from tests.evaluators.serving.fleets import fleet, fleets


def exhaustive(fleet: Fleet) -> float:
    """The least pressure of all placements, found by trying them."""
    every = product(range(fleet.gpus), repeat=len(fleet.models))
    return min(max_pressure(fleet, placement) for placement in every)


@settings(max_examples=150)
@given(fleets(most_models=6))
def test_is_what_trying_all_placements_finds(fleet: Fleet) -> None:
    best = exhaustive(fleet)
    found = optimum(fleet)
    if math.isinf(best):
        assert found.placement == ()
        assert math.isinf(found.pressure)
        return
    assert found.is_proven
    assert found.pressure == pytest.approx(best, rel=RESOLUTION)
    assert max_pressure(fleet, found.placement) == found.pressure
    assert simple_bound(fleet) <= best * (1 + 1e-12)


@settings(max_examples=100)
@given(fleets(most_models=6), st.integers(1, 60))
def test_what_is_proven_holds_wherever_the_search_is_given_up(fleet: Fleet, steps: int) -> None:
    found = optimum(fleet, most_steps=steps)
    assert found.bound <= exhaustive(fleet) * (1 + RESOLUTION)
    assert found.bound <= found.pressure
    if found.placement:
        assert max_pressure(fleet, found.placement) == found.pressure


def test_a_single_model_can_decide() -> None:
    alone = fleet(3, (70.0, 9.0, 1.0), (10.0, 1.0, 1.0), (10.0, 1.0, 1.0), (10.0, 1.0, 1.0))
    found = optimum(alone)
    assert found.pressure == found.bound == 9.0 / 10.0


def test_scarce_memory_leaves_one_way() -> None:
    """The heaviest first would put 41 and 38 together; only 41 + 37 and 40 + 38 leave something free."""
    tight = fleet(2, (41.0, 1.0, 1.0), (40.0, 1.0, 1.0), (38.5, 9.0, 1.0), (37.0, 9.0, 1.0))
    found = optimum(tight)
    assert found.is_proven
    assert found.pressure == pytest.approx(exhaustive(tight))
    assert found.pressure < math.inf


def test_models_that_fit_on_no_gpus_together_are_told_by_an_infinite_pressure() -> None:
    found = optimum(fleet(2, (45.0, 1.0, 1.0), (45.0, 1.0, 1.0), (45.0, 1.0, 1.0)))
    assert math.isinf(found.pressure)
    assert not found.is_proven
    assert found.bound < math.inf


def test_large_fleets_get_a_bound_at_once() -> None:
    large = RandomFleet(seed=1, gpus=150, models=450, sizes=Sizes.CATALOGUE, rates=Rates.ZIPF).generate()
    found = optimum(large)
    assert simple_bound(large) <= found.bound <= found.pressure


def test_the_published_optimum() -> None:
    """An exact dynamic programme over subsets has found the same mean of the 50 optima."""
    found = [optimum(fleet) for fleet in published_fleets()]
    assert all(one.is_proven for one in found)
    mean = math.fsum(one.pressure for one in found) / len(found)
    assert f"{mean:.12f}" == "0.039594596079"


def test_no_placement_of_the_published_fleets_is_better_by_subsets() -> None:
    """The same question answered by another algorithm: can subsets of weights fill bins of a capacity?"""
    for small in [one for one in published_fleets() if one.gpus == 5]:
        assert_optimal_by_subsets(small)


@settings(max_examples=60)
@given(st.integers(0, 10**6), st.integers(2, 5), st.integers(2, 10), st.sampled_from(Sizes))
def test_no_placement_of_random_fleets_is_better_by_subsets(
    seed: int, gpus: int, models: int, sizes: Sizes
) -> None:
    recipe = RandomFleet(seed=seed, gpus=gpus, models=models, sizes=sizes, rates=Rates.ZIPF)
    try:
        drawn = recipe.generate()
    except ValueError:  # more than all memory
        return
    if math.isinf(optimum(drawn).pressure):
        assert not _fits(drawn, 1e5)
    else:
        assert_optimal_by_subsets(drawn)


def assert_optimal_by_subsets(fleet: Fleet) -> None:
    found = optimum(fleet)
    assert found.is_proven
    assert not _fits(fleet, found.pressure * (1.0 - 1e-7))
    assert _fits(fleet, found.pressure * (1.0 + 1e-9))


def _fits(fleet: Fleet, threshold: float) -> bool:
    """Whether a placement within the threshold exists, by dynamic programming over sets of models.

    best[s] is the least (bins, load of the last one) in which the models of s fit.
    """
    weights = [model.demand + threshold * model.size for model in fleet.models]
    capacity = threshold * fleet.memory
    best = [(0, capacity)]
    for chosen in range(1, 1 << len(weights)):
        options = []
        for model, weight in enumerate(weights):
            if chosen >> model & 1:
                bins, load = best[chosen & ~(1 << model)]
                options.append((bins, load + weight) if load + weight <= capacity else (bins + 1, weight))
        best.append(min(option for option in options))
    return max(weights) <= capacity and best[-1][0] <= fleet.gpus
