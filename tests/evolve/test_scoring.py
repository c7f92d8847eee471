import math

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from evolve.problem import Direction, Objective, Outcome, Status
from evolve.scoring import (
    Reference,
    ScoreError,
    beats,
    choose_reference,
    gap,
    geometric_mean,
    judge,
    merits,
)

NAMES = ("a", "b", "c")
VALUE = st.floats(1e-6, 1e6)
VALUES = st.tuples(VALUE, VALUE, VALUE).map(lambda values: dict(zip(NAMES, values, strict=True)))
DIRECTION = st.sampled_from(Direction)
BASELINES = st.lists(VALUES, min_size=1, max_size=4).map(
    lambda baselines: {f"baseline {number}": values for number, values in enumerate(baselines)}
)
FAILURES = [status for status in Status if status not in (Status.OK, Status.SUSPECT)]


def _outcomes(values: dict[str, float]) -> list[Outcome]:
    return [Outcome(instance=name, value=value) for name, value in values.items()]


def _score(values: dict[str, float], baselines: dict[str, dict[str, float]], direction: Direction) -> float:
    judged = judge(_outcomes(values), len(values), choose_reference(baselines, direction))
    assert judged.status is Status.OK
    assert judged.score is not None
    return judged.score


def _merit(values: dict[str, float], direction: Direction) -> float:
    mean = sum(math.log(value) for value in values.values())
    return -mean if direction is Direction.MINIMISE else mean


@settings(deadline=None)
@given(VALUES, BASELINES, DIRECTION, st.floats(1e-6, 1e6))
def test_score_does_not_depend_on_the_unit(
    values: dict[str, float], baselines: dict[str, dict[str, float]], direction: Direction, unit: float
) -> None:
    best, *others = sorted((_merit(one, direction) for one in baselines.values()), reverse=True)
    assume(not others or best - others[0] > 1e-6)
    rescaled = {name: {at: unit * value for at, value in one.items()} for name, one in baselines.items()}
    score = _score(values, baselines, direction)
    again = _score({at: unit * value for at, value in values.items()}, rescaled, direction)
    assert again == pytest.approx(score, rel=1e-9)


@settings(deadline=None)
@given(VALUES, BASELINES)
def test_minimising_values_is_maximising_their_inverses(
    values: dict[str, float], baselines: dict[str, dict[str, float]]
) -> None:
    best, *others = sorted((_merit(one, Direction.MINIMISE) for one in baselines.values()), reverse=True)
    assume(not others or best - others[0] > 1e-6)
    inverse = {name: {at: 1 / value for at, value in one.items()} for name, one in baselines.items()}
    score = _score(values, baselines, Direction.MINIMISE)
    turned = _score({at: 1 / value for at, value in values.items()}, inverse, Direction.MAXIMISE)
    assert turned == pytest.approx(score, rel=1e-9)


@settings(deadline=None)
@given(BASELINES, DIRECTION)
def test_no_baseline_is_better_than_the_reference(
    baselines: dict[str, dict[str, float]], direction: Direction
) -> None:
    reference = choose_reference(baselines, direction)
    assert reference.values == baselines[reference.baseline]
    assert _score(reference.values, baselines, direction) == 1.0
    for values in baselines.values():
        assert _score(values, baselines, direction) <= 1.0 + 1e-9


def test_reference_is_the_best_by_geometric_mean_and_not_by_sum() -> None:
    baselines = {"sum": {"a": 1.0, "b": 100.0}, "ratio": {"a": 0.1, "b": 200.0}}
    assert choose_reference(baselines, Direction.MINIMISE).baseline == "ratio"
    assert choose_reference(baselines, Direction.MAXIMISE).baseline == "sum"


def test_first_of_equal_baselines_is_the_reference() -> None:
    baselines = {"first": {"a": 2.0}, "second": {"a": 2.0}}
    assert choose_reference(baselines, Direction.MINIMISE).baseline == "first"


def test_better_means_higher_in_both_directions() -> None:
    assert _score({"a": 8.0}, {"x": {"a": 10.0}}, Direction.MINIMISE) == pytest.approx(1.25)
    assert _score({"a": 12.5}, {"x": {"a": 10.0}}, Direction.MAXIMISE) == pytest.approx(1.25)


@settings(deadline=None)
@given(VALUES, st.permutations(NAMES))
def test_order_of_outcomes_changes_nothing(values: dict[str, float], order: list[str]) -> None:
    reference = Reference("x", Direction.MINIMISE, dict.fromkeys(NAMES, 3.0))
    straight = judge(_outcomes(values), 3, reference)
    shuffled = judge(_outcomes({name: values[name] for name in order}), 3, reference)
    assert (straight.status, straight.score) == (shuffled.status, shuffled.score)


@pytest.mark.parametrize("status", FAILURES)
def test_failure_leaves_no_score(status: Status) -> None:
    reference = Reference("x", Direction.MINIMISE, {"a": 1.0, "b": 1.0, "c": 1.0})
    outcomes = [
        Outcome(instance="a", value=2.0),
        Outcome(instance="b", status=status),
        Outcome(instance="c", status=Status.INVALID),
    ]
    judged = judge(outcomes, 3, reference)
    assert (judged.status, judged.score, judged.scores) == (status, None, {"a": 0.5})


