from collections import Counter

import numpy as np

from evaluators.serving.model_placement_generator import (
    Objectives,
    RandomFleet,
    Rates,
    Sizes,
    published_fleets,
)


def test_the_published_fleets_are_drawn_in_the_published_order() -> None:
    """From the global generator, as in the published evaluators."""
    before = np.random.get_state()
    try:
        np.random.seed(42)
        for fleet in published_fleets():
            gpus = np.random.randint(5, 10)
            assert (fleet.gpus, fleet.memory) == (gpus, 80.0)
            drawn = [
                (np.random.randint(10, 30), np.random.randint(1, 10), np.random.randint(5, 10))
                for _ in range(2 * gpus)
            ]
            assert [(model.size, model.rate, model.slo) for model in fleet.models] == drawn
    finally:
        np.random.set_state(before)


def test_there_are_fifty_of_the_published_sizes() -> None:
    sizes = Counter(fleet.gpus for fleet in published_fleets())
    assert sizes == {8: 12, 5: 11, 9: 10, 7: 10, 6: 7}


def test_the_same_seed_gives_the_same_fleet() -> None:
    recipe = RandomFleet(seed=3, gpus=8, models=20, sizes=Sizes.CATALOGUE, rates=Rates.ZIPF)
    assert recipe.generate() == recipe.generate()
    assert recipe.generate() != RandomFleet(seed=4, gpus=8, models=20).generate()


def test_kinds_of_models() -> None:
    uniform = RandomFleet(seed=3, gpus=20, models=40).generate()
    assert {model.size for model in uniform.models} <= set(range(10, 30))
    assert {model.rate for model in uniform.models} <= set(range(1, 10))
    assert {model.slo for model in uniform.models} <= set(range(5, 10))
    other = RandomFleet(
        seed=3,
        gpus=20,
        models=40,
        memory=141.0,
        sizes=Sizes.CATALOGUE,
        rates=Rates.ZIPF,
        objectives=Objectives.CLASSES,
    ).generate()
    assert other.memory == 141.0
    assert min(model.size for model in other.models) < 10.0
    assert sorted((model.rate for model in other.models), reverse=True)[:4] == [60.0, 30.0, 20.0, 15.0]
    assert {model.slo for model in other.models} == {2.0, 5.0, 20.0}
