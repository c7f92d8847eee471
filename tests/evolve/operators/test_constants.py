import ast
import math
import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolve.operators.base import NoProposal
from evolve.operators.constants import SIGN_FLIPS, operator, perturbed
from evolve.problem import EntryPoint
from evolve.program import syntax_tree
from tests.evolve.operators.programs import (
    COMPOSITE,
    PACKING,
    PLAIN_BRIEF,
    SHORTEST_FIRST,
    child_of,
    request,
)

SEEDS = st.integers(0, 2**32)


def numbers(source: str) -> list[tuple[object, int]]:
    nodes = [node for node in ast.walk(syntax_tree(source)) if isinstance(node, ast.Constant)]
    return sorted((node.value, node.lineno) for node in nodes if isinstance(node.value, int | float))


@given(st.integers() | st.integers(-5, 5), SEEDS)
def test_whole_numbers_stay_whole_and_change(value: int, seed: int) -> None:
    new = perturbed(value, random.Random(seed))
    assert type(new) is int
    assert new != value
    assert (new == 0) <= (value == 0)


@given(st.floats(allow_nan=False, allow_infinity=False), SEEDS)
def test_real_numbers_stay_real_and_finite(value: float, seed: int) -> None:
    new = perturbed(value, random.Random(seed))
    assert type(new) is float
    assert math.isfinite(new)
    if abs(value) > 1e-300:
        assert new != 0.0


@given(st.floats(1e-9, 1e9), SEEDS)
def test_without_flips_the_sign_stays(value: float, seed: int) -> None:
    assert perturbed(value, random.Random(seed), flips=False) > 0
    assert perturbed(-value, random.Random(seed), flips=False) < 0


def test_steps_are_symmetric_on_a_logarithmic_scale() -> None:
    rng = random.Random(1)
    draws = [perturbed(40.0, rng) for _ in range(4000)]
    flipped = sum(draw < 0 for draw in draws)
    assert flipped / len(draws) == pytest.approx(SIGN_FLIPS, abs=0.015)
    logarithms = [math.log(draw / 40.0) for draw in draws if draw > 0]
    assert sum(logarithms) / len(logarithms) == pytest.approx(0.0, abs=0.04)
    assert sum(abs(logarithm) < 0.15 for logarithm in logarithms) > len(logarithms) / 3
    assert max(logarithms) > math.log(3)


def test_zero_becomes_something() -> None:
    rng = random.Random(1)
    assert {perturbed(0, rng) for _ in range(50)} <= {1, -1}
    draws = [perturbed(0.0, rng) for _ in range(200)]
    assert all(0.009 < abs(draw) <= 10 for draw in draws)
    assert any(draw < 0 for draw in draws)


def test_only_numbers_change() -> None:
    for number in range(60):
        child = child_of(operator, request(COMPOSITE, number))
        old, new = COMPOSITE.splitlines(), child.splitlines()
        changed = [index for index, pair in enumerate(zip(old, new, strict=True)) if pair[0] != pair[1]]
        assert 1 <= len(changed) <= 3
        assert "ALPHA = 0.5  # how hard to press" in new, "it lies outside the region"
        assert len(numbers(child)) == len(numbers(COMPOSITE))


def test_every_number_in_the_regions_is_changed_sometime() -> None:
    before = numbers(COMPOSITE)
    lines: Counter[int] = Counter()
    for number in range(200):
        after = numbers(child_of(operator, request(COMPOSITE, number)))
        lines.update(line for _, line in set(before) - set(after))
    assert set(lines) == {line for _, line in before if line > 3}


def test_numbers_that_are_no_quantities_stay() -> None:
    source = (
        "import numpy as np\n\n\ndef plan(loads, count):\n"
        '    grid = np.zeros((2, 3)).sum(axis=1) + np.full(4, 7, dtype="f8").shape[0]\n'
        '    note = f"{5:>6}"\n    n = 0\n    n += 1\n    return grid * 0.125\n'
    )
    for number in range(40):
        child = child_of(operator, request(source, number, brief=PLAIN_BRIEF))
        assert child.splitlines()[4:6] == source.splitlines()[4:6]
        assert "    n += 1\n" in child


def test_negative_literals_are_numbers() -> None:
    source = SHORTEST_FIRST.replace("-operation.duration", "-2.5")
    signs = set()
    for number in range(80):
        returned = ast.parse(child_of(operator, request(source, number))).body[0]
        assert isinstance(returned, ast.FunctionDef)
        signs.add(ast.unparse(returned.body[0]).startswith("return -"))
    assert signs == {True, False}


def test_a_program_without_numbers() -> None:
    with pytest.raises(NoProposal, match="no number"):
        child_of(operator, request(SHORTEST_FIRST))


def test_defaults_of_helpers_are_numbers_too() -> None:
    source = "def plan(loads, count, slope=0.5):\n    return slope\n"
    brief = PLAIN_BRIEF
    assert brief.entry_point == EntryPoint("plan", ("loads", "count"))
    child = child_of(operator, request(source, brief=brief))
    assert child.startswith("def plan(loads, count, slope=") and child != source


def test_packing_is_left_working() -> None:
    worked = 0
    for number in range(60):
        namespace: dict[str, object] = {}
        exec(child_of(operator, request(PACKING, number, brief=PLAIN_BRIEF)), namespace)
        plan = namespace["plan"]
        assert callable(plan)
        try:
            packs = plan([3.0, 1.0, 2.0, 5.0], 2)
            worked += sorted(item for pack in packs for item in pack) == [0, 1, 2, 3]
        except (IndexError, TypeError, ValueError):
            continue
    assert worked > 30
