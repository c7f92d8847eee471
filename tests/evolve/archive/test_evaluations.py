import itertools
import math

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError

from evolve.archive.engine import Archive
from evolve.archive.evaluations import add_evaluation, add_program, baseline_programs, load_evaluation
from evolve.archive.models import Outcome as OutcomeRow
from evolve.archive.records import ScoredEvaluation
from evolve.problem import Outcome, Status
from evolve.texts import storable
from tests.evolve.archive.rows import INSTANCES, Search, evaluation_of, program_of, split_keys, start_search

NUMBERS = itertools.count()
FLOAT = st.floats() | st.sampled_from([0.0, 5e-324, 0.1 + 0.2, 2.0**53 + 1, math.inf, math.nan])
TEXT = st.text() | st.sampled_from(
    ["half \ud83d", "nul \0 within", "line\nline", "null", "'; DROP TABLE run;--"]
)


def _outcomes(name: str) -> st.SearchStrategy[Outcome]:
    return st.builds(
        Outcome,
        instance=st.just(name),
        status=st.sampled_from(Status),
        value=st.none() | FLOAT,
        metrics=st.dictionaries(st.text(max_size=5), FLOAT, max_size=4),
        feedback=TEXT,
        cpu_seconds=st.floats(0.0, 1e6),
        isolation=st.just("compute"),
    )


EVALUATIONS = st.builds(
    ScoredEvaluation,
    split=st.just("train"),
    status=st.sampled_from(Status),
    score=st.none() | st.floats(1e-9, 1e9),
    scores=st.dictionaries(st.sampled_from(INSTANCES["train"]), st.floats(1e-9, 1e9)),
    outcomes=st.tuples(*(_outcomes(name) for name in INSTANCES["train"])),
)


def _as_stored(outcome: Outcome) -> Outcome:
    return msgspec.structs.replace(
        outcome,
        value=outcome.value if outcome.value is not None and math.isfinite(outcome.value) else None,
        metrics={name: value for name, value in outcome.metrics.items() if math.isfinite(value)},
        feedback=storable(outcome.feedback),
    )


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(evaluation=EVALUATIONS)
def test_what_was_stored_is_what_is_loaded(
    archive: Archive, search: Search, evaluation: ScoredEvaluation
) -> None:
    keys = split_keys(archive, search, "train")
    with archive.writing() as connection:
        key = add_program(connection, search.run.id, program_of(next(NUMBERS)))
        add_evaluation(connection, key, evaluation, keys)
    with archive.reading() as connection:
        loaded = load_evaluation(connection, key, "train")
    assert loaded is not None
    assert loaded.outcomes == tuple(_as_stored(outcome) for outcome in evaluation.outcomes)
    assert (loaded.status, loaded.score) == (evaluation.status, evaluation.score)
    assert loaded.scores == {
        name: evaluation.scores[name] for name in INSTANCES["train"] if name in evaluation.scores
    }
    assert loaded.cpu_seconds == pytest.approx(evaluation.cpu_seconds)
    assert loaded.isolation == "compute"


@settings(deadline=None)
@given(st.text(st.characters()))
def test_storable_text_is_the_same_but_for_what_databases_refuse(value: str) -> None:
    stored = storable(value)
    assert stored.encode() is not None
    assert "\0" not in stored
    if "\0" not in value and not any("\ud800" <= character <= "\udfff" for character in value):
        assert stored == value


def test_outcomes_are_loaded_in_the_order_of_the_split(archive: Archive) -> None:
    search = start_search(archive)
    keys = split_keys(archive, search, "train")
    evaluation = evaluation_of(1.5)
    turned = msgspec.structs.replace(evaluation, outcomes=evaluation.outcomes[::-1])
    with archive.writing() as connection:
        key = add_program(connection, search.run.id, program_of(0))
        add_evaluation(connection, key, turned, keys)
        assert load_evaluation(connection, key, "train") == evaluation
        assert load_evaluation(connection, key, "test") is None


def test_what_is_missing_is_null_to_sql(archive: Archive) -> None:
    search = start_search(archive)
    with archive.writing() as connection:
        for number, score in enumerate((None, 1.0)):
            key = add_program(connection, search.run.id, program_of(number))
            evaluation = evaluation_of(score, status=Status.OK if score else Status.TIMEOUT)
            add_evaluation(connection, key, evaluation, split_keys(archive, search, "train"))
    with archive.reading() as connection:
        failed = text(
            "SELECT count(*) FROM outcome"
            " WHERE value IS NULL AND score IS NULL AND metrics IS NULL AND feedback IS NOT NULL"
        )
        fine = text(
            "SELECT count(*) FROM outcome WHERE metrics IS NOT NULL AND feedback IS NULL AND value > 0"
        )
        assert connection.scalar(failed) == 2
        assert connection.scalar(fine) == 2


def test_metrics_can_be_read_by_sql(archive: Archive) -> None:
    search = start_search(archive)
    outcome = Outcome(instance="a", value=1.0, metrics={"steps": 3.0, "waste": math.inf, "odd": math.nan})
    evaluation = ScoredEvaluation("train", Status.OK, 1.0, {"a": 1.0}, (outcome,))
    with archive.writing() as connection:
        key = add_program(connection, search.run.id, program_of(0))
        add_evaluation(connection, key, evaluation, split_keys(archive, search, "train"))
        assert connection.scalar(select(OutcomeRow.metrics["steps"].as_float())) == 3.0
        assert connection.scalar(select(OutcomeRow.metrics)) == {"steps": 3.0}


def test_program_has_one_evaluation_on_a_split(archive: Archive) -> None:
    search = start_search(archive)
    keys = split_keys(archive, search, "train")
    with archive.writing() as connection:
        key = add_program(connection, search.run.id, program_of(0))
        add_evaluation(connection, key, evaluation_of(1.0), keys)
    with pytest.raises(IntegrityError), archive.writing() as connection:
        add_evaluation(connection, key, evaluation_of(2.0), keys)
    with archive.reading() as connection:
        assert load_evaluation(connection, key, "train") == evaluation_of(1.0)


def test_baselines_are_found_in_the_order_in_which_they_were_added(archive: Archive) -> None:
    search = start_search(archive)
    with archive.writing() as connection:
        for number, name in enumerate(("SPT", "FDD/MWKR", "première")):
            add_program(connection, search.run.id, program_of(number), baseline=name)
        add_program(connection, search.run.id, program_of(3))
        found = baseline_programs(connection, search.run.id)
    assert list(found) == ["SPT", "FDD/MWKR", "première"]
    assert sorted(found.values()) == list(found.values())
