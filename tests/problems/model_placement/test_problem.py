import ast
import json
import math
from pathlib import Path

import pytest
from hypothesis import given

from evaluators.serving.model_placement import Fleet, checked_placement
from evaluators.serving.model_placement_optimum import optimum
from evolve.problem import CandidateFailure, Direction, Instance, Split, Status
from evolve.scoring import choose_reference, gap, geometric_mean
from problems.model_placement import problem as module
from problems.model_placement.problem import problem
from tests.evaluators.serving.fleets import fleet, fleets
from tests.support.direct_candidate import DirectCandidate
from tests.support.shipped import Shipped

FOLDER = Path(str(module.__file__)).parent
SHIPPED = Shipped(problem)
SOURCES, outcomes, values = SHIPPED.sources, SHIPPED.outcomes, SHIPPED.values


def placement_of(program: str, fleet: Fleet) -> list[int]:
    answer = DirectCandidate(SOURCES[program]).call(
        "compute_model_placement", fleet.gpus, module.visible_models(fleet), fleet.memory
    )
    return checked_placement(answer, fleet)


@pytest.mark.parametrize("split", Split)
@pytest.mark.parametrize("program", SOURCES)
def test_programs_are_valid_and_not_below_the_optimum(program: str, split: Split) -> None:
    for instance, outcome in zip(problem.instances(split), outcomes(program, split), strict=True):
        assert outcome.instance == instance.name
        assert outcome.status is Status.OK
        assert outcome.value == outcome.metrics["max_kv_pressure"]
        assert outcome.value >= problem.bound(instance) * (1.0 - 1e-9)
        assert 0.0 <= outcome.metrics["published_score"] <= 100.0
        assert "the most pressed" in outcome.feedback


@pytest.mark.parametrize("split", Split)
def test_every_bound_is_a_proven_optimum(split: Split) -> None:
    for instance in problem.instances(split):
        found = optimum(instance.payload)
        assert found.is_proven, instance.name
        assert problem.bound(instance) == found.pressure


@pytest.mark.parametrize("split", Split)
def test_multifit_is_the_yardstick_and_there_is_room_below_it(split: Split) -> None:
    found = {name: values(name, split) for name in problem.baselines}
    reference = choose_reference(found, Direction.MINIMISE)
    assert reference.baseline == "MULTIFIT"
    seed = [reference.score(name, value) for name, value in values("seed", split).items()]
    assert 0.3 < geometric_mean(seed) < 0.9
    for instance in problem.instances(split):
        best = min(found[name][instance.name] for name in problem.baselines)
        assert gap(best, problem.bound(instance), Direction.MINIMISE) >= 0.05
        assert len({found[name][instance.name] for name in found}) > 1


def test_evaluations_repeat() -> None:
    assert SHIPPED.evaluated("seed", Split.TRAIN) == outcomes("seed", Split.TRAIN)


def test_instances_are_the_same_at_every_call_and_all_different() -> None:
    instances: list[Instance[Fleet]] = []
    for split in Split:
        module._instances.cache_clear()
        first = problem.instances(split)
        module._instances.cache_clear()
        assert list(problem.instances(split)) == list(first)
        instances += first
    assert len({instance.name for instance in instances}) == len(instances) == 12 + 8 + 11
    assert len({instance.payload for instance in instances}) == len(instances)


@given(fleets())
def test_greedy_takes_the_least_pressed_gpu_with_room(fleet: Fleet) -> None:
    try:
        placement = placement_of("greedy", fleet)
    except CandidateFailure:
        return
    order = sorted(range(len(fleet.models)), key=lambda number: -fleet.models[number].demand)
    for position, number in enumerate(order):
        earlier = order[:position]
        size = [sum(fleet.models[n].size for n in earlier if placement[n] == g) for g in range(fleet.gpus)]
        demand = [
            sum(fleet.models[n].demand for n in earlier if placement[n] == g) for g in range(fleet.gpus)
        ]
        with_room = [g for g in range(fleet.gpus) if size[g] + fleet.models[number].size < 80.0 - 1e-9]
        chosen = placement[number]
        least = min(demand[g] / (80.0 - size[g]) for g in with_room)
        assert demand[chosen] / (80.0 - size[chosen]) <= least * (1 + 1e-9)


def test_best_fit_fills_gpus_and_round_robin_takes_turns() -> None:
    models = fleet(2, (20.0, 1.0, 1.0), (50.0, 2.0, 1.0), (25.0, 3.0, 1.0), (10.0, 4.0, 1.0))
    # 50 alone; 25 beside it; 20 does not fit there; 10 not either, as 85 > 80.
    assert placement_of("best fit", models) == [1, 0, 0, 1]
    assert placement_of("round robin", models) == [0, 1, 0, 1]
    # 10 to GPU 0, 25 to GPU 1 (3 / 55 is less than 4 / 70), 50 to GPU 1 as well, then 20 to GPU 0.
    assert placement_of("greedy", models) == [0, 1, 1, 0]
    crowded = fleet(2, (70.0, 1.0, 1.0), (10.0, 1.0, 1.0), (20.0, 1.0, 1.0))
    assert placement_of("round robin", crowded) == [0, 1, 1]


def test_seed_has_its_block_and_every_program_the_entry_point() -> None:
    lines = SOURCES["seed"].splitlines()
    assert lines.count("# EVOLVE-BLOCK-START") == lines.count("# EVOLVE-BLOCK-END") == 1
    for program, source in SOURCES.items():
        functions = {node.name: node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef)}
        parameters = functions[problem.entry_point.function].args.args
        assert tuple(one.arg for one in parameters) == problem.entry_point.parameters, program


def test_features_are_numbers_that_any_program_can_read() -> None:
    for feature in problem.features:
        source = (
            "def compute_model_placement(gpu_num, models, gpu_memory):\n"
            f"    return float({feature.expression})"
        )
        answer = DirectCandidate(source).call("compute_model_placement", 2, [{}], 80.0)
        assert isinstance(answer, float)


def test_a_file_becomes_instances(tmp_path: Path) -> None:
    model = {"model_size": 14, "req_rate": 3, "slo": 5}
    file = tmp_path / "mine.json"
    file.write_text(json.dumps([{"gpu_num": 2, "models": [model] * 3}, {"gpu_num": 1, "models": [model]}]))
    first, second = problem.read_instances(file)
    assert (first.name, second.name) == ("mine-01", "mine-02")
    outcome = problem.evaluate(first, DirectCandidate(SOURCES["greedy"]))
    assert outcome.value == pytest.approx(2 * 0.6 / (80 - 28))
    assert problem.bound(first) == outcome.value
    assert math.isclose(problem.bound(second), 0.6 / 66)
