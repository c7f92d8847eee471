"""Every question has an answer: on a real small run, against values computed here from the plain tables."""

import asyncio
import collections
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import insert, select, update

from evolve.archive.description import describe_schema
from evolve.archive.engine import Archive, open_archive
from evolve.archive.evaluations import add_evaluation
from evolve.archive.history import EVALUATED
from evolve.archive.models import Evaluation, Instance, LlmCall, Outcome, Program, Proposal, Run, table_of
from evolve.archive.records import now
from evolve.config import Budget, Course
from evolve.errors import UserError
from evolve.problem import Split
from results.named_queries import answered, named_query, query_names, rows_of
from tests.support.postgres import NewUrl
from tests.support.searches import Constants, InProcessExecutor, load_curve, opened_search

COURSE = Course(strategy="islands", operators={"constants": 1.0}, lag=2)
FAULTS: dict[int, Exception | str] = {
    5: "def answer(x: float) -> float:\n    # EVOLVE-BLOCK-START\n    return (\n    # EVOLVE-BLOCK-END\n",
    9: "def answer(x: float) -> float:\n    # EVOLVE-BLOCK-START\n    return 1 / 0\n    # EVOLVE-BLOCK-END\n",
}
LAST_HOUR = 3


class Asked:
    """A searched run, opened for reading, with its plain rows."""

    def __init__(self, archive: Archive, run: int) -> None:
        self.archive = archive
        self.run = run
        with archive.reading() as connection:
            proposals = connection.execute(
                select(table_of(Proposal)).where(Proposal.run_id == run).order_by(Proposal.number)
            )
            self.proposals = [row for row in proposals if row.status != "selected"]
            self.hashes = {row.id: row.hash for row in connection.execute(select(table_of(Program)))}
            self.evaluations = {
                (row.program_id, row.split): row for row in connection.execute(select(table_of(Evaluation)))
            }
            self.calls = list(connection.execute(select(table_of(LlmCall))))
            self.champion = connection.scalar(select(Run.champion_id).where(Run.id == run))

    def rows(self, name: str, **values: str | int) -> list[dict[str, Any]]:
        if named_query(name).of_run:
            values["run"] = self.run
        return rows_of(self.archive, name, **values)

    def score(self, program_id: int | None, split: str = "train") -> float | None:
        found = None if program_id is None else self.evaluations.get((program_id, split))
        return found.score if found is not None and found.status == "ok" else None

    def cost(self, number: int) -> float:
        return sum(call.cost_usd or 0.0 for call in self.calls if call.proposal == number)


@pytest.fixture
def asked(new_url: NewUrl) -> Iterator[Asked]:
    url = new_url()
    run = asyncio.run(_searched(url))
    archive = open_archive(url, read_only=True)
    yield Asked(archive, run)
    archive.close()


async def _searched(url: str) -> int:
    """A search with duplicates, a rejection, failures, a champion, and calls of models over some hours."""
    loaded = load_curve()
    executor = InProcessExecutor(loaded)
    with opened_search(url, executor, loaded, COURSE) as search:
        await search.judge.prepare(Split.TRAIN)
        operator = Constants(faults=FAULTS, values=40)
        await search.controller([operator], COURSE, Budget(max_evaluations=30)).run()
        for split in (Split.VALIDATION, Split.TEST):
            await search.judge.prepare(split)
        with search.archive.writing() as connection:
            best = connection.execute(
                select(Program.id, Program.source)
                .join(Evaluation, Evaluation.program_id == Program.id)
                .where(Program.run_id == search.run.id, Evaluation.status == "ok")
                .order_by(Evaluation.score.desc())
                .limit(3)
            ).all()
        for place, row in enumerate(best):
            for split in (Split.VALIDATION, Split.TEST)[: 2 if place == 0 else 1]:
                found = await search.judge.evaluate(row.source, split)
                with search.archive.writing() as connection:
                    add_evaluation(connection, row.id, found, search.judge.instance_keys(split))
        with search.archive.writing() as connection:
            connection.execute(update(Run).where(Run.id == search.run.id).values(champion_id=best[0].id))
            connection.execute(insert(LlmCall), [_call(search.run.id, number) for number in range(1, 25)])
        return search.run.id


