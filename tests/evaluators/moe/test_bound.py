from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluators.moe.bound import balancedness_bound
from evaluators.moe.loads import ExpertLoads
from evaluators.moe.placement import Deployment, balancedness, place, replica_counts
from evolve.problem import Floats


def _deployment(num_replicas: int, num_gpus: int) -> Deployment:
    return Deployment(num_replicas=num_replicas, num_groups=1, num_nodes=1, num_gpus=num_gpus)


def _best(window: Floats, deployment: Deployment) -> float:
    """The best balance of all valid mappings of one window, found by trying them."""
    experts = window.shape[1]
    rows = np.array(list(product(range(experts), repeat=deployment.num_replicas)))
    rows = rows[(replica_counts(rows, experts) > 0).all(axis=1)]
    chosen = []
    for layer in window:
        gpus = place(np.tile(layer, (len(rows), 1)), rows, deployment.num_gpus).gpus
        chosen.append(rows[gpus.max(axis=1).argmin()])
    return balancedness(window.sum(axis=1), place(window, np.array(chosen), deployment.num_gpus).gpus)


@st.composite
def tiny(draw: st.DrawFn) -> tuple[ExpertLoads, Deployment]:
    gpus = draw(st.integers(1, 3))
    replicas = gpus * draw(st.integers(1, 2))
    experts = draw(st.integers(1, min(3, replicas)))
    layers, windows = draw(st.integers(1, 2)), draw(st.integers(2, 3))
    cells = windows * layers * experts
    load = np.array(draw(st.lists(st.integers(0, 20), min_size=cells, max_size=cells)), dtype=np.float64)
    load = load.reshape(windows, layers, experts)
    load[:, 0, 0] += 1.0
    return ExpertLoads.of(load), _deployment(replicas, gpus)


@settings(max_examples=200, deadline=None)
@given(tiny())
def test_no_valid_mapping_beats_the_bound(case: tuple[ExpertLoads, Deployment]) -> None:
    loads, deployment = case
    best = float(np.mean([_best(window, deployment) for window in loads.windows[1:]]))
    bound = balancedness_bound(loads, deployment)
    assert 0.0 < bound <= 1.0
    assert best <= bound
    if deployment.num_replicas == deployment.num_gpus:
        # With one slot on each GPU the argument has no slack.
        assert best == pytest.approx(bound, rel=1e-12)


def test_one_expert_that_cannot_be_split_any_further() -> None:
    # Four slots on four GPUs, three experts: the heavy one can have two replicas of 45; the mean is 25.
    loads = ExpertLoads.of(np.array([[[1.0, 1.0, 1.0]], [[90.0, 5.0, 5.0]]]))
    assert balancedness_bound(loads, _deployment(4, 4)) == pytest.approx(25 / 45)
    assert balancedness_bound(loads, _deployment(8, 4)) == 1.0


def test_the_first_window_does_not_count() -> None:
    loads = ExpertLoads.of(np.array([[[90.0, 5.0, 5.0]], [[1.0, 1.0, 1.0]]]))
    assert balancedness_bound(loads, _deployment(3, 3)) == 1.0
