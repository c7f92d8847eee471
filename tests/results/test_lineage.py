"""Ancestors of a program, and what each step changed."""

import itertools

import pytest
from sqlalchemy import Connection, insert, text

from evolve.archive.engine import Archive
from evolve.archive.evaluations import baseline_programs
from evolve.archive.models import Program, Proposal
from evolve.archive.records import RunRecord
from evolve.archive.runs import get_run
from evolve.program import diff
from results.lineage import MOST_STEPS, Step, change_in_words, lineage_of, telling_steps
from results.programs import ProgramRecord, leader_of, program_by_hash, program_by_key


def record(number: int, train: float | None = None, source: str = "") -> ProgramRecord:
    return ProgramRecord(
        id=number,
        run_id=1,
        hash=f"{number:032x}",
        baseline=None,
        source=source,
        number=number,
        operator="o",
        model=None,
        idea=None,
        parents=(),
        status="ok",
        train=train,
        validation=None,
        test=None,
    )


def test_each_step_is_the_first_parent_of_the_next(connection: Connection, run: RunRecord) -> None:
    last = connection.execute(
        text("SELECT max(program_id) FROM proposal WHERE run_id = :run"), {"run": run.id}
    ).scalar_one()
    steps = lineage_of(connection, program_by_key(connection, last))
    assert steps[-1].program.id == last
    assert steps[0].program.number == 0
    assert steps[0].parent is None
    assert steps[0].change == ""
    for before, after in itertools.pairwise(steps):
        assert after.program.parents == (before.program.hash,)
        assert after.parent == before.program
        assert after.diff == diff(
            before.program.source, after.program.source, (before.program.hash[:12], after.program.hash[:12])
        )
        assert after.change


def test_further_parents_and_parents_that_are_baselines_are_found(changeable: Archive) -> None:
    with changeable.writing() as connection:
        run = get_run(connection, "small")
        assert run.reference_id is not None
        baselines = baseline_programs(connection, run.reference_id)
        line = program_by_key(connection, baselines["line"])
        champion = leader_of(connection, run)
        assert champion is not None
        connection.execute(
            insert(Program).values(id=900, run_id=run.id, hash="c" * 32, source="def answer(x): return 1\n")
        )
        connection.execute(
            insert(Proposal).values(
                run_id=run.id,
                number=900,
                status="accepted",
                operator="crossover",
                parents=[line.hash, champion.hash, "f" * 32],
                inspirations=[],
                context={},
                seen=0,
                program_id=900,
            )
        )
        steps = lineage_of(connection, program_by_key(connection, 900))
    assert [step.program.label for step in steps] == ["line", "c" * 12]
    assert steps[1].others == (champion,), "the one that is nowhere is left out"
    assert steps[0].program.baseline == "line"


def test_a_program_is_found_in_its_run_only_or_among_its_baselines(
    connection: Connection, run: RunRecord
) -> None:
    champion = leader_of(connection, run)
    assert champion is not None
    assert champion.id == run.champion_id
    assert program_by_hash(connection, run.id, champion.hash) == champion
    assert program_by_hash(connection, run.id, "f" * 32) is None
    other = get_run(connection, "double")
    found = program_by_hash(connection, other.id, champion.hash)
    assert found is None or found.run_id == other.id


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ("a = 1\n", "a = 1\n", ""),
        ("a = 1\nb = 2\n", "a = 1\nb = 3\n", "b = 2 → b = 3"),
        ("a\nb\n", "b\na\n", "moves 1 line"),
        ("a\nb\n", "a\nc = 1\nd\nb\n", "+2 lines: c = 1"),
        ("a\nc = 1\nb\n", "a\nb\n", "-1 line: without c = 1"),
        ("a\nc = 1\nb\n", "a\nd\ne\nb\n", "+2 -1 lines: d"),
    ],
)
def test_changes_in_words(before: str, after: str, words: str) -> None:
    assert change_in_words(diff(before, after)) == words


def test_of_long_lines_the_part_that_differs_is_told_by_whole_names() -> None:
    before = f"    return {' + '.join(f'operation.number_{place}' for place in range(20))}\n"
    after = before.replace("operation.number_9", "max(operation.number_9, 1.5)")
    words = change_in_words(diff(before, after))
    assert "operation.number_9 +… → …" in words
    assert "max(operation.number_9, 1.5)" in words
    assert len(words) <= 95
    assert "…" in words


def test_of_many_steps_the_most_telling_are_told_and_the_others_counted() -> None:
    programs = [record(number, train=number + (5.0 if number == 40 else 0.0)) for number in range(100)]
    steps = [
        Step(program=one, parent=programs[place - 1] if place else None, others=())
        for place, one in enumerate(programs)
    ]
    told = telling_steps(steps)
    kept = [one for one in told if isinstance(one, Step)]
    assert kept[0] == steps[0]
    assert kept[-1] == steps[-1]
    assert steps[40] in kept
    assert len(kept) + sum(one for one in told if isinstance(one, int)) == 100
    assert len(told) <= MOST_STEPS + 3
    assert telling_steps(steps[:MOST_STEPS]) == steps[:MOST_STEPS]


def test_a_gain_needs_two_scores() -> None:
    assert Step(program=record(1, 1.5), parent=record(0, 1.25), others=()).gain == 0.25
    assert Step(program=record(1, None), parent=record(0, 1.25), others=()).gain is None
    assert Step(program=record(1, 1.5), parent=None, others=()).gain is None
