"""The published figures come out on the 50 published fleets."""

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from evaluators.serving.model_placement import Fleet
from evaluators.serving.model_placement_generator import published_fleets
from evaluators.serving.model_placement_optimum import optimum
from evaluators.serving.model_placement_published import (
    leaderboard_score,
    round_robin_pressure,
    skydiscover_score,
)
from evolve.execution.evaluate import evaluate_program
from evolve.execution.isolation import IsolationLevel
from evolve.execution.sandbox import Sandbox
from evolve.problem import Instance, Outcome, Status
from problems.model_placement.problem import problem
from tests.support.direct_candidate import DirectCandidate
from tests.support.shared_data import ROOT

FOLDER = ROOT / "problems" / "model_placement"
PUBLISHED: Sequence[Instance[Fleet]] = problem.read_instances(FOLDER / "published.json")


def outcomes(source: str) -> list[Outcome]:
    return [problem.evaluate(instance, DirectCandidate(source)) for instance in PUBLISHED]


def baseline(name: str) -> str:
    return (FOLDER / problem.baselines[name]).read_text()


def leaderboard(found: Sequence[Outcome]) -> float:
    return float(np.mean([outcome.metrics["published_score"] for outcome in found]))


def optimal_program() -> str:
    """A program that knows the optimal placement of every published fleet."""
    known = {
        json.dumps([[model.size, model.rate, model.slo] for model in instance.payload.models]): list(
            optimum(instance.payload).placement
        )
        for instance in PUBLISHED
    }
    return f"""
import json
KNOWN = json.loads({json.dumps(known)!r})
def compute_model_placement(gpu_num, models, gpu_memory):
    return KNOWN[json.dumps([[m["model_size"], m["req_rate"], m["slo"]] for m in models])]
"""


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(needs_numpy=problem.needs_numpy, minimum=IsolationLevel.LIMITS) as sandbox:
        yield sandbox


def assert_greedy(found: Sequence[Outcome]) -> None:
    assert len(found) == 50
    assert f"{skydiscover_score(found):.6f}" == "21.891622"
    assert f"{leaderboard(found):.3f}" == "60.817"


def test_the_file_holds_the_fleets_that_the_published_seed_gives() -> None:
    assert [instance.payload for instance in PUBLISHED] == list(published_fleets())
    assert PUBLISHED[0].name == "published-00"


@pytest.mark.parametrize("name", problem.baselines)
def test_no_baseline_is_below_the_optimum(name: str) -> None:
    for instance, outcome in zip(PUBLISHED, outcomes(baseline(name)), strict=True):
        assert outcome.value is not None
        assert outcome.value >= problem.bound(instance) * (1.0 - 1e-9)


def test_greedy() -> None:
    assert_greedy(outcomes(baseline("greedy")))


def test_multifit_finds_nearly_all_optima() -> None:
    found = outcomes(baseline("MULTIFIT"))
    assert f"{skydiscover_score(found):.6f}" == "26.233211"
    optimal = [
        outcome.value == pytest.approx(problem.bound(instance), rel=1e-9)
        for instance, outcome in zip(PUBLISHED, found, strict=True)
    ]
    assert sum(optimal) == 49


def test_round_robin() -> None:
    found = outcomes(baseline("round robin"))
    assert leaderboard(found) == 0.0
    assert f"{np.mean([one.value or 0.0 for one in found]):.6f}" == "0.061838"


def test_the_optimum(sandbox: Sandbox) -> None:
    found = evaluate_program(problem, sandbox, optimal_program(), PUBLISHED)
    assert [one.status for one in found] == [Status.OK] * 50
    assert [one.value for one in found] == [problem.bound(instance) for instance in PUBLISHED]
    assert f"{skydiscover_score(found):.6f}" == "26.255972"
    assert f"{leaderboard(found):.6f}" == "87.409619"


def test_the_ideal_that_the_leaderboard_measures_towards() -> None:
    ideal = np.mean([instance.payload.fractional_pressure for instance in PUBLISHED])
    assert f"{ideal:.6f}" == "0.035207"


def test_the_scale_of_the_leaderboard() -> None:
    fleet = PUBLISHED[0].payload
    base, ideal = round_robin_pressure(fleet), fleet.fractional_pressure
    assert leaderboard_score(fleet, base) == leaderboard_score(fleet, 10 * base) == 0.0
    assert leaderboard_score(fleet, ideal) == leaderboard_score(fleet, ideal / 2) == 100.0
    assert leaderboard_score(fleet, base - (base - ideal) / 4) == pytest.approx(50.0)


def documented(page: Path) -> str:
    """The program on the problem's page: all Python blocks together."""
    return "\n".join(re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL))


def test_the_wrapped_program_of_the_documentation_gets_the_published_figure(sandbox: Sandbox) -> None:
    source = documented(ROOT / "docs" / "problems" / "model_placement.md")
    found = evaluate_program(problem, sandbox, source, PUBLISHED)
    assert [one.status for one in found] == [Status.OK] * 50
    assert_greedy(found)
