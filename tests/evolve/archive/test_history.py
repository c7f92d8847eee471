from decimal import Decimal
from typing import Any

import msgspec
from sqlalchemy import insert

from evolve.archive.engine import Archive
from evolve.archive.models import LlmCall
from evolve.archive.records import Commit, now
from evolve.program import Program
from tests.evolve.archive.rows import (
    Search,
    commit_of,
    evaluation_of,
    go_on,
    program_of,
    selected_of,
    start_search,
)


def attempt(archive: Archive, search: Search, **fields: Any) -> None:
    """A row of an attempt at a call."""
    usual = {
        "run_id": search.run.id,
        "proposal": 1,
        "call": 0,
        "attempt": 0,
        "operator": "edit",
        "model": "openai/gpt-test",
        "status": "ok",
        "is_final": True,
        "prompt_hash": "0" * 32,
        "cut": [],
        "reserved_usd": Decimal(1),
        "reserved_tokens": 1000,
        "started_at": now(),
    }
    with archive.writing() as connection:
        connection.execute(insert(LlmCall).values(**(usual | fields)))


def committed_otherwise(search: Search, number: int, **changes: Any) -> Commit:
    """Commit a proposal with changes."""
    commit = msgspec.structs.replace(commit_of(number), **changes)
    search.journal.commit(commit)
    return commit


def test_what_was_tried_is_told_oldest_first_and_up_to_a_number(search: Search) -> None:
    go_on(search, 10)
    ideas = [(one.number, one.idea) for one in search.history.tried(10, 3)]
    assert ideas == [(5, "add 5"), (7, "add 7"), (9, "add 9")]
    assert [one.number for one in search.history.tried(6, 99)] == [1, 3, 5]
    assert search.history.tried(0, 99) == []
    first = search.history.tried(10, 99)[0]
    assert (first.operator, first.status, first.parents) == ("constants", "accepted", (program_of(0).id,))
    assert first.score == 1.0 + 1 / 64
    assert search.history.tried(10, 99)[1].score is None, "a duplicate has none"
    assert search.history.tried(10, 99, "edit") == []
    assert len(search.history.tried(10, 99, "constants")) == 5


def test_notes_are_not_told_as_attempts_and_later_ones_replace_earlier_ones(search: Search) -> None:
    go_on(search, 2)
    nothing = {"program": None, "evaluation": None, "improvement": None, "reason": None}
    committed_otherwise(search, 3, status="note", idea="first", operator="reflection", **nothing)
    go_on(search, 5)
    committed_otherwise(search, 6, status="note", idea="second", operator="reflection", **nothing)
    history = search.history
    assert [history.note(until) for until in (2, 3, 5, 6)] == [None, "first", "first", "second"]
    assert [one.number for one in history.tried(6, 99)] == [1, 5]
    assert [one.idea for one in history.tried(6, 99, "reflection")] == ["first", "second"]


def test_the_best_until_a_number(search: Search) -> None:
    go_on(search, 10)
    assert search.history.best_until(10, 3) == [program_of(number).id for number in (9, 8, 5)]
    assert search.history.best_until(4, 2) == [program_of(number).id for number in (4, 1)]
    assert search.history.best_until(-1, 2) == []


def test_of_equals_the_shorter_and_then_the_earlier_is_better(search: Search) -> None:
    search.journal.select_first(selected_of(0))
    for number, padding in ((0, 9), (1, 0), (2, 0)):
        same = {
            "status": "accepted",
            "evaluation": evaluation_of(1.0),
            "program": program_of(number, padding),
        }
        committed_otherwise(search, number, reason=None, **same)
    found = search.history.best_until(2, 3)
    assert found == [program_of(1).id, program_of(2).id, program_of(0, 9).id]


def test_families_are_of_programs_that_differ_in_constants_only(search: Search) -> None:
    search.journal.select_first(selected_of(0))
    sources = {0: "x + 0.5", 1: "x + 1.5", 2: "x * 2.5", 3: "x + 3.5"}
    programs = {n: Program.parse(f"def solve(x):\n    return {text}\n") for n, text in sources.items()}
    for number, program in programs.items():
        scored = {"status": "accepted", "reason": None, "evaluation": evaluation_of(1.0 + number)}
        committed_otherwise(search, number, program=program, **scored)
    skeleton = programs[0].skeleton
    assert skeleton != programs[2].skeleton
    history = search.history
    assert [history.family_size(until, skeleton) for until in (-1, 0, 2, 3)] == [0, 1, 2, 3]
    assert [one.program for one in history.family(3, skeleton, 2)] == [programs[1].id, programs[3].id]
    assert [one.program for one in history.family(3, skeleton, 2, 1)] == [programs[0].id, programs[1].id]
    assert [one.score for one in history.family(2, skeleton, 9)] == [1.0, 2.0]


def test_the_first_to_reach_a_score(search: Search) -> None:
    go_on(search, 10)
    history = search.history
    assert [history.first_to_reach(score) for score in (1.0, 1.05, 1.125, 2.0)] == [0, 4, 8, None]


def test_the_cost_of_a_proposal_is_that_of_its_final_attempts(archive: Archive, search: Search) -> None:
    """What went before is another matter of luck in a continuation, and has to decide nothing."""
    attempt(archive, search, attempt=0, status="disconnected", is_final=False, cost_usd=None)
    attempt(archive, search, attempt=1, status="malformed", is_final=False, cost_usd=Decimal("0.5"))
    attempt(archive, search, attempt=2, cost_usd=Decimal("0.25"))
    attempt(archive, search, call=1, cost_usd=Decimal("0.125"))
    attempt(archive, search, call=2, status="timeout", cost_usd=None)
    attempt(archive, search, proposal=2, cost_usd=Decimal(4))
    attempt(archive, start_search(archive, "other"), cost_usd=Decimal(8))
    assert search.history.cost(1) == 0.375
    assert search.history.cost(3) == 0.0
