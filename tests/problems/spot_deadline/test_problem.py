import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from evaluators.cloud.spot import Job, SpotWorkload, single_market
from evaluators.cloud.spot_published import JOBS, score, single_region_score
from evaluators.cloud.spot_simulator import simulate
from evolve.execution.evaluate import evaluate_program
from evolve.execution.sandbox import Sandbox
from evolve.problem import Instance, InstanceFileError, Outcome, Split, Status
from evolve.program import Program, check_entry_point
from evolve.scoring import choose_reference
from problems.spot_deadline.problem import problem
from problems.spot_deadline.workloads import generated_workloads
from tests.support.direct_candidate import DirectCandidate
from tests.support.shared_data import ROOT, shared_data
from tests.support.shipped import Shipped, sandbox_on_one_core

FOLDER = ROOT / "problems" / "spot_deadline"
DOCUMENT = (ROOT / "docs" / "problems" / "spot_deadline.md").read_text()
SHIPPED = Shipped(problem)
SOURCES, outcomes = SHIPPED.sources, SHIPPED.outcomes


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with sandbox_on_one_core(needs_numpy=problem.needs_numpy) as opened:
        yield opened


@pytest.mark.parametrize("split", Split)
@pytest.mark.parametrize("program", SOURCES)
def test_programs_are_valid_and_do_not_beat_the_bound(program: str, split: Split) -> None:
    for instance, outcome in zip(problem.instances(split), outcomes(program, split), strict=True):
        assert outcome.instance == instance.name
        assert outcome.status is Status.OK
        assert outcome.value == outcome.metrics["cost"] >= problem.bound(instance) * (1 - 1e-12)
        assert len(outcome.feedback.splitlines()) == len(instance.payload.jobs)


@pytest.mark.parametrize("split", Split)
def test_the_published_order_of_policies(split: Split) -> None:
    values = {
        name: {outcome.instance: outcome.value or 0.0 for outcome in outcomes(name, split)}
        for name in SOURCES
    }
    seed = values.pop("seed")
    reference = choose_reference(values, problem.objective.direction)
    assert reference.baseline == "Uniform Progress (no hysteresis)"
    mean = {name: np.mean(list(found.values())) for name, found in values.items()}
    assert mean["Uniform Progress"] < mean["greedy"] < mean["on-demand"]
    assert np.prod([reference.score(name, value) for name, value in seed.items()]) < 1.0
    bound = {instance.name: problem.bound(instance) for instance in problem.instances(split)}
    assert np.mean([reference.values[name] / value for name, value in bound.items()]) > 1.04
    assert all(len({round(found[name], 6) for found in values.values()}) > 1 for name in bound)


@pytest.mark.parametrize("program", SOURCES)
def test_programs_have_the_entry_point(program: str) -> None:
    check_entry_point(Program.parse(SOURCES[program]), problem.entry_point)


def test_the_statement_names_every_field() -> None:
    statement = (FOLDER / "statement.md").read_text()
    listed = re.findall(r"^\| `(.*?)` \| (.*?) \| (.*?) \|$", statement, re.MULTILINE)
    assert listed == [(f.expression, f.unit, f.meaning.replace("`", "`")) for f in problem.features]


def test_instances_are_the_same_at_every_call_and_all_different() -> None:
    names = [instance.name for split in Split for instance in problem.instances(split)]
    assert len(names) == len(dict.fromkeys(names))
    for split in Split:
        generated_workloads.cache_clear()
        first = problem.instances(split)
        generated_workloads.cache_clear()
        for one, other in zip(first, problem.instances(split), strict=True):
            assert one.name == other.name
            assert one.payload.jobs == other.payload.jobs
            np.testing.assert_array_equal(one.payload.market.available, other.payload.market.available)
    train, validation = problem.instances(Split.TRAIN), problem.instances(Split.VALIDATION)
    for one, other in zip(train, validation, strict=True):
        assert not np.array_equal(one.payload.market.available, other.payload.market.available)


