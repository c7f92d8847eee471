"""What works against the published evaluators of expert placement, tried through the sandbox."""

from collections.abc import Iterator
from pathlib import Path

import pytest

import problems.moe_expert_placement.problem as module
from evolve.execution.evaluate import evaluate_program
from evolve.execution.sandbox import Sandbox
from evolve.problem import CandidateFailure, Outcome, Split, Status
from problems.moe_expert_placement.problem import problem
from tests.support.direct_candidate import DirectCandidate

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


FORTUNE_TELLER = (
    WRAPPED
    + """    found = other_windows(weight)
    if found:
        raise LookupError(f"{len(found)} windows within reach")
    return phy2log


def other_windows(weight):
    import gc
    import sys
    for module in ("evaluators", "evaluators.moe.replay", "problems", "evolve"):
        try:
            __import__(module)
            return [module]
        except ImportError:
            pass
    reach, frame = list(gc.get_objects()), sys._getframe()
    while frame is not None:
        reach += [*frame.f_locals.values(), *frame.f_globals.values()]
        frame = frame.f_back
    # NumPy's arrays are no objects of the collector, but what holds them is: two levels down are enough.
    reach += [inner for one in reach if isinstance(one, (list, tuple, dict))
              for inner in (one.values() if isinstance(one, dict) else one)]
    # All windows have the same number of tokens in a layer; what was made of those seen is sorted out.
    seen.append(np.sort(weight, axis=-1))
    windows = []
    for one in reach:
        if isinstance(one, np.ndarray) and one.dtype == weight.dtype and one.shape[-2:] == weight.shape:
            windows += list(one.reshape(-1, *weight.shape))
    return [
        one
        for one in windows
        if (one.sum(axis=-1) == weight.sum(axis=-1)).all()
        and not any((np.sort(one, axis=-1) == known).all() for known in seen)
    ]


seen = []
"""
)


def test_the_next_window_is_out_of_reach(sandbox: Sandbox) -> None:
    """Published evaluators hold all windows in the process of the program; it would raise if it found one."""
    values = [outcome.value for outcome in _judged(sandbox, HONEST)]
    found = _judged(sandbox, FORTUNE_TELLER)
    assert [outcome.status for outcome in found] == [Status.OK] * len(values), found[-1].feedback
    assert [outcome.value for outcome in found] == values


def test_the_fortune_teller_finds_windows_where_they_are_within_reach() -> None:
    """The same program in the evaluator's own process, so that the test above can fail."""
    instance = problem.instances(Split.TRAIN)[-1]
    with pytest.raises(CandidateFailure, match="LookupError: "):
        problem.evaluate(instance, DirectCandidate(FORTUNE_TELLER))
