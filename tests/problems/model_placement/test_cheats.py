"""What worked against published evaluators of this problem, tried in the real sandbox."""

from collections.abc import Iterator

import pytest

from evolve.execution.evaluate import evaluate_program
from evolve.execution.isolation import IsolationLevel
from evolve.execution.sandbox import Sandbox
from evolve.problem import Outcome, Split, Status
from evolve.scoring import Reference, judge
from problems.model_placement.problem import problem

INSTANCES = problem.instances(Split.TRAIN)[:3]

HEAD = "def compute_model_placement(gpu_num, models, gpu_memory):\n"
SPREAD = """    placement, free = [0] * len(models), [gpu_memory] * gpu_num
    for i in sorted(range(len(models)), key=lambda i: -models[i]["model_size"]):
        placement[i] = free.index(max(free))
        free[placement[i]] -= models[i]["model_size"]
"""
HONEST = HEAD + SPREAD + "    return placement\n"

INVALID = {
    "a GPU for each model": (HEAD + "    return list(range(len(models)))", "must be an integer in 0..7"),
    "GPUs by negative numbers": (
        HEAD + "    return [-i for i in range(len(models))]",
        "placement[1] is -1; must be an integer in 0..7",
    ),
    "only easy models": (HEAD + "    return [0, 1]", "placement has 2 entries; must have 18"),
    "nothing": (HEAD + "    return []", "placement has 0 entries; must have 18, one for each model"),
    "models twice": (
        HEAD + "    return [i % gpu_num for i in range(len(models))] * 2",
        "placement has 36 entries; must have 18",
    ),
    "models in no place": (
        HEAD + "    return [None] * len(models)",
        "placement[0] is None; must be an integer",
    ),
    "lists of models of its own": (
        HEAD
        + "    return {gpu: [{'model_size': 0.001, 'req_rate': 0.0, 'slo': 1.0}] for gpu in range(gpu_num)}",
        "placement is of type dict",
    ),
    "full GPUs": (HEAD + "    return [0] * len(models)", "some of its memory has to stay free"),
    "a pressure of its own": (HEAD + "    return 1e-9", "placement is 1e-09; must be an array"),
    "a placement with a pressure": (
        HEAD + "    return [[i % gpu_num for i in range(len(models))], 1e-9]",
        "placement has 2 entries",
    ),
}

GAINS_NOTHING = {
    "changes the models": HEAD
    + SPREAD
    + """    for model in models:
        model["req_rate"], model["model_size"] = 1e-9, 1e-9
    return placement
""",
    "removes the models": HEAD
    + SPREAD
    + """    models.clear()
    return placement
""",
    "prints a score": HEAD
    + SPREAD
    + """    print('{"status": "ok", "value": 1e-9, "score": 1e9}')
    return placement
""",
}


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(needs_numpy=problem.needs_numpy, minimum=IsolationLevel.LIMITS) as sandbox:
        yield sandbox


def outcomes(sandbox: Sandbox, source: str) -> list[Outcome]:
    return evaluate_program(problem, sandbox, source, INSTANCES)


@pytest.mark.parametrize("cheat", INVALID)
def test_is_invalid_and_told_why(sandbox: Sandbox, cheat: str) -> None:
    source, feedback = INVALID[cheat]
    (outcome,) = outcomes(sandbox, source)
    assert (outcome.status, outcome.value) == (Status.INVALID, None)
    assert feedback in outcome.feedback


@pytest.mark.parametrize("cheat", GAINS_NOTHING)
def test_gains_nothing(sandbox: Sandbox, cheat: str) -> None:
    honest = outcomes(sandbox, HONEST)
    for expected, found in zip(honest, outcomes(sandbox, GAINS_NOTHING[cheat]), strict=True):
        assert found.status is Status.OK
        assert (found.value, found.metrics) == (expected.value, expected.metrics)


def test_objects_do_not_come_across(sandbox: Sandbox) -> None:
    source = (
        "class Everywhere(list):\n    pass\nclass Gpu:\n    pass\n"
        + HEAD
        + "    return [Gpu() for _ in models]"
    )
    (outcome,) = outcomes(sandbox, source)
    assert outcome.status in (Status.INVALID, Status.CRASHED)
    assert outcome.value is None


def test_failing_on_all_but_the_easiest_leaves_no_score(sandbox: Sandbox) -> None:
    """Published evaluators take the mean over those that did not fail."""
    source = HEAD + "    assert len(models) == 18, 'too hard'\n" + SPREAD + "    return placement\n"
    found = outcomes(sandbox, source)
    assert [one.status for one in found] == [Status.OK, Status.CRASHED]
    values = {instance.name: 1.0 for instance in INSTANCES}
    judgement = judge(found, len(INSTANCES), Reference("greedy", problem.objective.direction, values))
    assert (judgement.status, judgement.score) == (Status.CRASHED, None)