def test_files_of_all_kinds_can_be_read(tmp_path: Path) -> None:
    file = tmp_path / "mine.json"
    region = {"available": [1, 0, 1] * 200, "spot_price": 0.97}
    job = {"duration_hours": 48, "deadline_hours": 52, "overhead_hours": 0.1}
    own = {"gap_seconds": 600, "on_demand_price": 3.06, "regions": {"a": region}, "jobs": [job]}
    file.write_text(json.dumps(own))
    (instance,) = problem.read_instances(file)
    assert (instance.name, instance.payload.jobs) == ("mine", (Job(172800, 187200, 360),))
    file.write_text(json.dumps(own | {"regions": {"a": region, "b": region}}))
    with pytest.raises(InstanceFileError, match="2 regions; this problem has one"):
        problem.read_instances(file)
    file.write_text(json.dumps({"metadata": {"gap_seconds": 600}, "data": [1] * 1000}))
    windows = problem.read_instances(file)
    assert [window.name for window in windows] == ["mine-0", "mine-1"]
    assert windows[0].payload.market.ticks == 421
    file.write_text(json.dumps({"metadata": {"gap_seconds": 600}, "data": [1] * 400}))
    with pytest.raises(InstanceFileError, match="400 ticks of 600 s; the published jobs need at least 421"):
        problem.read_instances(file)


# --- Published figures ----------------------------------------------------------------------------------


@cache
def benchmark() -> tuple[Instance[SpotWorkload], ...]:
    return tuple(problem.read_instances(shared_data("spot_adrs/single_real_traces.tar.gz")))


def on_the_benchmark(source: str) -> list[Outcome]:
    return [problem.evaluate(instance, DirectCandidate(source)) for instance in benchmark()]


def mean_cost(found: list[Outcome]) -> float:
    return float(np.mean([outcome.value for outcome in found if outcome.value is not None]))


def test_on_demand_costs_the_upper_anchor() -> None:
    """146.88 is 48 h at 3.06 USD/h, without overhead; with one, a 289th tick is paid."""
    assert score(146.88) == pytest.approx(0.0, abs=1e-12)
    market = benchmark()[0].payload.market
    for overhead, cost in [(0, 146.88), (72, 147.39), (180, 147.39), (360, 147.39)]:
        jobs = (Job(48 * 3600, 52 * 3600, overhead), Job(48 * 3600, 70 * 3600, overhead))
        for run in simulate(SpotWorkload(market, jobs), DirectCandidate(SOURCES["on-demand"]), "decide"):
            assert run.cost == pytest.approx(cost, abs=1e-9)


def test_greedy_does_the_same_in_the_sandbox(sandbox: Sandbox) -> None:
    some = benchmark()[::45]
    confined = evaluate_program(problem, sandbox, SOURCES["greedy"], some)
    assert [one.status for one in confined] == [Status.OK] * 4
    direct = [problem.evaluate(instance, DirectCandidate(SOURCES["greedy"])) for instance in some]
    assert [one.metrics for one in confined] == [one.metrics for one in direct]


@pytest.mark.slow
def test_greedy_has_the_published_figures() -> None:
    found = on_the_benchmark(SOURCES["greedy"])
    assert len(found) == 180
    assert mean_cost(found) == pytest.approx(119.0345, abs=5e-5)
    assert single_region_score(found) == pytest.approx(27.798, abs=5e-4)
    each = [outcome.metrics["published_score"] for outcome in found]
    assert np.mean(each) == pytest.approx(27.798, abs=5e-4)
    assert "| greedy | 119.0345 | 27.798 |" in DOCUMENT


@pytest.mark.slow
@pytest.mark.parametrize("program", [name for name in problem.baselines if name != "greedy"])
def test_figures_in_the_document(program: str) -> None:
    found = on_the_benchmark(SOURCES[program])
    (row,) = re.findall(rf"^\| {re.escape(program)} \| (.*?) \| (.*?) \|", DOCUMENT, re.MULTILINE)
    assert mean_cost(found) == pytest.approx(float(row[0]), abs=5.1e-5)
    assert single_region_score(found) == pytest.approx(float(row[1]), abs=5.1e-4)


@pytest.mark.slow
def test_the_offline_optimum_on_the_benchmark() -> None:
    bounds = [problem.bound(instance) for instance in benchmark()]
    assert np.mean(bounds) == pytest.approx(92.3354, abs=5e-5)
    assert score(float(np.mean(bounds))) == pytest.approx(54.451, abs=5e-4)


