import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluators.serving.model_placement import (
    Fleet,
    Model,
    checked_placement,
    gpu_pressures,
    max_pressure,
)
from evolve.problem import InvalidDecision
from tests.evaluators.serving.fleets import fleet, fleets

TWO = fleet(2, (30.0, 4.0, 2.0), (50.0, 6.0, 3.0), (20.0, 1.0, 4.0))


def slow_pressure(fleet: Fleet, placement: list[int]) -> Fraction | None:
    """The definition in exact numbers; None where a GPU is full."""
    worst = Fraction(0)
    for gpu in range(fleet.gpus):
        there = [model for model, place in zip(fleet.models, placement, strict=True) if place == gpu]
        free = Fraction(fleet.memory) - sum(Fraction(model.size) for model in there)
        if free <= 0:
            return None
        worst = max(worst, sum(Fraction(model.rate) / Fraction(model.slo) for model in there) / free)
    return worst


@given(fleets(), st.data())
def test_agrees_with_the_definition(fleet: Fleet, data: st.DataObject) -> None:
    placement = [data.draw(st.integers(0, fleet.gpus - 1)) for _ in fleet.models]
    exact = slow_pressure(fleet, placement)
    found = max_pressure(fleet, placement)
    if exact is None or exact > 10**9:
        assert found > 10**8
        return
    assert found == pytest.approx(float(exact), rel=1e-6)
    assert found >= fleet.fractional_pressure * (1 - 1e-12)
    assert found == max(gpu_pressures(fleet, placement))


def test_a_worked_example() -> None:
    # GPU 0: 2 + 0.25 over 80 - 50; GPU 1: 2 over 30.
    assert gpu_pressures(TWO, [0, 1, 0]) == pytest.approx([2.25 / 30, 2.0 / 30])
    assert gpu_pressures(TWO, [0, 0, 1]) == [math.inf, 0.25 / 60]
    assert TWO.fractional_pressure == pytest.approx(4.25 / 60)


def test_a_valid_placement_comes_back_as_integers() -> None:
    assert checked_placement([0, 1.0, 0], TWO) == [0, 1, 0]
    assert checked_placement(np.array([1, 0, 0]), TWO) == [1, 0, 0]


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (None, "placement is None; must be an array of 3 integers (model)"),
        ({0: [0, 2], 1: [1]}, "placement is of type dict; must be an array of 3 integers"),
        ([0, 1], "placement has 2 entries; must have 3, one for each model"),
        ([0, 1, 0, 1], "placement has 4 entries; must have 3, one for each model"),
        ([0, 1, 2], "placement[2] is 2; must be an integer in 0..1"),
        ([0, 1, -1], "placement[2] is -1; must be an integer in 0..1"),
        ([0, 1, 0.5], "placement[2] is 0.5; must be an integer in 0..1"),
        ([0, 1, None], "placement[2] is None; must be an integer"),
        ([0, 1, True], "placement[2] is the boolean True; must be an integer"),
        ([0, 1, math.nan], "placement[2] is nan; must be an integer"),
        ([0, 0, 1], "GPU 0 has 80 GB and gets models [0, 1] of 80 GB together; some of its memory has to"),
    ],
)
def test_says_what_is_wrong_and_where(answer: object, message: str) -> None:
    with pytest.raises(InvalidDecision) as error:
        checked_placement(answer, TWO)
    assert message in error.value.feedback


@pytest.mark.parametrize(
    ("gpus", "memory", "models", "message"),
    [
        (0, 80.0, [(1.0, 1.0, 1.0)], "at least one GPU"),
        (1, math.inf, [(1.0, 1.0, 1.0)], "at least one GPU with memory"),
        (1, 80.0, [], "there are no models"),
        (1, 80.0, [(80.0, 1.0, 1.0)], "model 0: its size 80 GB is not above 0 and below the 80 GB"),
        (1, 80.0, [(1.0, 1.0, 1.0), (0.0, 1.0, 1.0)], "model 1: its size 0 GB"),
        (1, 80.0, [(1.0, 0.0, 1.0)], "model 0: its rate and objective have to be finite and above 0"),
        (1, 80.0, [(1.0, 1.0, math.nan)], "model 0: its rate and objective"),
        (1, 80.0, [(40.0, 1.0, 1.0), (40.0, 1.0, 1.0)], "the models fill all memory of 1 GPUs"),
    ],
)
def test_refuses_what_is_no_fleet(
    gpus: int, memory: float, models: list[tuple[float, float, float]], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        Fleet(gpus, memory, tuple(Model(*model) for model in models))
