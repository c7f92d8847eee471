import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import problems.telemetry_repair.problem as module
from evolve.execution.evaluate import evaluate_program
from evolve.execution.sandbox import Sandbox
from evolve.problem import Outcome, Split, Status
from evolve.scoring import choose_reference
from problems.telemetry_repair.networks import generated_networks
from problems.telemetry_repair.problem import problem
from tests.support.direct_candidate import DirectCandidate
from tests.support.shipped import Shipped

FOLDER = Path(str(module.__file__)).parent
DOCUMENT = FOLDER.parents[1] / "docs" / "problems" / "telemetry_repair.md"
SOURCES = Shipped(problem).sources


def _outcomes(program: str, split: Split) -> list[Outcome]:
    return [
        problem.evaluate(instance, DirectCandidate(SOURCES[program])) for instance in problem.instances(split)
    ]


def _mean(program: str, split: Split) -> float:
    values = [outcome.value or 0.0 for outcome in _outcomes(program, split)]
    return sum(values) / len(values)


@pytest.mark.parametrize("split", Split)
@pytest.mark.parametrize("program", SOURCES)
def test_programs_are_valid_and_below_the_bound(program: str, split: Split) -> None:
    for instance, outcome in zip(problem.instances(split), _outcomes(program, split), strict=True):
        assert outcome.status is Status.OK
        assert outcome.value == outcome.metrics["combined_quality"]
        assert 0.0 < outcome.value < problem.bound(instance) == 1.0
        assert len(outcome.feedback.splitlines()) == 2


@pytest.mark.parametrize("split", Split)
def test_first_principles_are_the_yardstick_and_passing_through_does_not_pay(split: Split) -> None:
    values = {
        program: {outcome.instance: outcome.value or 0.0 for outcome in _outcomes(program, split)}
        for program in problem.baselines
    }
    reference = choose_reference(values, problem.objective.direction)
    assert reference.baseline == "first-principles repair"
    assert _mean("passthrough", split) < _mean("seed", split) < _mean(reference.baseline, split)


def test_figures_in_the_documents() -> None:
    text = DOCUMENT.read_text()
    for program in problem.baselines:
        row = next(line for line in text.splitlines() if line.startswith(f"| {program}"))
        told = [float(cell) for cell in row.split("|")[2:5]]
        assert told == pytest.approx([_mean(program, split) for split in Split], abs=5.1e-5)


def test_passing_through_is_near_the_published_anchor() -> None:
    """The published anchor is 0.80 on other traffic with the same faults."""
    assert _mean("passthrough", Split.TRAIN) == pytest.approx(0.80, abs=0.04)


def test_instances_are_the_same_at_every_call_and_all_different() -> None:
    names = [instance.name for split in Split for instance in problem.instances(split)]
    assert len(names) == len(set(names)) == 28
    for split in Split:
        first = problem.instances(split)
        generated_networks.cache_clear()
        assert problem.instances(split) == first
    payloads = [instance.payload for split in Split for instance in problem.instances(split)]
    assert len(set(payloads)) == len(payloads)


def test_a_published_file_is_one_instance(tmp_path: Path) -> None:
    header = "low_x_egress_to_y,low_y_ingress_from_x"
    row = "\"{'ground_truth': 5.0, 'perturbed': None}\",\"{'ground_truth': 5.0}\""
    file = tmp_path / "evaluation_data.csv"
    file.write_text("\n".join([header, *[row] * 5]))
    (instance,) = problem.read_instances(file)
    assert (instance.name, len(instance.payload.snapshots)) == ("evaluation_data", 5)
    outcome = problem.evaluate(instance, DirectCandidate(SOURCES["first-principles repair"]))
    assert outcome.status is Status.OK


def test_the_wrapper_in_the_documents_changes_nothing(sandbox: Sandbox) -> None:
    (wrapper,) = re.findall(r"```python\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
    program = SOURCES["first-principles repair"]
    published = program.replace("def run_repair(", "def repair_network_telemetry(")
    assert published != program
    found = _judged(sandbox, f"{published}\n\n{wrapper}")
    assert [outcome.value for outcome in found] == [outcome.value for outcome in _judged(sandbox, program)]


# --- What worked against the published evaluator, tried through the sandbox -------------------------------

HONEST = SOURCES["passthrough"]
ADDITIONS = {
    "only the easy interfaces": "    return {n: e for n, e in honest.items() if e['rx_rate'][0] > 0.0}",
    "no interface": "    return {}",
    "bare values for full marks in calibration": (
        "    return {n: {k: v[1] for k, v in e.items()} for n, e in honest.items()}"
    ),
    "pairs without confidence": (
        "    return {n: {k: v[:2] for k, v in e.items()} for n, e in honest.items()}"
    ),
    "confidence beyond 1": (
        "    return {n: {k: (*v[:2], 9.0) for k, v in e.items()} for n, e in honest.items()}"
    ),
    "not a number": ("    return {n: {**e, 'rx_rate': (0.0, float('nan'), 1.0)} for n, e in honest.items()}"),
    "own figure": "    return {'score': 100.0, 'combined_score': 1.0}",
}
HARMLESS = {
    "seeding the generator of the next snapshots": "import random\nrandom.seed(1)\n",
    "replacing the generator": "import random\nrandom.random = lambda: 1.0\nrandom.choice = max\n",
}


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(needs_numpy=problem.needs_numpy) as opened:
        yield opened


def _judged(sandbox: Sandbox, source: str) -> list[Outcome]:
    return evaluate_program(problem, sandbox, source, list(problem.instances(Split.TRAIN)))


@pytest.mark.parametrize("cheat", ADDITIONS)
def test_a_cheat_gets_no_score(sandbox: Sandbox, cheat: str) -> None:
    source = HONEST.replace("def run_repair", "def passed") + (
        "\n\ndef run_repair(telemetry, topology):\n    honest = passed(telemetry, topology)\n"
        f"{ADDITIONS[cheat]}\n"
    )
    (outcome,) = _judged(sandbox, source)
    assert (outcome.status, outcome.value) == (Status.INVALID, None)


@pytest.mark.parametrize("trick", HARMLESS)
def test_the_generator_is_out_of_reach(sandbox: Sandbox, trick: str) -> None:
    """The published evaluator draws its faults in the program's process, between the program's calls."""
    values = [outcome.value for outcome in _judged(sandbox, HONEST)]
    assert [outcome.value for outcome in _judged(sandbox, HARMLESS[trick] + HONEST)] == values


def test_changing_the_telemetry_changes_nothing(sandbox: Sandbox) -> None:
    values = [outcome.value for outcome in _judged(sandbox, HONEST)]
    trick = HONEST.replace("    return {", "    answer = {").rstrip() + (
        "\n    for entry in telemetry.values():\n        entry['rx_rate'] = entry['tx_rate'] = 0.0\n"
        "    topology.clear()\n    return answer\n"
    )
    assert [outcome.value for outcome in _judged(sandbox, trick)] == values


def test_the_truth_is_not_in_the_process(sandbox: Sandbox) -> None:
    source = HONEST + "\n\nimport sys\nassert not any(m.startswith('evaluators') for m in sys.modules)\n"
    assert [outcome.status for outcome in _judged(sandbox, source)] == [Status.OK] * 8