ENUMERATION = """
import enum
import math

class ClusterType(str, enum.Enum):
    NONE = "NONE"
    SPOT = "SPOT"
    ON_DEMAND = "ON_DEMAND"
"""
GREEDY_IN_THE_PUBLISHED_INTERFACE = """
class Policy:
    def _step(self, last_cluster_type, has_spot):
        env, left = self.env, self.task_duration - sum(self.task_done_time)
        assert len(self.task_done_time) == env.tick + 1 and self.remaining_restart_overhead >= 0
        if left <= 1e-9:
            return ClusterType.NONE
        ticks = math.floor((self.deadline - env.elapsed_seconds) / env.gap_seconds)
        if math.ceil((left + self.restart_overhead) / env.gap_seconds) >= ticks:
            return ClusterType.ON_DEMAND
        if math.ceil((left + 2 * self.restart_overhead) / env.gap_seconds) >= ticks:
            on_spot = env.cluster_type == ClusterType.SPOT and has_spot
            return ClusterType.SPOT if on_spot else ClusterType.ON_DEMAND
        return ClusterType.SPOT if has_spot else ClusterType.NONE
"""
GEPAS_RULE = """
class Policy:
    # Spot if there is some. On-demand goes on until then, and idle while slack is a fifth of the work left.
    def _step(self, last_cluster_type, has_spot):
        left = self.task_duration - sum(self.task_done_time)
        slack = self.deadline - self.env.elapsed_seconds - left - self.restart_overhead
        if left <= 1e-3:
            return ClusterType.NONE
        if slack <= 0.05:
            return ClusterType.ON_DEMAND
        if has_spot:
            return ClusterType.SPOT
        wait = last_cluster_type != ClusterType.ON_DEMAND and slack >= 0.2 * left
        return ClusterType.NONE if wait else ClusterType.ON_DEMAND
"""


def wrapped(program: str) -> str:
    """A published program in the wrapper of the document."""
    (wrapper,) = re.findall(r"```python\n(.*?)```", DOCUMENT, re.DOTALL)
    assert wrapper.count("\n") <= 22
    return f"{ENUMERATION}{program}{wrapper}"


def test_a_published_program_wrapped_does_as_published(sandbox: Sandbox) -> None:
    instances = benchmark()[::20]
    found = evaluate_program(problem, sandbox, wrapped(GREEDY_IN_THE_PUBLISHED_INTERFACE), instances)
    assert [outcome.feedback for outcome in found if outcome.status is not Status.OK] == []
    candidate = DirectCandidate(SOURCES["greedy"])
    assert [outcome.value for outcome in found] == [problem.evaluate(i, candidate).value for i in instances]


@pytest.mark.slow
def test_the_rule_of_gepas_program_has_its_published_figure() -> None:
    """95.35 USD and, rounded, a score of 51; there, 66 of the 1,080 simulations are a tick late."""
    costs = []
    for instance in benchmark():
        runs = simulate(instance.payload, DirectCandidate(wrapped(GEPAS_RULE)), "decide")
        assert all(run.late == 0 for run in runs)
        costs += [run.cost for run in runs]
    assert np.mean(costs) == pytest.approx(95.3535, abs=5e-5)
    assert score(float(np.mean(costs))) == pytest.approx(51.438, abs=5e-4)


# --- Cheats that published evaluators fall for ----------------------------------------------------------

FORTUNE_TELLER = """
import gc
import sys

def futures():
    found = []
    frame = sys._getframe()
    while frame is not None:
        found += list(frame.f_locals.values()) + list(frame.f_globals.values())
        frame = frame.f_back
    found += gc.get_objects()
    # A trace has some hundred entries, each of them 0 or 1.
    return [
        one
        for one in found
        if isinstance(one, (list, tuple))
        and len(one) > 100
        and all(type(entry) in (bool, int, float) and entry in (0, 1) for entry in one)
    ]

def decide(state):
    for name in ("config", "spot_trace", "trace", "env", "ctx"):
        if hasattr(state, name):
            return -1
    for module in ("evaluators", "problems", "evolve", "evaluators.cloud.spot"):
        try:
            __import__(module)
            return -1
        except ImportError:
            pass
    if state.elapsed % 60000 == 0 and futures():
        return -1
    if state.remaining <= 0:
        return 0
    return 1 if state.has_spot else 0
"""
SPOT_OR_IDLE = "def decide(state):\n    return 1 if state.has_spot and state.remaining > 0 else 0\n"


