"""What a run is measured by."""

import math

import pytest
from sqlalchemy import Connection

from evolve.archive.engine import Archive
from evolve.archive.records import RunRecord, ScoredEvaluation
from evolve.archive.runs import get_run, set_champion
from evolve.problem import Direction, Outcome, Split, Status
from results.subject import read_subject, yardstick_of
from tests.support.searches import load_curve


def evaluation(scores: list[float], values: list[float], status: Status = Status.OK) -> ScoredEvaluation:
    names = [f"i{place}" for place in range(len(scores))]
    return ScoredEvaluation(
        "train",
        status,
        math.prod(scores) ** (1 / len(scores)),
        dict(zip(names, scores, strict=True)),
        tuple(Outcome(instance=name, value=value) for name, value in zip(names, values, strict=True)),
    )


BASELINES = {
    "slow": evaluation([0.5, 0.5], [8.0, 20.0]),
    "best": evaluation([1.0, 1.0], [4.0, 10.0]),
    "broken": evaluation([9.0, 9.0], [1.0, 1.0], Status.INVALID),
}


def test_baselines_are_ordered_and_only_valid_ones_count() -> None:
    found = yardstick_of(BASELINES, {}, Direction.MINIMISE)
    assert found is not None
    assert list(found.baselines) == ["best", "slow"]
    assert found.reference == "best"
    assert found.bound is None, "an instance without a bound leaves none for the split"
    assert yardstick_of({"broken": BASELINES["broken"]}, {}, None) is None


@pytest.mark.parametrize(
    ("direction", "bounds", "expected"),
    [
        (Direction.MINIMISE, {"i0": 2.0, "i1": 8.0}, math.sqrt(2.0 * 1.25)),
        (Direction.MAXIMISE, {"i0": 8.0, "i1": 40.0}, math.sqrt(2.0 * 4.0)),
        (Direction.MINIMISE, {"i0": 2.0}, None),
        (Direction.MINIMISE, {"i0": 2.0, "i1": 0.0}, None),
        (None, {"i0": 2.0, "i1": 8.0}, None),
    ],
)
def test_the_bound_is_the_score_of_reaching_it_everywhere(
    direction: Direction | None, bounds: dict[str, float], expected: float | None
) -> None:
    found = yardstick_of(BASELINES, bounds, direction)
    assert found is not None
    assert found.bound == (None if expected is None else pytest.approx(expected))


def test_a_subject_is_read_from_the_archive(connection: Connection, run: RunRecord) -> None:
    found = read_subject(connection, run)
    assert found.leader is not None
    assert found.leader.id == run.champion_id
    assert found.leader_title == "champion"
    assert found.yardstick is not None
    assert found.yardstick.reference == "line"
    assert found.yardstick.baselines["line"] == 1.0
    # The bound is 1 everywhere, so its score is the mean of the reference's distances.
    line = found.baselines[Split.TRAIN]["line"]
    distances = [outcome.value for outcome in line.outcomes if outcome.value is not None]
    assert found.yardstick.bound == pytest.approx(math.prod(distances) ** (1 / 3))
    assert found.problem is not None
    assert found.problem.version == load_curve().version


def test_without_a_champion_the_best_program_leads(changeable: Archive) -> None:
    with changeable.reading() as connection:
        run = get_run(connection, "small")
        moments = read_subject(connection, run).moments
    best = max(one.score for one in moments if one.score is not None)
    with changeable.writing() as connection:
        connection.exec_driver_sql("UPDATE run SET champion_id = NULL")
    with changeable.reading() as connection:
        found = read_subject(connection, get_run(connection, "small"))
    assert found.leader is not None
    assert found.leader_title == "best program so far"
    assert found.leader.train is not None
    assert found.leader.validation is not None or found.leader.train == best
    set_champion(changeable, run.id, found.leader.id)
