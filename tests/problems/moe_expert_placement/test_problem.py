import ast
import json
import re
from pathlib import Path

import numpy as np
import pytest

import problems.moe_expert_placement.problem as module
from evaluators.moe.placement import Deployment
from evolve.problem import Direction, InstanceFileError, Outcome, Split, Status
from evolve.scoring import choose_reference, geometric_mean
from problems.moe_expert_placement.problem import problem
from problems.moe_expert_placement.workloads import generated_workloads
from tests.support.direct_candidate import DirectCandidate
from tests.support.shipped import Shipped

FOLDER = Path(str(module.__file__)).parent
DOCUMENT = (FOLDER.parents[1] / "docs" / "problems" / "moe_expert_placement.md").read_text()
SOURCES = Shipped(problem).sources


def _outcomes(program: str, split: Split) -> list[Outcome]:
    return [
        problem.evaluate(instance, DirectCandidate(SOURCES[program])) for instance in problem.instances(split)
    ]


@pytest.mark.parametrize("split", Split)
@pytest.mark.parametrize("program", SOURCES)
def test_programs_are_valid_and_below_the_bound(program: str, split: Split) -> None:
    for instance, outcome in zip(problem.instances(split), _outcomes(program, split), strict=True):
        assert outcome.instance == instance.name
        assert outcome.status is Status.OK
        assert outcome.value == outcome.metrics["balancedness_gpu"]
        assert 0.0 < outcome.metrics["balancedness_expert"] < outcome.metrics["balancedness_gpu"]
        assert outcome.metrics["balancedness_gpu"] < problem.bound(instance) <= 1.0
        assert len(outcome.feedback.splitlines()) == 2


@pytest.mark.parametrize("split", Split)
def test_global_eplb_is_the_yardstick_and_the_seed_does_no_better(split: Split) -> None:
    values = {
        program: {outcome.instance: outcome.value or 0.0 for outcome in _outcomes(program, split)}
        for program in SOURCES
    }
    seed = values.pop("seed")
    reference = choose_reference(values, problem.objective.direction)
    assert reference.baseline == "EPLB (global)"
    score = geometric_mean([reference.score(name, value) for name, value in seed.items()])
    assert score == pytest.approx(1.0, abs=0.002)
    contiguous = values["contiguous"]
    assert all(contiguous[name] < value for name, value in values["EPLB (hierarchical)"].items())


def test_evaluations_repeat() -> None:
    assert _outcomes("seed", Split.TRAIN) == _outcomes("seed", Split.TRAIN)


def test_instances_are_the_same_at_every_call_and_all_different() -> None:
    names = [instance.name for split in Split for instance in problem.instances(split)]
    assert len(names) == len(dict.fromkeys(names))
    for split in Split:
        generated_workloads.cache_clear()
        first = problem.instances(split)
        generated_workloads.cache_clear()
        for one, other in zip(first, problem.instances(split), strict=True):
            assert one.name == other.name
            np.testing.assert_array_equal(one.payload.loads.windows, other.payload.loads.windows)
            assert one.payload.deployment.misfit(one.payload.loads.num_experts) is None
    train, validation = problem.instances(Split.TRAIN), problem.instances(Split.VALIDATION)
    for one, other in zip(train, validation, strict=True):
        assert not np.array_equal(one.payload.loads.windows, other.payload.loads.windows)


@pytest.mark.parametrize("split", Split)
def test_there_are_enough_instances_to_tell_programs_apart(split: Split) -> None:
    assert len(problem.instances(split)) >= 8


def test_the_figures_in_the_document() -> None:
    for program in problem.baselines:
        (row,) = re.findall(rf"^\| {re.escape(program)} \|(.*)\|$", DOCUMENT, re.MULTILINE)
        means = [np.mean([o.value for o in _outcomes(program, split)]) for split in Split]
        assert [float(cell) for cell in row.split("|")] == pytest.approx(means, abs=5.1e-5)


PUBLISHED_TRIPLE = """
def published(*arguments):
    phy2log = np.asarray(mapping(*arguments))
    counts = np.array([np.bincount(row, minlength=arguments[0].shape[1]) for row in phy2log])
    return phy2log, np.zeros((*counts.shape, counts.max()), dtype=np.int64), counts
"""


