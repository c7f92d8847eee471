import asyncio
from pathlib import Path

import pytest

from evolve.assembly import baselines_of, brief_of, operators_of, setup_of, steering_of
from evolve.config import Course, ModelSettings
from evolve.errors import UserError
from evolve.judging import Judge
from evolve.operators.base import ParentProgram
from evolve.problem import Split
from evolve.program import Program
from evolve.search.base import Place, Setup
from tests.support.searches import InProcessExecutor, load_curve, opened_search

MODEL = {"openai/gpt-test": ModelSettings()}
EDIT = {"edit": 1.0}


def test_operators_are_found_by_name() -> None:
    found = operators_of(Course(operators={"constants": 1.0, "statements": 2.0}))
    assert list(found) == ["constants", "statements"]
    assert found["constants"].name == "constants"


def test_what_a_model_makes_possible_comes_with_it() -> None:
    whole = operators_of(Course(operators=EDIT, models=MODEL))
    assert {"edit", "repair", "direction", "reflection"} <= whole.keys()
    less = Course(operators=EDIT, models=MODEL, repair=False, direction_after=0, reflect_every=0)
    assert list(operators_of(less)) == ["edit"]
    assert "repair" not in operators_of(Course(operators={"constants": 1.0}))


@pytest.mark.parametrize(
    ("course", "complaint"),
    [
        (Course(operators={"external": 1.0, "constants": 1.0}), "name it alone"),
        (Course(operators=EDIT), "needs a model; give one with --model"),
        (Course(operators={"constnats": 1.0}), "constants"),
    ],
)
def test_mistakes_in_operators_are_told(course: Course, complaint: str) -> None:
    with pytest.raises(UserError, match=complaint):
        operators_of(course)


def test_a_run_of_programs_from_outside_alone_has_no_operators_to_choose() -> None:
    outside = Course(operators={"external": 1.0})
    assert not steering_of(outside, operators_of(outside), Setup(("a" * 32,)), None).has_operators
    ours = Course(operators={"constants": 1.0})
    assert steering_of(ours, operators_of(ours), Setup(("a" * 32,)), None).has_operators


def test_strategies_hear_which_baseline_is_the_best() -> None:
    names = ("a" * 32, "b" * 32, "c" * 32)
    scores = (0.5, 1.0, 1.0)
    parents = {name: ParentProgram(name, "", score) for name, score in zip(names, scores, strict=True)}
    assert setup_of(parents) == Setup(names, Place("b" * 32, 1.0))
    assert setup_of({}) == Setup(())


def test_operators_hear_of_train_and_of_nothing_else(tmp_path: Path) -> None:
    loaded = load_curve()
    url = f"sqlite:///{tmp_path / 'evolve.db'}"
    with opened_search(
        url, InProcessExecutor(loaded), loaded, Course(operators={"constants": 1.0})
    ) as search:
        judge: Judge = search.judge
        asyncio.run(judge.prepare(Split.TRAIN))
        brief, baselines = brief_of(loaded, judge), baselines_of(loaded, judge)
    assert [one.name for one in brief.instances] == [one.name for one in loaded.instances(Split.TRAIN)]
    assert brief.reference == "line"
    assert all(one.bound == 1.0 and one.reference >= 1.0 for one in brief.instances)
    assert brief.problem == "curve"
    assert {one.baseline: one.id for one in baselines.values()} == {
        name: Program.parse(source).id for name, source in loaded.baselines.items()
    }
    scores = {one.baseline: one.score for one in baselines.values()}
    assert scores["line"] == 1.0
    assert (scores["zero"] or 0.0) < 1.0