def _call(run: int, number: int) -> dict[str, Any]:
    known = number % 5 != 0
    return {
        "run_id": run,
        "proposal": number,
        "call": 0,
        "attempt": 0,
        "operator": "constants",
        "model": f"own/model-{number % 2}",
        "status": "ok" if known else "lost",
        "is_final": known,
        "prompt_hash": "h",
        "cut": [],
        "tokens_in": 100 + number if known else None,
        "tokens_out": 10 if known else None,
        "reserved_usd": 0.75,
        "reserved_tokens": 1,
        "cost_usd": number / 64 if known else None,
        "started_at": now().replace(2026, 1, 2, number % LAST_HOUR, 59, 59, 999999),
    }


def test_there_is_a_query_for_every_question() -> None:
    assert set(query_names()) >= {
        "leaderboard",
        "best_so_far",
        "lineage",
        "operator_returns",
        "rejections",
        "worst_instances",
        "generalisation_gap",
        "failures",
        "spending_by_hour",
    }
    for name in query_names():
        query = named_query(name)
        assert query.title.endswith(".")
        for one in query.parameters:
            assert f":{one.name}" in query.sql


def test_best_so_far_against_evaluations_dollars_and_seconds(asked: Asked) -> None:
    expected: list[tuple[Any, ...]] = []
    best, evaluations, cost = None, 0, 0.0
    for one in asked.proposals:
        cost += asked.cost(one.number)
        evaluations += one.status in EVALUATED
        score = asked.score(one.program_id)
        if score is not None and (best is None or score > best):
            expected.append((one.number, evaluations, pytest.approx(cost), one.seconds, score, best))
            best = score
    found = asked.rows("best_so_far")
    columns = ("proposal", "evaluations", "cost_usd", "seconds", "score", "before")
    assert [tuple(row[name] for name in columns) for row in found] == expected
    assert len(expected) > 2
    assert all(isinstance(row["seconds"], float) for row in found)


def test_leaderboard_has_baselines_and_ranks_by_validation_first(asked: Asked) -> None:
    rows = asked.rows("leaderboard", limit=1000)
    keys = [(row["validation"] is None, -(row["validation"] or 0.0), -row["train"]) for row in rows]
    assert keys == sorted(keys)
    assert [row["rank"] for row in rows] == list(range(1, len(rows) + 1))
    scored = {
        key for (key, split), row in asked.evaluations.items() if split == "train" and row.status == "ok"
    }
    assert sorted(row["program"] for row in rows) == sorted(asked.hashes[key] for key in scored)
    assert "line" in [row["baseline"] for row in rows]
    assert rows == asked.rows("leaderboard", limit=1000, problem="curve")
    assert asked.rows("leaderboard", problem="other") == []
    assert asked.rows("leaderboard", limit=4) == rows[:4]


def test_top_is_in_order_of_train(asked: Asked) -> None:
    scores = sorted(
        (asked.score(one.program_id) or 0.0 for one in asked.proposals if asked.score(one.program_id)),
        reverse=True,
    )
    assert [row["train"] for row in asked.rows("top", limit=7)] == scores[:7]


def test_lineage_goes_from_the_seed_to_the_champion(asked: Asked) -> None:
    by_hash = {asked.hashes[one.program_id]: one for one in asked.proposals if one.program_id is not None}
    chain = [by_hash[asked.hashes[asked.champion]]]
    while chain[0].parents:
        chain.insert(0, by_hash[chain[0].parents[0]])
    rows = asked.rows("lineage")
    assert [row["proposal"] for row in rows] == [one.number for one in chain]
    assert rows[0]["gain"] is None
    for row, one, parent in zip(rows[1:], chain[1:], chain, strict=False):
        score, before = asked.score(one.program_id), asked.score(parent.program_id)
        assert row["gain"] == (None if score is None or before is None else score - before)
    other = next(one for one in asked.proposals if one.program_id and one.number > 20)
    found = asked.rows("lineage", program=asked.hashes[other.program_id][:10])
    assert found[-1]["proposal"] == other.number
    assert asked.rows("lineage", program="0000000000") == []


