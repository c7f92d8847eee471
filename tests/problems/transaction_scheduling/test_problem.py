import re
from collections.abc import Iterator

import pytest

from evaluators.database.transactions import timetable, visible
from evaluators.database.transactions_published import published_scores
from evolve.execution.evaluate import evaluate_program
from evolve.execution.sandbox import Sandbox
from evolve.problem import Outcome, Split, Status
from evolve.program import Program, check_entry_point
from evolve.scoring import choose_reference, judge
from problems.transaction_scheduling.problem import problem
from problems.transaction_scheduling.workloads import generated_workloads
from tests.support.direct_candidate import DirectCandidate
from tests.support.shared_data import ROOT, shared_data
from tests.support.shipped import Shipped

FOLDER = ROOT / "problems" / "transaction_scheduling"
DOCUMENT = (ROOT / "docs" / "problems" / "transaction_scheduling.md").read_text()
SOURCES = Shipped(problem).sources


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(needs_numpy=problem.needs_numpy) as opened:
        yield opened


def outcomes(source: str, split: Split) -> list[Outcome]:
    return [problem.evaluate(instance, DirectCandidate(source)) for instance in problem.instances(split)]


@pytest.mark.parametrize("split", Split)
@pytest.mark.parametrize("program", SOURCES)
def test_programs_are_valid_and_do_not_beat_the_bound(program: str, split: Split) -> None:
    for instance, outcome in zip(problem.instances(split), outcomes(SOURCES[program], split), strict=True):
        assert outcome.instance == instance.name
        assert outcome.status is Status.OK
        assert outcome.value == outcome.metrics["makespan"] >= problem.bound(instance)
        assert 0.0 <= outcome.metrics["published_score"] <= 100.0
        assert len(outcome.feedback.splitlines()) == 2


@pytest.mark.parametrize("program", SOURCES)
def test_programs_have_the_entry_point(program: str) -> None:
    check_entry_point(Program.parse(SOURCES[program]), problem.entry_point)


def test_features_can_be_read() -> None:
    for feature in problem.features:
        source = f"def schedule(transactions):\n    return float({feature.expression})\n"
        seen = visible(problem.instances(Split.TRAIN)[0].payload)
        assert isinstance(DirectCandidate(source).call("schedule", seen), float)


def test_the_seed_computes_the_makespan_as_the_evaluator_does() -> None:
    candidate = DirectCandidate(SOURCES["seed"])
    for instance in problem.instances(Split.TEST):
        seen = visible(instance.payload)
        order = candidate.call("schedule", seen)
        assert isinstance(order, list)
        assert candidate.call("makespan", seen, order) == timetable(instance.payload, order).makespan


def test_instances_are_the_same_at_every_call_and_all_different() -> None:
    names = [instance.name for split in Split for instance in problem.instances(split)]
    assert len(names) == len(dict.fromkeys(names))
    for split in Split:
        generated_workloads.cache_clear()
        first = problem.instances(split)
        generated_workloads.cache_clear()
        assert first == problem.instances(split)
    train, validation = problem.instances(Split.TRAIN), problem.instances(Split.VALIDATION)
    assert all(one.payload != other.payload for one, other in zip(train, validation, strict=True))


@pytest.mark.parametrize("split", Split)
def test_baselines_differ_and_leave_room(split: Split) -> None:
    values = {
        name: {outcome.instance: outcome.value or 0.0 for outcome in outcomes(SOURCES[name], split)}
        for name in problem.baselines
    }
    reference = choose_reference(values, problem.objective.direction)
    assert reference.baseline == "SMF"
    bounds = {instance.name: problem.bound(instance) for instance in problem.instances(split)}
    assert all(reference.values[name] > bound for name, bound in bounds.items())
    assert all(len({found[name] for found in values.values()}) > 1 for name in bounds)


# --- Published figures ----------------------------------------------------------------------------------


def on_the_benchmark(source: str, sandbox: Sandbox) -> list[Outcome]:
    instances = problem.read_instances(shared_data("txn_adrs/workloads.json"))
    found = evaluate_program(problem, sandbox, source, instances)
    assert [outcome.status for outcome in found] == [Status.OK] * 3, found[-1].feedback
    return found


def test_figures_in_the_document(sandbox: Sandbox) -> None:
    for program in problem.baselines:
        found = on_the_benchmark(SOURCES[program], sandbox)
        makespans = " + ".join(f"{outcome.value:g}" for outcome in found)
        total = sum(outcome.value or 0.0 for outcome in found)
        scores = published_scores(found)
        told = f"{scores['leaderboard']:.1f}" if scores["leaderboard"] else "0"
        row = f"| {program} | {makespans} | {total:g} | {told} | {scores['skydiscover']:.1f} |"
        assert row in DOCUMENT


