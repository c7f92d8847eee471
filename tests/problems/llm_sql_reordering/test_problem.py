import csv
from collections.abc import Iterator
from pathlib import Path

import pytest

import problems.llm_sql_reordering.problem as module
from evaluators.database.prefix_table import RequestTable
from evolve.execution.evaluate import evaluate_program
from evolve.execution.sandbox import Sandbox
from evolve.problem import Instance, Outcome, Split, Status
from evolve.scoring import choose_reference
from problems.llm_sql_reordering.problem import problem
from tests.support.direct_candidate import DirectCandidate
from tests.support.shared_data import shared_data
from tests.support.shipped import Shipped

FOLDER = Path(str(module.__file__)).parent
SOURCES = Shipped(problem).sources


def _outcomes(program: str, split: Split) -> list[Outcome]:
    return [
        problem.evaluate(instance, DirectCandidate(SOURCES[program])) for instance in problem.instances(split)
    ]


@pytest.mark.parametrize("split", Split)
@pytest.mark.parametrize("program", SOURCES)
def test_programs_are_valid_and_do_not_beat_the_bound(program: str, split: Split) -> None:
    for instance, outcome in zip(problem.instances(split), _outcomes(program, split), strict=True):
        assert outcome.status is Status.OK
        assert outcome.value == outcome.metrics["computed_share"]
        assert outcome.value == pytest.approx(1.0 - outcome.metrics["prefix_hit_rate"])
        assert problem.bound(instance) < outcome.value <= 1.0
        assert len(outcome.feedback.splitlines()) == 2


@pytest.mark.parametrize("split", Split)
def test_ggr_is_the_yardstick_and_every_step_to_it_counts(split: Split) -> None:
    values = {
        program: {outcome.instance: outcome.value or 0.0 for outcome in _outcomes(program, split)}
        for program in SOURCES
    }
    seed = values.pop("seed")
    reference = choose_reference(values, problem.objective.direction)
    assert reference.baseline == "GGR"
    for name, best in values["GGR"].items():
        assert best < values["fixed field order"][name] < values["original order"][name]
        assert best <= values["GGR (early stop)"][name]
        assert best < seed[name] < values["original order"][name]


def _hit_rate(rows: list[list[str]]) -> float:
    """Independent of the evaluator: the set of all prefixes seen so far."""
    seen: set[str] = set()
    hits = characters = 0
    for row in rows:
        text = "".join(row)
        prefixes = [text[:end] for end in range(1, len(text) + 1)]
        hits += sum(prefix in seen for prefix in prefixes)
        characters += len(text)
        seen.update(prefixes)
    return hits / characters


def test_the_beer_table_in_original_order_and_by_ggr() -> None:
    file = shared_data("llm_sql/beer.csv")
    with file.open(encoding="utf-8", newline="") as lines:
        rows = list(csv.reader(lines))[1:]
    merged = [[*row[:6], row[7], row[8] + row[6]] for row in rows]  # beer/beerId and beer/name, at the end
    (instance,) = problem.read_instances(file)
    original = problem.evaluate(instance, DirectCandidate(SOURCES["original order"])).metrics
    assert original["prefix_hit_rate"] == _hit_rate(merged)
    assert original["prefix_hit_rate"] == pytest.approx(0.144294, abs=5e-7)
    assert _hit_rate(rows) == pytest.approx(0.146220, abs=5e-7)  # the columns of the file, none merged
    early, full = (
        problem.evaluate(instance, DirectCandidate(SOURCES[name])).metrics["prefix_hit_rate"]
        for name in ("GGR (early stop)", "GGR")
    )
    assert original["prefix_hit_rate"] < 0.6 < early < full
    assert full == pytest.approx(0.684, abs=5e-4)


def test_instances_repeat_and_have_different_names() -> None:
    names = [instance.name for split in Split for instance in problem.instances(split)]
    assert len(names) == len(set(names))
    tables = [instance.payload for split in Split for instance in problem.instances(split)]
    assert len(set(tables)) == len(tables)