def test_operators_earn_what_they_raised_the_best_by(asked: Asked) -> None:
    expected: dict[str, collections.Counter[str]] = collections.defaultdict(collections.Counter)
    best: float | None = None
    for one in asked.proposals:
        counter, score = expected[one.operator], asked.score(one.program_id)
        counter["proposals"] += 1
        counter["programs"] += one.program_id is not None
        counter["accepted"] += one.status == "accepted"
        counter["cost_usd"] += asked.cost(one.number)  # type: ignore[assignment]  # a counter of dollars
        if score is not None and best is not None and score > best:
            counter["records"] += 1
            counter["gain"] += score - best  # type: ignore[assignment]  # a counter of scores
        best = score if best is None or (score is not None and score > best) else best
    rows = {row["operator"]: row for row in asked.rows("operator_returns")}
    assert set(rows) == set(expected)
    for operator, counter in expected.items():
        for name in ("proposals", "programs", "accepted", "records", "gain", "cost_usd"):
            assert rows[operator][name] == pytest.approx(counter[name]), (operator, name)
    row = rows["constants"]
    assert row["gain_per_usd"] == pytest.approx(row["gain"] / row["cost_usd"])
    assert row["unknown_usd"] == pytest.approx(0.75 * sum(call.cost_usd is None for call in asked.calls))
    assert rows["seed"]["gain_per_usd"] is None


def test_rejections_are_counted_by_reason(asked: Asked) -> None:
    refused = [one for one in asked.proposals if one.status in ("duplicate", "rejected", "no_proposal")]
    rows = asked.rows("rejections")
    assert sum(row["proposals"] for row in rows) == len(refused)
    duplicates = [row for row in rows if row["status"] == "duplicate"]
    assert len(duplicates) == 1, "reasons that differ in numbers only are one"
    assert duplicates[0]["proposals"] == sum(one.status == "duplicate" for one in refused) > 1
    assert any(row["status"] == "rejected" for row in rows)


def test_worst_instances_of_the_champion_come_first(asked: Asked) -> None:
    with asked.archive.reading() as connection:
        found = connection.execute(
            select(Instance.name, Outcome.score, Outcome.value, Instance.bound)
            .join(Outcome, Outcome.instance_id == Instance.id)
            .join(Evaluation, Evaluation.id == Outcome.evaluation_id)
            .where(Evaluation.program_id == asked.champion, Evaluation.split == "train")
        ).all()
    expected = sorted(found, key=lambda row: row.score)
    rows = asked.rows("worst_instances")
    assert [row["instance"] for row in rows] == [one.name for one in expected]
    assert [row["rank"] for row in rows] == [1, 2, 3]
    for row, one in zip(rows, expected, strict=True):
        assert row["gap"] == pytest.approx(abs(one.value - one.bound) / abs(one.bound))
    assert asked.rows("worst_instances", split="test")[0]["rank"] == 1
    named = asked.rows("instances", program=asked.hashes[asked.champion][:8])
    assert {row["instance"] for row in named if row["split"] == "train"} == {one.name for one in expected}
    assert {row["baseline"] for row in asked.rows("instances", program="line")} == {"line"}