PUBLISHED_INTERFACE = """
import random
random.seed(42)

def get_best_schedule(workload, num_seqs):
    left = list(range(workload.num_txns))
    order = [left.pop(random.randint(0, workload.num_txns - 1))]
    while left:
        random.random()
        drawn, costs = [], []
        for _ in range(min(10, len(left))):
            drawn.append(left.pop(random.randint(0, len(left) - 1) if len(left) > 1 else 0))
            costs.append(workload.get_opt_seq_cost(order + [drawn[-1]]))
        order.append(drawn.pop(costs.index(min(costs))))
        left.extend(drawn)
    assert len(set(order)) == workload.num_txns
    return workload.get_opt_seq_cost(order), order
"""
"""SMF against the interface of published programs: its own draws, whole makespans from the simulator."""


def wrapped(program: str, wrapper: str) -> str:
    """A published program between the markers of the seed program, as the document says."""
    before, _, rest = SOURCES["seed"].partition("# EVOLVE-BLOCK-START")
    return before + program + wrapper + rest.partition("# EVOLVE-BLOCK-END")[2]


def test_a_published_program_in_the_documents_wrapper(sandbox: Sandbox) -> None:
    (wrapper,) = re.findall(r"```python\n(.*?)```", DOCUMENT, re.DOTALL)
    assert wrapper.count("\n") <= 15
    found = on_the_benchmark(wrapped(PUBLISHED_INTERFACE, wrapper), sandbox)
    assert [outcome.value for outcome in found] == [244.0, 55.0, 61.0]
    # With the random stream as it would be after the workloads before, which are told by their lengths.
    carried_on = wrapper.replace(
        "    return get_best_schedule(Workload(transactions), 10)[1]",
        "    for _ in range({16: 1, 21: 2, 9: 3}[len(transactions[0])]):\n"
        "        order = get_best_schedule(Workload(transactions), 10)[1]\n"
        "    return order",
    )
    assert carried_on != wrapper
    found = on_the_benchmark(wrapped(PUBLISHED_INTERFACE, carried_on), sandbox)
    assert [outcome.value for outcome in found] == [244.0, 55.0, 53.0]
    assert published_scores(found)["leaderboard"] == pytest.approx(41.865, abs=5e-4)


# --- Cheats that published evaluators fall for ----------------------------------------------------------

CHEATS = {
    "its own makespan": "def schedule(transactions):\n    return 0, list(range(len(transactions)))\n",
    "published: 0 and empty orders": "def schedule(transactions):\n    return 0, [[], [], []]\n",
    "an empty order": "def schedule(transactions):\n    return []\n",
    "a short order": "def schedule(transactions):\n    return list(range(len(transactions) - 1))\n",
    "one transaction over and over": "def schedule(transactions):\n    return [0] * len(transactions)\n",
    "all and some repeated": "def schedule(transactions):\n    n = len(transactions)\n"
    "    return list(range(n)) + [0]\n",
    "booleans": "def schedule(transactions):\n    return [True, False] + list(range(2, len(transactions)))\n",
    "an object": "class Order(list):\n    pass\ndef schedule(transactions):\n    return Order([0])\n",
}


@pytest.mark.parametrize("cheat", CHEATS)
def test_cheats_get_no_score(sandbox: Sandbox, cheat: str) -> None:
    instances = problem.instances(Split.TRAIN)[:2]
    found = evaluate_program(problem, sandbox, CHEATS[cheat], instances)
    assert [outcome.status for outcome in found] == [Status.INVALID]
    assert found[0].value is None
    assert "order" in found[0].feedback or "sent" in found[0].feedback


def test_a_changed_workload_changes_nothing(sandbox: Sandbox) -> None:
    vandal = (
        "def schedule(transactions):\n    n = len(transactions)\n"
        "    for steps in transactions:\n        steps[:] = [None]\n"
        "    transactions.clear()\n    return list(range(n))\n"
    )
    instances = problem.instances(Split.TRAIN)
    honest = evaluate_program(problem, sandbox, SOURCES["sequential"], instances)
    found = evaluate_program(problem, sandbox, vandal, instances)
    assert [outcome.value for outcome in found] == [outcome.value for outcome in honest]


def test_failing_on_a_hard_workload_does_not_pay(sandbox: Sandbox) -> None:
    """Fewer orders than workloads pass on the leaderboard; here one failure leaves no score."""
    choosy = (
        "def schedule(transactions):\n    if len(transactions[0]) == 16:\n        raise ValueError\n"
        "    return list(range(len(transactions)))\n"
    )
    instances = problem.instances(Split.TRAIN)
    found = evaluate_program(problem, sandbox, choosy, instances)
    assert found[-1].status is Status.CRASHED
    values = {o.instance: o.value or 0.0 for o in outcomes(SOURCES["sequential"], Split.TRAIN)}
    reference = choose_reference({"sequential": values}, problem.objective.direction)
    assert judge(found, len(instances), reference).score is None


def test_time_is_cpu_time_and_ends(sandbox: Sandbox) -> None:
    patient = (
        "import time\ntime.time = time.monotonic = lambda: 0.0\n"
        "def schedule(transactions):\n    while time.time() < 1.0:\n        pass\n"
    )
    limited = type(problem)()
    limited.limits = type(problem.limits)(cpu_seconds=0.3, wall_seconds=20.0)  # type: ignore[misc]
    found = evaluate_program(limited, sandbox, patient, problem.instances(Split.TRAIN)[:1])
    assert [outcome.status for outcome in found] == [Status.TIMEOUT]
