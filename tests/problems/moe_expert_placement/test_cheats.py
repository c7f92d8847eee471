"""What works against the published evaluators of expert placement, tried through the sandbox."""

from collections.abc import Iterator
from pathlib import Path

import pytest

import problems.moe_expert_placement.problem as module
from evolve.execution.evaluate import evaluate_program
from evolve.execution.sandbox import Sandbox
from evolve.problem import Outcome, Split, Status
from problems.moe_expert_placement.problem import problem

HONEST = (Path(str(module.__file__)).parent / problem.baselines["EPLB (global)"]).read_text()
WRAPPED = (
    HONEST.replace("def rebalance_experts(", "def honest(")
    + """

import numpy as np
import time

def rebalance_experts(weight, num_replicas, num_groups, num_nodes, num_gpus):
    phy2log = np.array(honest(weight, num_replicas, num_groups, num_nodes, num_gpus))
    layers, experts = weight.shape
"""
)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(needs_numpy=problem.needs_numpy) as opened:
        yield opened


def _judged(sandbox: Sandbox, source: str) -> list[Outcome]:
    return evaluate_program(problem, sandbox, source, list(problem.instances(Split.TRAIN))[-2:])


WITHOUT_EFFECT = {
    # Published evaluators add loads at log2phy and never compare it with phy2log.
    "two experts in one slot of a forged log2phy": (
        "    log2phy = np.zeros((layers, experts, 1), dtype=np.int64)\n"
        "    return phy2log, log2phy, np.ones((layers, experts), dtype=np.int64)"
    ),
    "indices that repeat, so that load vanishes": (
        "    log2phy = np.full((layers, experts, 8), num_replicas - 1)\n"
        "    return phy2log, log2phy, np.full((layers, experts), 8)"
    ),
    "the next window changed through the argument": "    weight[:] = 1.0\n    return phy2log",
    "clocks patched": (
        "    time.perf_counter = time.process_time = lambda: 0.0\n    return phy2log, None, None"
    ),
}
INVALID = {
    "experts without a replica": "    phy2log[:] = 0\n    return phy2log",
    "an index from the end": "    phy2log[0, 0] = -1\n    return phy2log",
    "more slots than there are": "    return np.concatenate([phy2log, phy2log], axis=1)",
    "no mapping, but counts that look right": (
        "    return None, None, np.full((layers, experts), num_replicas / experts)"
    ),
}


@pytest.mark.parametrize("trick", WITHOUT_EFFECT)
def test_a_trick_changes_nothing(sandbox: Sandbox, trick: str) -> None:
    values = [outcome.value for outcome in _judged(sandbox, HONEST)]
    assert None not in values
    assert [outcome.value for outcome in _judged(sandbox, WRAPPED + WITHOUT_EFFECT[trick])] == values


@pytest.mark.parametrize("cheat", INVALID)
def test_a_cheat_gets_no_score(sandbox: Sandbox, cheat: str) -> None:
    (outcome,) = _judged(sandbox, WRAPPED + INVALID[cheat])
    assert (outcome.status, outcome.value) == (Status.INVALID, None)