def test_generalisation_gap_is_what_is_left_on_train(asked: Asked) -> None:
    rows = asked.rows("generalisation_gap")
    ids = {value: key for key, value in asked.hashes.items()}
    assert len(rows) == 3
    for row in rows:
        key = ids[row["program"]]
        train, validation, test = (asked.score(key, split) for split in ("train", "validation", "test"))
        assert train is not None
        assert validation is not None
        assert (row["train"], row["validation"], row["test"]) == (train, validation, test)
        assert row["validation_gap"] == pytest.approx(train - validation)
        assert row["test_gap"] == (None if test is None else pytest.approx(train - test))
        assert row["is_champion"] == (key == asked.champion)
    assert [row["validation"] for row in rows] == sorted((row["validation"] for row in rows), reverse=True)


def test_failures_are_counted_by_kind(asked: Asked) -> None:
    mine = {one.program_id for one in asked.proposals}
    expected = collections.Counter(
        row.status for (key, _), row in asked.evaluations.items() if key in mine and row.status != "ok"
    )
    rows = asked.rows("failures")
    assert {row["status"]: row["programs"] for row in rows} == dict(expected)
    assert "crashed" in expected
    assert all(row["example"] for row in rows if row["status"] == "crashed")


def test_spending_adds_up_by_the_hour(asked: Asked) -> None:
    rows = asked.rows("spending_by_hour")
    assert {row["hour"] for row in rows} == {f"2026-01-02 0{hour}:00" for hour in range(LAST_HOUR)}
    for row in rows:
        hour = int(row["hour"][11:13])
        mine = [one for one in asked.calls if one.started_at.hour == hour and one.model == row["model"]]
        assert row["calls"] == len(mine)
        assert row["answers"] == sum(one.status == "ok" for one in mine)
        assert row["cost_usd"] == pytest.approx(sum(one.cost_usd or 0.0 for one in mine))
        assert row["unknown_usd"] == pytest.approx(0.75 * sum(one.cost_usd is None for one in mine))
        assert row["tokens_in"] == sum(one.tokens_in or 0 for one in mine)
        assert isinstance(row["tokens_in"], int)


def test_overview_of_runs(asked: Asked) -> None:
    (row,) = asked.rows("runs")
    assert (row["run"], row["problem"]) == ("search", "curve")
    assert row["proposals"] == len(asked.proposals)
    assert row["evaluations"] == sum(one.status in EVALUATED for one in asked.proposals)
    assert row["best_train"] == max(asked.score(one.program_id) or 0.0 for one in asked.proposals)
    assert row["validation"] == asked.score(asked.champion, "validation")
    assert row["cost_usd"] == pytest.approx(sum(one.cost_usd or 0.0 for one in asked.calls))


def test_islands_are_those_of_the_strategy(asked: Asked) -> None:
    expected = collections.Counter(
        one.context["island"] for one in asked.proposals if "island" in one.context
    )
    rows = asked.rows("islands")
    assert {row["island"]: row["proposals"] for row in rows} == dict(expected)
    assert sum(row["programs"] for row in rows) == sum(
        one.program_id is not None for one in asked.proposals if "island" in one.context
    )


def test_proposals_are_those_after_a_number(asked: Asked) -> None:
    rows = asked.rows("proposals", after=4, limit=3)
    assert [row["proposal"] for row in rows] == [5, 6, 7]
    assert rows[0]["status"] == "rejected"


def test_documented_columns_are_those_of_the_views(asked: Asked) -> None:
    with asked.archive.reading() as connection:
        for view in describe_schema():
            if view.kind == "view":
                result = connection.exec_driver_sql(f"SELECT * FROM {view.name} LIMIT 1")
                documented = [name for one in view.columns for name in one.name.split(", ")]
                assert sorted(documented) == sorted(result.keys()), view.name
                result.all()


def test_mistakes_are_told(asked: Asked) -> None:
    with pytest.raises(UserError, match="unknown query 'linage'; did you mean 'lineage'"):
        named_query("linage")
    with pytest.raises(UserError, match="unknown parameter of the query lineage 'programme'"):
        asked.rows("lineage", programme="x")
    with (
        pytest.raises(UserError, match=r"needs -p program=VALUE"),
        answered(asked.archive, named_query("instances")),
    ):
        pytest.fail("nothing was said about which program")
