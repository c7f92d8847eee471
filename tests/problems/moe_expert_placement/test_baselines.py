import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import problems.moe_expert_placement.problem as module
from evaluators.moe.placement import Deployment, checked_mapping
from evolve.problem import Floats
from problems.moe_expert_placement.problem import problem
from tests.support.direct_candidate import DirectCandidate
from tests.support.shared_data import shared_data

FOLDER = Path(str(module.__file__)).parent
PROGRAMS = {"seed": "seed.py", **problem.baselines}
SOURCES = {name: (FOLDER / file).read_text() for name, file in PROGRAMS.items()}


def _mapping(program: str, weight: Floats, deployment: Deployment) -> list[list[int]]:
    answer = DirectCandidate(SOURCES[program]).call(
        problem.entry_point.function,
        weight.copy(),
        deployment.num_replicas,
        deployment.num_groups,
        deployment.num_nodes,
        deployment.num_gpus,
    )
    mapping: list[list[int]] = checked_mapping(answer, len(weight), weight.shape[1], deployment).tolist()
    return mapping


def test_deepseeks_worked_example_comes_out_exactly() -> None:
    example = json.loads(shared_data("eplb/readme_example.json").read_text())
    deployment = Deployment(
        num_replicas=example["num_replicas"],
        num_groups=example["num_groups"],
        num_nodes=example["num_nodes"],
        num_gpus=example["num_gpus"],
    )
    weight = np.array(example["weight"], dtype=np.float64)
    assert _mapping("EPLB (hierarchical)", weight, deployment) == example["expected_phy2log"]


@st.composite
def placements(draw: st.DrawFn) -> tuple[Floats, Deployment]:
    """Loads and a deployment that fits them."""
    nodes, gpus_per_node = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    groups, group_size = draw(st.integers(1, 6)), draw(st.integers(1, 4))
    experts, gpus = groups * group_size, nodes * gpus_per_node
    slots = -(-experts // gpus) + draw(st.integers(0, 2))
    layers = draw(st.integers(1, 3))
    cells = st.one_of(st.just(0.0), st.floats(0.0, 1e9), st.integers(0, 3).map(float))
    load = draw(st.lists(cells, min_size=layers * experts, max_size=layers * experts))
    deployment = Deployment(num_replicas=gpus * slots, num_groups=groups, num_nodes=nodes, num_gpus=gpus)
    return np.array(load).reshape(layers, experts), deployment


@pytest.mark.parametrize("program", PROGRAMS)
@settings(max_examples=50, deadline=None)
@given(case=placements())
def test_every_program_is_valid_on_every_deployment(program: str, case: tuple[Floats, Deployment]) -> None:
    weight, deployment = case
    assert deployment.misfit(weight.shape[1]) is None
    _mapping(program, weight, deployment)


def test_hierarchical_keeps_a_group_on_one_node() -> None:
    weight = np.random.RandomState(5).gamma(0.5, 1000.0, (3, 32))
    deployment = Deployment(num_replicas=48, num_groups=8, num_nodes=4, num_gpus=8)
    for slots in _mapping("EPLB (hierarchical)", weight, deployment):
        nodes_of_groups: list[set[int]] = [set() for _ in range(8)]
        for slot, expert in enumerate(slots):
            nodes_of_groups[expert // 4].add(slot // 12)
        assert all(len(nodes) == 1 for nodes in nodes_of_groups)


def test_hierarchical_is_global_where_groups_do_not_divide_over_nodes() -> None:
    weight = np.random.RandomState(5).gamma(0.5, 1000.0, (3, 30))
    deployment = Deployment(num_replicas=48, num_groups=6, num_nodes=4, num_gpus=8)
    hierarchical = _mapping("EPLB (hierarchical)", weight, deployment)
    assert hierarchical == _mapping("EPLB (global)", weight, deployment)


def test_global_gives_replicas_to_the_heaviest_share() -> None:
    weight = np.array([[60.0, 30.0, 10.0, 10.0]])
    deployment = Deployment(num_replicas=6, num_groups=1, num_nodes=1, num_gpus=2)
    # Expert 0, of 60, gets one replica more, and as the first of equals (30 and 30) yet another. Packed in
    # the order 30, 20, 20, 20, 10, 10: GPU 0 takes 30, GPU 1 takes 20 and 20, GPU 0 20, GPU 1 10.
    assert _mapping("EPLB (global)", weight, deployment) == [[1, 0, 3, 0, 0, 2]]


def test_lpt_replicates_evenly_and_packs_the_heaviest_first() -> None:
    weight = np.array([[8.0, 6.0, 4.0, 2.0]])
    deployment = Deployment(num_replicas=6, num_groups=1, num_nodes=1, num_gpus=2)
    # Replicas: 4, 4 of expert 0; 3, 3 of expert 1; 4 of expert 2; 2 of expert 3.
    assert _mapping("LPT", weight, deployment) == [[0, 2, 3, 0, 1, 1]]


def test_contiguous_ignores_the_load() -> None:
    weight = np.array([[8.0, 6.0, 4.0, 2.0]])
    deployment = Deployment(num_replicas=6, num_groups=1, num_nodes=1, num_gpus=2)
    assert _mapping("contiguous", weight, deployment) == [[0, 1, 2, 3, 0, 1]]