def test_the_future_is_out_of_reach(sandbox: Sandbox) -> None:
    """Where it found a trace, or anything of the evaluator, the program would answer -1, which is invalid."""
    instances = problem.instances(Split.TRAIN)[:2]
    honest = evaluate_program(problem, sandbox, SPOT_OR_IDLE, instances)
    found = evaluate_program(problem, sandbox, FORTUNE_TELLER, instances)
    assert [outcome.status for outcome in found] == [Status.OK] * 2, found[-1].feedback
    assert [outcome.value for outcome in found] == [outcome.value for outcome in honest]


FAKE_WORK = {
    "assignment": "def decide(state):\n    state.done = state.duration\n    return 0\n",
    "attribute": "def decide(state):\n    object.__setattr__(state, 'remaining', 0.0)\n    return 0\n",
    "published list": "def decide(state):\n    state.task_done_time.append(1e9)\n    return 0\n",
}


@pytest.mark.parametrize("cheat", FAKE_WORK)
def test_work_cannot_be_made_up(sandbox: Sandbox, cheat: str) -> None:
    found = evaluate_program(problem, sandbox, FAKE_WORK[cheat], problem.instances(Split.TRAIN)[:1])
    assert [outcome.status for outcome in found] == [Status.CRASHED]
    assert found[0].value is None


def test_doing_nothing_costs_what_the_guarantee_costs(sandbox: Sandbox) -> None:
    instances = problem.instances(Split.TRAIN)[:1]
    (found,) = evaluate_program(problem, sandbox, "def decide(state):\n    return 0\n", instances)
    assert found.value == pytest.approx(147.39)
    assert found.metrics["spot_hours"] == 0.0


def test_nothing_is_remembered_from_one_window_to_the_next(sandbox: Sandbox) -> None:
    """Windows overlap in the benchmark, so memory would be the future."""
    spy = (
        "begun = []\ndef decide(state):\n    if state.elapsed == 0:\n        begun.append(state.job)\n"
        "    if len(begun) > 6 or len(set(begun)) < len(begun):\n        return -1\n"
        "    return 1 if state.has_spot and state.remaining > 0 else 0\n"
    )
    found = evaluate_program(problem, sandbox, spy, problem.instances(Split.TRAIN)[:3])
    assert [outcome.status for outcome in found] == [Status.OK] * 3


@pytest.mark.parametrize(
    "answer", ["3", "-1", "0.5", "float('nan')", "None", "'SPOT'", "[1]", "1e400", "10**400"]
)
def test_what_is_no_kind_gets_no_score(sandbox: Sandbox, answer: str) -> None:
    source = f"def decide(state):\n    return {answer}\n"
    found = evaluate_program(problem, sandbox, source, problem.instances(Split.TRAIN)[:1])
    assert [outcome.status for outcome in found] == [Status.INVALID]
    assert found[0].value is None


def test_overfitting_to_train_does_not_reach_the_test_split() -> None:
    """No window of the test split is one of train or validation, and most are of other markets."""
    known = {
        instance.payload.market.available.tobytes()
        for split in (Split.TRAIN, Split.VALIDATION)
        for instance in problem.instances(split)
    }
    assert not any(i.payload.market.available.tobytes() in known for i in problem.instances(Split.TEST))
    other = [i for i in problem.instances(Split.TEST) if i.payload.jobs != JOBS]
    assert len(other) >= 10


def test_without_any_spot_jobs_are_in_time_at_the_cost_of_on_demand() -> None:
    market = single_market(np.zeros(500, dtype=bool), 600, 0.9731, 3.06)
    for source in SOURCES.values():
        candidate = DirectCandidate(source)
        for run in simulate(SpotWorkload(market, JOBS), candidate, "decide"):
            assert 147.39 - 1e-9 <= run.cost < 1.15 * 147.39
            assert run.late == 0
