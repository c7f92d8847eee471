"""Programs by several objectives."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection, text

from evolve.archive.runs import get_run
from evolve.problem import Direction, Objective
from results.fronts import pareto_front, read_reached

POINTS = st.lists(st.tuples(st.integers(0, 8).map(float), st.integers(0, 8).map(float)), max_size=30)
DIRECTIONS = st.tuples(st.sampled_from(Direction), st.sampled_from(Direction))
DISTANCE = Objective("distance", "1", Direction.MINIMISE)
ANSWER = Objective("answer", "km", Direction.MAXIMISE)
CPU = Objective("cpu_seconds", "s", Direction.MINIMISE)


def beats(
    one: tuple[float, float], other: tuple[float, float], directions: tuple[Direction, Direction]
) -> bool:
    signs = [1.0 if direction is Direction.MINIMISE else -1.0 for direction in directions]
    differences = [sign * (a - b) for sign, a, b in zip(signs, one, other, strict=True)]
    return all(value <= 0 for value in differences) and any(value < 0 for value in differences)


@given(POINTS, DIRECTIONS)
def test_the_front_is_what_no_point_beats(
    points: list[tuple[float, float]], directions: tuple[Direction, Direction]
) -> None:
    front = pareto_front(points, directions)
    unbeaten = {one for one in points if not any(beats(other, one, directions) for other in points)}
    assert set(front) == unbeaten
    assert len(front) == len(unbeaten)
    firsts = [first for first, _ in front]
    assert firsts == sorted(firsts, reverse=directions[0] is Direction.MAXIMISE)


def test_values_are_means_over_train(connection: Connection) -> None:
    run = get_run(connection, "double")
    found = {one.program: one for one in read_reached(connection, run.id, [DISTANCE, ANSWER, CPU])}
    rows = connection.execute(
        text(
            "SELECT hash, value, json_extract(metrics, '$.answer') AS answer, outcome.cpu_seconds AS cpu"
            " FROM program JOIN evaluation ON program_id = program.id"
            " JOIN outcome ON evaluation_id = evaluation.id WHERE run_id = :run AND split = 'train'"
        ),
        {"run": run.id},
    ).all()
    assert set(found) == {row.hash for row in rows}
    for program, one in found.items():
        mine = [row for row in rows if row.hash == program]
        means = [
            sum(values) / 3
            for values in zip(*((row.value, row.answer, row.cpu) for row in mine), strict=True)
        ]
        assert one.values == pytest.approx(tuple(means))


def test_baselines_have_their_names_and_what_was_not_measured_is_left_out(connection: Connection) -> None:
    run = get_run(connection, "double")
    assert run.reference_id is not None
    found = read_reached(connection, run.reference_id, [DISTANCE, ANSWER])
    assert [one.baseline for one in found] == ["line", "zero"]
    assert read_reached(connection, run.id, [DISTANCE, Objective("weight", "kg", Direction.MINIMISE)]) == []
