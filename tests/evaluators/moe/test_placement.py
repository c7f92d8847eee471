from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluators.checks import Integers
from evaluators.moe.placement import Deployment, balancedness, checked_mapping, place, replica_counts
from evolve.problem import Floats, InvalidDecision

SMALL = Deployment(num_replicas=4, num_groups=1, num_nodes=1, num_gpus=2)
VALID = [[0, 1, 2, 0], [2, 2, 1, 0]]


def _reference(load: Floats, phy2log: Integers, num_gpus: int) -> tuple[float, float]:
    """The published rule (ADRS leaderboard, problem eplb), loop by loop: over GPUs and over slots."""
    sums = [0.0] * 4
    for loads, slots in zip(load.tolist(), phy2log.tolist(), strict=True):
        replicas = [loads[expert] / slots.count(expert) for expert in slots]
        size = len(slots) // num_gpus
        gpus = [sum(replicas[start : start + size]) for start in range(0, len(slots), size)]
        for index, parts in ((0, gpus), (2, replicas)):
            sums[index] += sum(parts) / len(parts)
            sums[index + 1] += max(parts)
    return sums[0] / sums[1], sums[2] / sums[3]


@st.composite
def placed_loads(draw: st.DrawFn) -> tuple[Floats, Integers, int]:
    """Loads, a valid mapping and a number of GPUs."""
    layers, experts = draw(st.integers(1, 3)), draw(st.integers(1, 6))
    gpus, per_gpu = draw(st.integers(1, 4)), draw(st.integers(2, 4))
    slots = gpus * per_gpu
    experts = min(experts, slots)
    cells = st.integers(0, 10**6)
    load = [draw(st.lists(cells, min_size=experts, max_size=experts)) for _ in range(layers)]
    load[0][0] += 1
    mapping = []
    for _ in range(layers):
        more = draw(st.lists(st.integers(0, experts - 1), min_size=slots - experts, max_size=slots - experts))
        mapping.append(draw(st.permutations([*range(experts), *more])))
    return np.array(load, dtype=np.float64), np.array(mapping, dtype=np.int64), gpus


@settings(deadline=None)
@given(placed_loads())
def test_load_is_conserved_and_balance_is_the_published_rule(case: tuple[Floats, Integers, int]) -> None:
    load, mapping, gpus = case
    placed = place(load, mapping, gpus)
    np.testing.assert_allclose(placed.replicas.sum(axis=1), load.sum(axis=1))
    np.testing.assert_allclose(placed.gpus.sum(axis=1), load.sum(axis=1))
    on_gpus, on_slots = _reference(load, mapping, gpus)
    totals = load.sum(axis=1)
    assert balancedness(totals, placed.gpus) == pytest.approx(on_gpus, rel=1e-12)
    assert balancedness(totals, placed.replicas) == pytest.approx(on_slots, rel=1e-12)
    assert 0.0 < balancedness(totals, placed.replicas) <= balancedness(totals, placed.gpus) + 1e-12
    assert balancedness(totals, placed.gpus) <= 1.0


@settings(deadline=None)
@given(placed_loads(), st.randoms(use_true_random=False))
def test_names_of_experts_and_order_of_slots_do_not_matter(
    case: tuple[Floats, Integers, int], random: Any
) -> None:
    load, mapping, gpus = case
    renamed = list(range(load.shape[1]))
    random.shuffle(renamed)
    # New number of expert e is renamed[e].
    inverse = np.argsort(renamed)
    order = list(range(gpus))
    random.shuffle(order)
    moved = np.array(renamed)[mapping].reshape(len(load), gpus, -1)[:, order, ::-1].reshape(mapping.shape)
    totals = load.sum(axis=1)
    before = balancedness(totals, place(load, mapping, gpus).gpus)
    after = balancedness(totals, place(load[:, inverse], moved, gpus).gpus)
    assert after == pytest.approx(before, rel=1e-12)


def test_replica_counts_by_layer() -> None:
    assert replica_counts(np.array(VALID), 3).tolist() == [[2, 1, 1], [1, 1, 2]]


def test_perfect_balance_is_exactly_one() -> None:
    # A third cannot be written in binary: rounding must not lift the ratio over 1.
    load = np.full((5, 3), 0.1)
    mapping = np.tile(np.arange(3), (5, 1))
    assert balancedness(load.sum(axis=1), place(load, mapping, 3).gpus) == 1.0


@pytest.mark.parametrize(
    "answer",
    [
        VALID,
        np.array(VALID),
        (VALID, None, None),
        [VALID, [[1]], [[2]]],
        (np.array(VALID), np.zeros(3), "anything"),
        [[np.array(row) for row in VALID], []],
        [np.array(row) for row in VALID],
        [VALID],
    ],
)
def test_mapping_is_found_in_every_published_form(answer: object) -> None:
    assert checked_mapping(answer, 2, 3, SMALL).tolist() == VALID


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (None, "phy2log is None"),
        ([], "phy2log has 0 entries; must have 2, one for each layer"),
        (VALID[:1], "phy2log has 1 entries"),
        ([VALID[0], VALID[1][:3]], "phy2log[1] has 3 entries; must have 4, one for each slot"),
        ((VALID[:1], None, None), "phy2log has 1 entries"),
        (np.array(VALID).T, "phy2log has shape [4, 2]; must have 2 x 4 integers (layer x slot)"),
        (np.array([VALID, VALID, VALID])[:, :, :2], "phy2log has shape [3, 2, 2]"),
        ([VALID[0], [0, 1, 3, 2]], "phy2log[1][2] is 3; must be an integer in 0..2"),
        ([VALID[0], [0, 1, -1, 2]], "phy2log[1][2] is -1"),
        ([VALID[0], [0, 0, 1, 1]], "phy2log[1]: expert 2 has no replica; each of the 3 experts"),
        ([[0] * 4, [0] * 4], "phy2log[0]: expert 1 has no replica"),
        ([[0] * 4, [0] * 4], "(and 3 more are missing)"),
    ],
)
def test_invalid_mappings_are_refused(answer: object, message: str) -> None:
    with pytest.raises(InvalidDecision) as failure:
        checked_mapping(answer, 2, 3, SMALL)
    assert message in failure.value.feedback


@pytest.mark.parametrize(
    ("deployment", "experts", "message"),
    [
        (Deployment(num_replicas=8, num_groups=2, num_nodes=2, num_gpus=4), 8, None),
        (Deployment(num_replicas=8, num_groups=2, num_nodes=3, num_gpus=4), 8, "4 GPUs do not divide"),
        (Deployment(num_replicas=9, num_groups=2, num_nodes=2, num_gpus=4), 8, "9 replicas do not divide"),
        (Deployment(num_replicas=8, num_groups=2, num_nodes=2, num_gpus=4), 10, "10 experts need"),
        (Deployment(num_replicas=8, num_groups=3, num_nodes=2, num_gpus=4), 8, "8 experts do not divide"),
        (Deployment(num_replicas=8, num_groups=0, num_nodes=2, num_gpus=4), 8, "at least one"),
    ],
)
def test_misfit(deployment: Deployment, experts: int, message: str | None) -> None:
    found = deployment.misfit(experts)
    assert found is None if message is None else message in str(found)