def test_value_of_a_failed_outcome_counts_for_nothing() -> None:
    reference = Reference("x", Direction.MINIMISE, {"a": 1.0})
    outcome = Outcome(instance="a", status=Status.TIMEOUT, value=math.inf)
    assert judge([outcome], 1, reference).scores == {}


def test_missing_outcome_leaves_no_score() -> None:
    reference = Reference("x", Direction.MINIMISE, {"a": 1.0, "b": 1.0})
    judged = judge([Outcome(instance="a", value=1.0)], 2, reference)
    assert (judged.status, judged.score) == (Status.INFRASTRUCTURE, None)


def test_suspect_outcome_makes_the_evaluation_suspect_and_keeps_its_score() -> None:
    reference = Reference("x", Direction.MINIMISE, {"a": 1.0, "b": 1.0})
    outcomes = [
        Outcome(instance="a", status=Status.SUSPECT, value=0.25),
        Outcome(instance="b", value=1.0),
    ]
    judged = judge(outcomes, 2, reference)
    assert judged.status is Status.SUSPECT
    assert judged.score == pytest.approx(2.0)


@pytest.mark.parametrize("value", [0.0, -1.0, math.inf, -math.inf, math.nan])
def test_no_ratio_of_what_is_not_positive_and_finite(value: float) -> None:
    reference = Reference("x", Direction.MINIMISE, {"a": 1.0})
    with pytest.raises(ScoreError, match=r"^a: no ratio .* positive and finite"):
        judge([Outcome(instance="a", value=value)], 1, reference)
    with pytest.raises(ScoreError):
        choose_reference({"x": {"a": value}}, Direction.MAXIMISE)


@pytest.mark.parametrize("direction", Direction)
def test_ratio_that_no_float_can_hold_is_an_error_of_the_problem(direction: Direction) -> None:
    for value, reference in ((1e-300, 1e300), (1e300, 1e-300)):
        with pytest.raises(ScoreError, match="too far"):
            Reference("x", direction, {"a": reference}).score("a", value)


def test_nothing_to_score_against_is_an_error() -> None:
    with pytest.raises(ScoreError, match="no baseline is valid"):
        choose_reference({}, Direction.MINIMISE)


@settings(deadline=None)
@given(VALUE, DIRECTION, st.floats(1e-6, 0.5))
def test_what_beats_a_bound_is_beyond_it_and_never_rounding(
    bound: float, direction: Direction, share: float
) -> None:
    better = bound * (1 - share) if direction is Direction.MINIMISE else bound * (1 + share)
    worse = bound * (1 + share) if direction is Direction.MINIMISE else bound * (1 - share)
    assert beats(better, bound, direction)
    assert not beats(worse, bound, direction)
    assert not beats(bound, bound, direction)
    for neighbour in (math.nextafter(bound, 0.0), math.nextafter(bound, math.inf)):
        assert not beats(neighbour, bound, direction)


@pytest.mark.parametrize("unit", [1e-12, 1.0, 1e12])
def test_bound_is_as_strict_in_any_unit(unit: float) -> None:
    assert beats(0.999 * unit, unit, Direction.MINIMISE)
    assert beats(1.001 * unit, unit, Direction.MAXIMISE)


@settings(deadline=None)
@given(VALUE, st.floats(0.0, 0.9))
def test_gap_is_the_share_of_the_bound_that_is_missing(bound: float, share: float) -> None:
    assert gap(bound * (1 + share), bound, Direction.MINIMISE) == pytest.approx(share, abs=1e-9)
    assert gap(bound * (1 - share), bound, Direction.MAXIMISE) == pytest.approx(share, abs=1e-9)


def test_gap_to_a_bound_of_zero() -> None:
    assert gap(0.0, 0.0, Direction.MINIMISE) == 0.0
    assert gap(0.1, 0.0, Direction.MINIMISE) == math.inf


@settings(deadline=None)
@given(st.lists(VALUE, min_size=1, max_size=20))
def test_geometric_mean_lies_between_the_extremes(values: list[float]) -> None:
    mean = geometric_mean(values)
    assert min(values) * (1 - 1e-9) <= mean <= max(values) * (1 + 1e-9)
    assert geometric_mean(values[::-1]) == mean


OBJECTIVES = (
    Objective("makespan", "s", Direction.MINIMISE),
    Objective("cost", "USD", Direction.MINIMISE),
    Objective("cpu_seconds", "s", Direction.MINIMISE),
    Objective("reward", "1", Direction.MAXIMISE),
)


def test_merits_are_means_with_more_being_better_and_no_measured_time() -> None:
    outcomes = [
        Outcome(instance="a", value=1.0, metrics={"cost": 1.0, "reward": 5.0}, cpu_seconds=0.5),
        Outcome(instance="b", value=1.0, metrics={"cost": 4.0, "reward": 6.0}, cpu_seconds=0.7),
    ]
    assert merits(1.25, outcomes, OBJECTIVES) == (1.25, -2.5, 5.5)
    assert merits(1.25, outcomes, OBJECTIVES[:1]) == (1.25,)


@pytest.mark.parametrize("cost", [{}, {"cost": math.inf}, {"cost": math.nan}])
def test_there_are_no_merits_where_a_metric_is_missing(cost: dict[str, float]) -> None:
    outcomes = [Outcome(instance="a", metrics={"cost": 1.0}), Outcome(instance="b", metrics=cost)]
    assert merits(1.0, outcomes, OBJECTIVES[:2]) == ()
