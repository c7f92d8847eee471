"""A report as Markdown that any reader of Markdown takes as it was meant."""

import datetime

import msgspec

from evolve.archive.records import RunRecord, ScoredEvaluation
from evolve.archive.software import SoftwareRecord, Versions
from evolve.problem import Direction, Split, Status
from results.comparison import contestants
from results.report import ChampionReport, Report, Rival
from results.report_markdown import markdown
from results.spending import Spent
from results.statistics import Difference, Interval, Method

SOURCE = 'def answer(x):\n    """```"""\n    return x\n'
MOMENT = datetime.datetime(2026, 1, 2, tzinfo=datetime.UTC)
MADE_WITH = SoftwareRecord(0, MOMENT, Versions("0.9", "CPython 3.11.7", "2.3.0", "Linux 6 x86_64"))
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
        created_at=MOMENT,
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
    rivals=[],
    lineage=[],
    reflections=[],
    spending=[],
    versions={"evolve": "1.0"},
    software=[MADE_WITH],
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


def test_pictures_are_shown_where_they_belong() -> None:
    text = markdown(REPORT, {"anytime": "anytime.png", "niches": "niches.png"})
    assert text.index("## Verdict") < text.index("](anytime.png)") < text.index("## The run")
    assert text.index("## Proposals") < text.index("](niches.png)") < text.index("## Settings")
    assert "![" not in markdown(REPORT)


def test_spending_is_told_with_its_sum_and_what_nobody_knows() -> None:
    paid = Spent(
        operator="edit",
        model="openai/m",
        proposals=4,
        calls=5,
        cost_usd=0.25,
        at_most_beside_usd=0.5,
        best=1.25,
    )
    free = Spent(operator="constants", model=None, proposals=3, cpu_seconds=1.234)
    text = markdown(msgspec.structs.replace(REPORT, spending=[free, paid]))
    assert "| constants |  | 3 | 0 | 0 |  | 1.2300 |  |  |  |  |  |" in text
    assert "| edit | openai/m | 4 | 0 | 0 | 1.2500 | 0.0000 | 5 |  |  | 0.2500 | 0.5000 |" in text
    assert "Models cost 0.2500 USD, and at most 0.5000 USD for calls of which nobody knows." in text
    alone = markdown(msgspec.structs.replace(REPORT, spending=[free]))
    assert "nothing was paid" in alone
    assert "USD" not in alone


def test_notes_of_models_are_quoted_whatever_is_in_them() -> None:
    text = markdown(msgspec.structs.replace(REPORT, reflections=["```\n# not a heading of ours"]))
    assert "````text\n```\n# not a heading of ours\n````" in text


def test_every_baseline_is_set_beside_the_champion() -> None:
    difference = Difference(
        ratio=1.1,
        interval=Interval(1.05, 1.15, Method.BOOTSTRAP),
        level=95.0,
        won=3,
        lost=1,
        tied=0,
        p_value=0.625,
    )
    rivals = [Rival(baseline="line", difference=difference), Rival(baseline="zero", difference=None)]
    text = markdown(msgspec.structs.replace(REPORT, rivals=rivals))
    assert "| line | 10.0 % better | 5.0 to 15.0 % better (95 %) | 3 | 1 | 0 | 0.62 |" in text
    assert "| zero | not comparable: one of the two is not valid there |" in text


def test_versions_are_those_that_the_run_was_made_with() -> None:
    text = markdown(REPORT)
    assert "Made with evolve 0.9, CPython 3.11.7, numpy 2.3.0, on Linux 6 x86_64." in text
    assert "This report was written by evolve 1.0." in text
    unknown = markdown(msgspec.structs.replace(REPORT, software=[]))
    assert "Nobody wrote down the versions that the run was made with." in unknown


def test_versions_of_a_run_that_was_continued_by_others_are_all_there() -> None:
    later = SoftwareRecord(7, MOMENT, msgspec.structs.replace(MADE_WITH.versions, evolve="1.0"))
    text = markdown(msgspec.structs.replace(REPORT, software=[MADE_WITH, later]))
    assert "| 0 | 2026-01-02 00:00:00+00:00 | 0.9 | CPython 3.11.7 | 2.3.0 | Linux 6 x86_64 |" in text
    assert "| 7 | 2026-01-02 00:00:00+00:00 | 1.0 | CPython 3.11.7 | 2.3.0 | Linux 6 x86_64 |" in text
    alone = markdown(msgspec.structs.replace(REPORT, software=[later]))
    assert "Of those before proposal 7 nobody wrote them down." in alone
