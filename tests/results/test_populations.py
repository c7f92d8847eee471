"""Populations are found in whatever state a strategy writes."""

from sqlalchemy import Connection, text

from evolve.archive.records import RunRecord
from results.populations import populations_in, read_populations


def member(program: str, score: float) -> dict[str, object]:
    return {"program": program, "score": score, "signature": "s", "size": 3}


def test_islands_are_in_their_order_with_their_best_first() -> None:
    state = {"strategy": {"islands": [[member("a", 1.0), member("b", 2.0)], [], [member("c", 0.5)]]}}
    found = populations_in(state)
    assert [one.name for one in found] == ["island 0", "island 1", "island 2"]
    assert [place.program for place in found[0].members] == ["b", "a"]
    assert found[1].best is None
    assert found[2].best is not None
    assert found[2].best.score == 0.5


def test_niches_by_name_may_hold_one_program_each() -> None:
    state = {"strategy": {"niches": {"1,2": member("a", 1.0), "3,4": [member("b", 2.0)]}, "count": 7}}
    assert [(one.name, len(one.members)) for one in populations_in(state)] == [
        ("niches 1,2", 1),
        ("niches 3,4", 1),
    ]


def test_a_strategy_without_populations_has_none() -> None:
    assert populations_in({"strategy": {"seed": "a", "champion": "b", "best": 1.0}}) == []
    assert populations_in({"strategy": {"waiting": [], "names": ["a"]}}) == []


def test_the_islands_of_a_run_hold_its_programs(connection: Connection, run: RunRecord) -> None:
    found = read_populations(connection, run.id)
    assert [one.name for one in found] == ["island 0", "island 1", "island 2"]
    scores = {
        row.hash: row.score
        for row in connection.execute(
            text(
                "SELECT hash, score FROM program JOIN evaluation ON program_id = program.id"
                " WHERE run_id = :run AND split = 'train'"
            ),
            {"run": run.id},
        )
    }
    for view in found:
        assert view.members
        assert all(scores[one.program] == one.score for one in view.members)
