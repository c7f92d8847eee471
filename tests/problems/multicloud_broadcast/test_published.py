"""The published figures come out on the published broadcasts, by the problem's own evaluator and sandbox."""

import re
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from evaluators.cloud.broadcast import Broadcast
from evaluators.cloud.broadcast_published import (
    leaderboard_cost,
    leaderboard_score,
    published_score,
    skydiscover_cost,
    skydiscover_score,
)
from evolve.execution.evaluate import evaluate_program
from evolve.execution.isolation import IsolationLevel
from evolve.execution.sandbox import Sandbox
from evolve.problem import Instance, Outcome, Status
from problems.multicloud_broadcast.problem import problem
from tests.support.direct_candidate import DirectCandidate
from tests.support.shared_data import ROOT, shared_data

NAMES = ("intra_aws", "intra_azure", "intra_gcp", "inter_agz", "inter_gaz2")
FOLDER = ROOT / "problems" / "multicloud_broadcast"


@cache
def published() -> tuple[Instance[Broadcast], ...]:
    return tuple(problem.read_instances(shared_data(f"cloudcast/{name}.json"))[0] for name in NAMES)


def outcomes(source: str) -> list[Outcome]:
    return [problem.evaluate(instance, DirectCandidate(source)) for instance in published()]


def baseline(name: str) -> str:
    return (FOLDER / problem.baselines[name]).read_text()


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(needs_numpy=problem.needs_numpy, minimum=IsolationLevel.LIMITS) as sandbox:
        yield sandbox


def assert_dijkstra(found: Sequence[Outcome]) -> None:
    assert f"{leaderboard_cost(found):.3f}" == "1045.860"
    # As the leaderboard stores it.
    assert leaderboard_score(found) == pytest.approx(26.737131608352556, rel=1e-14)
    assert np.mean([one.metrics["published_score"] for one in found]) == pytest.approx(26.737131608352556)
    assert f"{skydiscover_cost(found):.3f}" == "1035.136"
    assert [f"{one.metrics['skydiscover_total_usd']:.2f}" for one in found] == [
        "162.04",
        "144.01",
        "159.03",
        "267.02",
        "303.03",
    ]
    assert f"{skydiscover_score(found):.6f}" == "0.000965"


def test_dijkstra() -> None:
    assert_dijkstra(outcomes(baseline("Dijkstra")))


def test_direct() -> None:
    found = outcomes(baseline("direct"))
    assert f"{leaderboard_cost(found):.2f}" == "1199.17"
    assert leaderboard_score(found) == 0.0


def test_the_bound_is_below_the_best_valid_published_result_and_close() -> None:
    bound = sum(problem.bound(instance) for instance in published())
    # 622.196 is the cost of the best published program whose paths deliver.
    assert 0.99 * 622.196 < bound < 622.196


@pytest.mark.parametrize("name", problem.baselines)
def test_baselines_are_above_the_bound(name: str) -> None:
    for instance, outcome in zip(published(), outcomes(baseline(name)), strict=True):
        assert outcome.value is not None
        assert outcome.value >= problem.bound(instance)


def documented(page: Path) -> str:
    """The program on the problem's page: all Python blocks together."""
    return "\n".join(re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL))


def test_the_wrapped_program_of_the_documentation_gets_the_published_figure(sandbox: Sandbox) -> None:
    source = documented(ROOT / "docs" / "problems" / "multicloud_broadcast.md")
    found = evaluate_program(problem, sandbox, source, published())
    assert [one.status for one in found] == [Status.OK] * 5
    assert_dijkstra(found)


def test_the_wrapper_refuses_edges_out_of_order(sandbox: Sandbox) -> None:
    """Published programs exist whose paths are no paths, only sets of edges."""
    source = documented(ROOT / "docs" / "problems" / "multicloud_broadcast.md")
    source += """
inner = published
def published(src, dsts, G, num_partitions):
    topology = inner(src, dsts, G, num_partitions)
    for paths in topology.paths.values():
        for edges in paths.values():
            edges.reverse()
    return topology
"""
    found = evaluate_program(problem, sandbox, source, published()[3:4])
    assert [one.status for one in found] == [Status.CRASHED]
    assert "out of order" in found[0].feedback


def test_progress_below_the_leaderboards_best_cost_is_told() -> None:
    """The leaderboard gives 100 for anything below 626.24 USD; the ratio of costs goes on."""

    def outcome(cost: float) -> list[Outcome]:
        return [Outcome(instance="all", value=cost, metrics={"total_usd": cost})]

    assert leaderboard_score(outcome(626.24)) == leaderboard_score(outcome(622.196)) == 100.0
    assert leaderboard_score(outcome(1300.0)) == 0.0
    assert published_score(626.24 / 5) == pytest.approx(100.0)
    assert published_score(622.196 / 5) == pytest.approx(100.7, abs=0.01)
    assert leaderboard_cost(outcome(622.196)) < leaderboard_cost(outcome(626.24))