def test_a_published_triple_in_the_documents_wrapper() -> None:
    (wrapper,) = re.findall(r"```python\n(.*?)```", DOCUMENT, re.DOTALL)
    program = SOURCES["EPLB (global)"].replace("def rebalance_experts(", "def mapping(")
    candidate = DirectCandidate(f"{program}{PUBLISHED_TRIPLE}{wrapper}")
    for instance, expected in zip(
        problem.instances(Split.TRAIN), _outcomes("EPLB (global)", Split.TRAIN), strict=True
    ):
        assert problem.evaluate(instance, candidate) == expected


def test_the_published_deployment_is_in_train_and_in_test() -> None:
    published = Deployment(num_replicas=288, num_groups=8, num_nodes=4, num_gpus=32)
    for split in (Split.TRAIN, Split.TEST):
        found = [
            instance.payload
            for instance in problem.instances(split)
            if instance.payload.deployment == published and instance.payload.loads.num_experts == 64
        ]
        assert found


def test_a_program_that_keeps_state_may_use_it() -> None:
    source = """
windows = []
def rebalance_experts(weight, num_replicas, num_groups, num_nodes, num_gpus):
    windows.append(weight)
    layers, experts = weight.shape
    shift = len(windows) % experts
    return [[(slot + shift) % experts for slot in range(num_replicas)]] * layers
"""
    instance = problem.instances(Split.TRAIN)[3]
    assert problem.evaluate(instance, DirectCandidate(source)).status is Status.OK


def test_seed_has_its_block_and_the_entry_point() -> None:
    lines = SOURCES["seed"].splitlines()
    assert lines.count("# EVOLVE-BLOCK-START") == lines.count("# EVOLVE-BLOCK-END") == 1
    for program, source in SOURCES.items():
        functions = {node.name: node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef)}
        parameters = functions[problem.entry_point.function].args.args
        assert tuple(parameter.arg for parameter in parameters) == problem.entry_point.parameters, program


def test_features_are_numbers_that_any_program_can_read() -> None:
    for feature in problem.features:
        source = (
            f"def rebalance_experts(weight, num_replicas, num_groups, num_nodes, num_gpus):\n"
            f"    return float({feature.expression})\n"
        )
        arguments = (np.array([[1.0, 3.0]]), 4, 1, 1, 2)
        assert isinstance(DirectCandidate(source).call("rebalance_experts", *arguments), float)


def test_objectives_are_scored_in_this_order() -> None:
    assert [(goal.metric, goal.direction) for goal in problem.objectives] == [
        ("balancedness_gpu", Direction.MAXIMISE),
        ("balancedness_expert", Direction.MAXIMISE),
        ("cpu_seconds", Direction.MINIMISE),
    ]


def _history(path: Path, layers: int, experts: int) -> Path:
    step = {"logical_expert_load": (np.arange(layers * experts) + 1).reshape(layers, experts).tolist()}
    file = path / "expert-load.json"
    file.write_text(json.dumps({"load_history": [step] * 250}))
    return file


def test_a_load_history_becomes_one_instance_of_the_published_deployment(tmp_path: Path) -> None:
    (instance,) = problem.read_instances(_history(tmp_path, 2, 64))
    assert instance.name == "expert-load"
    assert instance.payload.loads.windows.shape == (3, 2, 64)
    assert instance.payload.deployment.num_replicas == 288
    outcome = problem.evaluate(instance, DirectCandidate(SOURCES["EPLB (global)"]))
    assert outcome.value is not None
    assert 0.9 < outcome.value <= 1.0


@pytest.mark.parametrize(
    ("experts", "message"),
    [
        (60, "2 layers of 60 experts, which do not fit the published deployment (288 replicas, 8 groups,"),
        (
            60,
            "60 experts do not divide evenly into 8 groups; the number of experts has to be a multiple of 8",
        ),
        (320, "320 experts need at least as many replicas, and there are 288"),
    ],
)
def test_a_history_that_does_not_fit_is_refused(tmp_path: Path, experts: int, message: str) -> None:
    with pytest.raises(InstanceFileError) as error:
        problem.read_instances(_history(tmp_path, 2, experts))
    assert message in str(error.value)