def test_a_file_without_a_published_name_is_read_unmerged(tmp_path: Path) -> None:
    file = tmp_path / "mine.csv"
    file.write_text("beer/beerId,beer/name\n1,a\n2,b\n")
    (instance,) = problem.read_instances(file)
    assert (instance.name, instance.payload.columns) == ("mine", ("beer/beerId", "beer/name"))
    published = file.rename(tmp_path / "beer.csv")
    assert problem.read_instances(published)[0].payload.columns == ("beer/beerId_beer/name",)


def test_the_wrapper_in_the_documents_gets_what_ggr_gets() -> None:
    """A published program returns a table; the wrapper finds out which cells it put where."""
    text = (FOLDER.parents[1] / "docs" / "problems" / "llm_sql_reordering.md").read_text()
    wrapper = text.split("```python\n")[1].split("```")[0]
    assert len(wrapper.splitlines()) <= 14
    solver = SOURCES["GGR"].replace("def reorder(", "def ggr(") + (
        "\ndef solve(table):\n"
        "    rows = [[cell for _, cell in row] for row in table]\n"
        "    sent, orders = ggr(range(len(rows[0])), rows)\n"
        "    return [[table[row][column] for column in order] for row, order in zip(sent, orders)]\n"
    )
    instance = problem.instances(Split.TRAIN)[3]
    wrapped = problem.evaluate(instance, DirectCandidate(f"{solver}\n{wrapper}"))
    assert wrapped == problem.evaluate(instance, DirectCandidate(SOURCES["GGR"]))


# --- What worked against the published evaluators, tried through the sandbox ------------------------------

CHEATS = {
    "rows dropped": "    return [0], [list(range(len(columns)))]",
    "rows repeated": "    return [0] * len(rows), [list(range(len(columns)))] * len(rows)",
    "cells dropped": "    return list(range(len(rows))), [[0]] * len(rows)",
    "one cell for all": "    return list(range(len(rows))), [[0] * len(columns)] * len(rows)",
    "texts instead of decisions": "    return rows, [['shared' + cell for cell in row] for row in rows]",
    "cells blanked in the argument": (
        "    for row in rows:\n        row[:] = [''] * len(row)\n    return list(range(len(rows))), rows"
    ),
    "own figure": "    return {'prefix_hit_rate': 1.0, 'score': 100.0}",
    "figure as a third value": "    order = list(range(len(columns)))\n"
    "    return list(range(len(rows))), [order] * len(rows), 1.0",
}


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(needs_numpy=problem.needs_numpy) as opened:
        yield opened


def _judged(sandbox: Sandbox, source: str, instances: list[Instance[RequestTable]]) -> list[Outcome]:
    return evaluate_program(problem, sandbox, source, instances)


@pytest.mark.parametrize("cheat", CHEATS)
def test_a_cheat_gets_no_score(sandbox: Sandbox, cheat: str) -> None:
    source = f"def reorder(columns, rows):\n{CHEATS[cheat]}\n"
    (outcome,) = _judged(sandbox, source, list(problem.instances(Split.TRAIN)))
    assert (outcome.status, outcome.value) == (Status.INVALID, None)


def test_blanking_the_argument_changes_nothing(sandbox: Sandbox) -> None:
    """The published evaluators measure the table that the program hands back."""
    source = SOURCES["original order"].replace(
        "    width", "    for row in rows:\n        row[:] = ['x'] * len(row)\n    width"
    )
    instances = list(problem.instances(Split.TRAIN))[:2]
    honest = _judged(sandbox, SOURCES["original order"], instances)
    assert [o.value for o in _judged(sandbox, source, instances)] == [o.value for o in honest]


def test_a_table_that_fails_is_not_left_out(sandbox: Sandbox) -> None:
    """The published leaderboard drops a failed table from the mean and counts its time as 0."""
    source = SOURCES["GGR"].replace(
        "    requests = []\n", "    if len(rows) < 450:\n        raise ValueError\n    requests = []\n", 1
    )
    outcomes = _judged(sandbox, source, list(problem.instances(Split.TRAIN)))
    assert outcomes[-1].status is Status.CRASHED
    assert len(outcomes) < len(problem.instances(Split.TRAIN))
