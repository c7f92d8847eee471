"""A report as Markdown that any reader of Markdown takes as it was meant."""

import datetime

import msgspec

from evolve.archive.records import RunRecord, ScoredEvaluation
from evolve.problem import Direction, Split, Status
from results.comparison import contestants
from results.report import ChampionReport, Report
from results.report_markdown import markdown

SOURCE = 'def answer(x):\n    """```"""\n    return x\n'
TRAIN = ScoredEvaluation("train", Status.OK, 1.5, {}, ())

REPORT = Report(
    run=RunRecord(
        id=2,
        name="small",
        kind="search",
        reference_id=1,
        problem="curve",
        problem_version="v1",
        fingerprint="f",
        seed=3,
        settings={},
        problem_reference={},
        status="interrupted",
        champion_id=None,
        reason="interrupted",
        seconds=1.25,
        created_at=datetime.datetime(2026, 1, 2, tzinfo=datetime.UTC),
    ),
    digest="d" * 64,
    isolation={"full": 7},
    proposals=[
        {"operator": "seed", "proposals": 1, "accepted": 1},
        {"operator": "a|b", "proposals": 3, "failed": 2, "accepted": 1},
    ],
    evaluations=4,
    champion=None,
    leader=None,
    scores=contestants({Split.TRAIN: {"line": TRAIN}}, None, {}, Direction.MINIMISE),
    test=None,
    settings="seed = 3",
    commands=["evolve run curve"],
    notes=["something to know"],
)


def test_an_unfinished_run_is_called_that() -> None:
    text = markdown(REPORT)
    assert "There is no champion yet" in text
    assert "evolve resume small" in text
    assert "## The champion" not in text
    assert "- Something to know." in text


def test_a_run_that_ended_with_nothing_is_called_that() -> None:
    run = msgspec.structs.replace(REPORT.run, status="finished", reason="max_evaluations")
    assert "no program earned a score" in markdown(msgspec.structs.replace(REPORT, run=run))


def test_tables_count_what_is_missing_as_nothing_and_escape_what_divides_cells() -> None:
    lines = markdown(REPORT).splitlines()
    assert "| operator | proposals | accepted | failed |" in lines
    assert "| seed | 1 | 1 | 0 |" in lines
    assert "| a\\|b | 3 | 1 | 2 |" in lines


def test_a_source_with_a_fence_in_it_is_fenced_by_a_longer_one() -> None:
    champion = ChampionReport(
        program="ab" * 16, proposal=4, operator="x", parents=(), source=SOURCE, diff="", evaluations={}
    )
    text = markdown(msgspec.structs.replace(REPORT, champion=champion))
    assert f"````python\n{SOURCE}````" in text
    assert "It is the seed program." in text
