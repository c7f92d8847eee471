"""What a run did, commit by commit."""

import itertools

import pytest
from sqlalchemy import Connection, text

from evolve.archive.engine import Archive
from evolve.archive.records import RunRecord
from evolve.archive.runs import get_run
from results.timeline import Moment, improvements, read_moments
from tests.results.llm_rows import add_call

EVALUATED = ("accepted", "not_better", "failed", "stopped")


def test_moments_are_the_commits_in_order_with_what_was_used_up(
    connection: Connection, run: RunRecord
) -> None:
    moments = read_moments(connection, run.id)
    rows = connection.execute(
        text(
            "SELECT number, operator, proposal.status, hash, seconds, score FROM proposal"
            " LEFT JOIN program ON program.id = proposal.program_id"
            " LEFT JOIN evaluation ON evaluation.program_id = program.id AND split = 'train'"
            " WHERE proposal.run_id = :run AND proposal.status <> 'selected' ORDER BY number"
        ),
        {"run": run.id},
    ).all()
    told = [(one.number, one.operator, one.status, one.program, one.seconds, one.score) for one in moments]
    assert told == [tuple(row) for row in rows]
    assert len(moments) > 50
    counts = list(itertools.accumulate(row.status in EVALUATED for row in rows))
    assert [one.evaluations for one in moments] == counts
    assert counts[-1] == 50
    assert {one.usd for one in moments} == {0.0}


def test_money_is_counted_from_the_commit_of_its_proposal_on(changeable: Archive) -> None:
    with changeable.writing() as connection:
        run = get_run(connection, "small")
        add_call(connection, run.id, 3, cost_usd=0.1)
        add_call(connection, run.id, 3, 1, cost_usd=0.2)
        add_call(connection, run.id, 5, cost_usd=None)
        add_call(connection, run.id, 7, cost_usd=0.7)
    with changeable.reading() as connection:
        dollars = {one.number: one.usd for one in read_moments(connection, run.id)}
    assert [dollars[number] for number in (2, 3, 6, 7)] == pytest.approx([0.0, 0.3, 0.3, 1.0])


def test_a_commit_is_an_improvement_where_it_raises_the_best_score() -> None:
    scores = [None, 0.5, 0.5, 0.4, None, 0.9, 0.7]
    moments = [
        Moment(number, "o", None, "accepted", "p", score, 0.0, number, 0.0, 0.0)
        for number, score in enumerate(scores)
    ]
    found = improvements(moments)
    assert [(one.moment.number, one.score, one.before) for one in found] == [(1, 0.5, None), (5, 0.9, 0.5)]
    assert improvements([]) == []
