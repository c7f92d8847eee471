"""Sums by operator and model."""

from collections import Counter

from sqlalchemy import Connection, text

from evolve.archive.engine import Archive
from evolve.archive.records import RunRecord
from evolve.archive.runs import get_run
from results.spending import read_spending
from tests.results.llm_rows import add_call


def test_sums_are_those_of_the_rows(connection: Connection, run: RunRecord) -> None:
    rows = connection.execute(
        text(
            "SELECT operator, proposal.status, score, cpu_seconds FROM proposal"
            " LEFT JOIN evaluation ON evaluation.program_id = proposal.program_id AND split = 'train'"
            " WHERE run_id = :run AND proposal.status <> 'selected'"
        ),
        {"run": run.id},
    ).all()
    found = {one.operator: one for one in read_spending(connection, run.id)}
    assert list(found) == ["constants", "others", "seed"]
    proposals = Counter(row.operator for row in rows)
    accepted = Counter(row.operator for row in rows if row.status == "accepted")
    for name, one in found.items():
        assert one.proposals == proposals[name]
        assert one.accepted == accepted[name]
        assert one.best == max(row.score for row in rows if row.operator == name and row.score is not None)
        assert (one.calls, one.cost_usd) == (0, 0.0)
    assert sum(one.evaluated for one in found.values()) == 50


def test_calls_are_added_to_what_their_operator_proposed(changeable: Archive) -> None:
    with changeable.writing() as connection:
        run = get_run(connection, "small")
        add_call(connection, run.id, 3, cost_usd=0.25)
        add_call(connection, run.id, 3, 1, cost_usd=None, status="timeout", tokens_in=None, tokens_out=None)
        add_call(connection, run.id, 4, operator="rewrite", model="anthropic/claude-test")
    with changeable.reading() as connection:
        found = {(one.operator, one.model): one for one in read_spending(connection, run.id)}
    edit = found["edit", "openai/gpt-test"]
    assert (edit.proposals, edit.calls, edit.cost_usd, edit.at_most_beside_usd) == (0, 2, 0.25, 4.0)
    assert (edit.tokens_in, edit.tokens_out) == (100, 10)
    assert found["rewrite", "anthropic/claude-test"].cost_usd == 1.0
