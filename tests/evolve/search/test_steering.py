import itertools
import json
import random
from collections import Counter
from collections.abc import Mapping
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evolve.config import CHOICES
from evolve.errors import UserError
from evolve.operators.base import Role
from evolve.search.base import Place, Result, Selection, Setup, Strategy
from evolve.search.best_of_n import BestOfN
from evolve.search.islands import Islands
from evolve.search.packing import unpack_members
from evolve.search.steering import (
    ADOPTED_AFTER,
    CHOOSERS,
    ELITES,
    MISSES,
    OUTSIDE_SPREAD,
    REFINED_SHARE,
    REPAIRS_WAITING,
    Choice,
    Plan,
    PlannedOperator,
    Steering,
)
from tests.evolve.search.steered import (
    BASELINES,
    CONSTANTS,
    CRASHED,
    CROSSOVER,
    DIRECTION,
    EDIT,
    MODELS,
    PLAN,
    REFLECTION,
    REPAIR,
    REWRITE,
    SETUP,
    TUNING,
    Fate,
    SteeredRun,
    always,
    scored,
)

FATES = st.lists(
    st.one_of(
        st.builds(
            scored, st.integers(512, 2048).map(lambda step: step / 1024), st.sampled_from([0.0, 0.01, 3.0])
        ),
        st.builds(
            Fate,
            st.sampled_from(["crashed", "timeout", "invalid", "stopped", "rejected", "duplicate", "suspect"]),
        ),
    ),
    min_size=1,
    max_size=80,
)
WORSE = always(scored(0.5))
"""Valid programs that never become the best."""


def planned(*operators: PlannedOperator, **fields: Any) -> Plan:
    return Plan(operators=operators, models=MODELS, strong_model="lab/strong", **fields)


DESIGN = BASELINES[1]
AHEAD = Setup(BASELINES, Place(DESIGN, 2.0))
OFFLINE = planned(CONSTANTS, TUNING)


# What is chosen every day.


@pytest.mark.parametrize("choice", CHOICES)
def test_every_choice_that_can_be_configured_exists(choice: str) -> None:
    assert choice in CHOOSERS
    SteeredRun(msgspec.structs.replace(PLAN, choice=choice)).go_on(10, WORSE)


def test_unknown_choice_is_told() -> None:
    with pytest.raises(UserError, match="unknown choice 'weight'; did you mean 'weights'"):
        Steering.start(Islands, SETUP, msgspec.structs.replace(PLAN, choice="weight"))


def test_operator_without_the_model_it_needs_is_told() -> None:
    with pytest.raises(UserError, match="'edit' needs a model"):
        Steering.start(Islands, SETUP, Plan(operators=(CONSTANTS, EDIT)))


def test_operators_and_models_share_by_weight() -> None:
    run = SteeredRun(planned(EDIT, REWRITE, CONSTANTS)).go_on(4000, WORSE)
    shares = Counter((one.operator, one.model) for one in run.choices.values())
    expected = {
        ("edit", "lab/cheap"): 3 / 7,
        ("edit", "lab/other"): 1 / 7,
        ("rewrite", "lab/cheap"): 1.5 / 7,
        ("rewrite", "lab/other"): 0.5 / 7,
        ("constants", None): 1 / 7,
    }
    assert {*shares} == {*expected}
    for arm, share in expected.items():
        assert shares[arm] / len(run.choices) == pytest.approx(share, abs=0.03)


@pytest.mark.parametrize("choice", CHOICES)
def test_order_of_operators_and_models_means_nothing(choice: str) -> None:
    """It is no part of a run's fingerprint, so it must not change the run."""
    plan = msgspec.structs.replace(PLAN, choice=choice)
    turned = msgspec.structs.replace(
        plan, operators=tuple(reversed(plan.operators)), models=dict(reversed(MODELS.items()))
    )
    course = always(scored(0.5, 0.1), CRASHED, scored(0.7))
    one, other = (SteeredRun(each).go_on(200, course) for each in (plan, turned))
    assert one.choices == other.choices
    assert one.state() == other.state()


def test_only_model_does_everything() -> None:
    plan = Plan(operators=(EDIT, DIRECTION), strong_model="lab/only", direction_after=10)
    run = SteeredRun(plan).go_on(100, WORSE)
    assert {(one.operator, one.model) for one in run.choices.values()} == {
        ("edit", "lab/only"),
        ("direction", "lab/only"),
    }


def test_without_a_strong_model_all_are_drawn_by_weight() -> None:
    plan = Plan(operators=(CONSTANTS, REFLECTION), models=MODELS, reflect_every=1)
    run = SteeredRun(plan).go_on(3000, WORSE)
    drawn = Counter(run.choices[number].model for number in run.chosen("reflection"))
    assert len(run.chosen("reflection")) == pytest.approx(3000, abs=5)
    for model, weight in MODELS.items():
        assert drawn[model] / 3000 == pytest.approx(weight / 5, abs=0.04)


def test_run_of_outside_programs_alone() -> None:
    steering = Steering.start(Islands, SETUP, Plan())
    assert not steering.has_operators
    seed = Result(
        number=0, selection=Selection(()), operator="seed", program="0" * 32, score=1.0, scores=(1.0,)
    )
    steering.tell(seed)
    assert steering.outside(random.Random(1)).parents == ("0" * 32,)


# Crossover.


def test_crossover_has_two_parents() -> None:
    run = SteeredRun(planned(CROSSOVER)).go_on(300, lambda number, choice: scored(1.0 + number / 1000))
    for choice in run.choices.values():
        first, second = choice.selection.parents
        assert first != second
        assert second in run.scores or second in BASELINES
        assert second not in choice.selection.inspirations


def test_second_parents_come_from_all_niches() -> None:
    run = SteeredRun(planned(CROSSOVER)).go_on(300, lambda number, choice: scored(1.0 + number / 1000))
    islands = {f"{number:032x}": choice.selection.context["island"] for number, choice in run.choices.items()}
    late = [run.choices[number].selection for number in range(100, 300)]
    foreign = [
        one for one in late if islands.get(one.parents[1], one.context["island"]) != one.context["island"]
    ]
    assert len(foreign) > len(late) / 4


@pytest.mark.parametrize("operators", [(CROSSOVER, CONSTANTS), (CROSSOVER,)])
def test_crossover_with_nobody_to_cross_with(operators: tuple[PlannedOperator, ...]) -> None:
    """Only the seed program is there at first: others are chosen, or else it has one parent."""
    setup = msgspec.structs.replace(SETUP, baselines=())
    steering = Steering.start(BestOfN, setup, planned(*operators))
    seed = Result(
        number=0, selection=Selection(()), operator="seed", program="0" * 32, score=1.0, scores=(1.0,)
    )
    steering.tell(seed)
    choices = [steering.select(number, random.Random(number)) for number in range(1, 50)]
    assert {one.operator for one in choices} == {operators[-1].name}
    assert {one.selection.parents for one in choices} == {("0" * 32,)}


# Refinement.


def test_refinement_stays_with_the_best_program_of_the_moment_for_longer_and_longer_turns() -> None:
    """Every program is better than all before it."""
    run = SteeredRun(planned(TUNING)).go_on(600, lambda number, choice: scored(1.0 + number))
    parents = [(number, choice.selection.parents[0]) for number, choice in sorted(run.choices.items())]
    turns = Counter(program for _, program in parents).most_common(4)
    lengths = sorted(count for _, count in turns)
    assert lengths == pytest.approx([32, 64, 128, 240], rel=0.2)
    firsts = {program: next(number for number, one in parents if one == program) for program, _ in turns}
    for program, first in firsts.items():
        assert int(program, 16) == pytest.approx(max(0, first - run.lag - 1), abs=2), "it was the best of all"
    assert sum(lengths) / len(parents) < REFINED_SHARE + 0.05


def test_a_turn_goes_on_after_a_restart() -> None:
    def course(number: int, choice: Choice) -> Fate:
        return scored(1.0 + number)

    through, broken = SteeredRun(planned(TUNING)), SteeredRun(planned(TUNING))
    through.go_on(300, course)
    broken.go_on(150, course).restart()
    broken.go_on(150, course)
    assert broken.choices == through.choices


def design_turns(run: SteeredRun) -> list[int]:
    return [number for number, choice in sorted(run.choices.items()) if choice.selection.parents == (DESIGN,)]


def test_every_third_turn_is_for_the_best_baseline() -> None:
    run = SteeredRun(planned(TUNING), setup=AHEAD).go_on(900, lambda number, choice: scored(3.0 + number))
    found = design_turns(run)
    assert len(found) == 128, "the third turn; the sixth has not begun"
    assert found[-1] - found[0] < 1.2 * 128 / REFINED_SHARE


def test_a_baseline_about_which_nothing_can_be_refined_has_no_turns_any_more() -> None:
    def course(number: int, choice: Choice) -> Fate:
        return Fate("no_proposal") if choice.selection.parents == (DESIGN,) else scored(3.0 + number)

    run = SteeredRun(planned(TUNING), setup=AHEAD).go_on(1500, course)
    assert MISSES <= len(design_turns(run)) <= run.lag + MISSES


def test_a_draw_that_is_not_new_ends_no_turn() -> None:
    """Every third proposal for the best baseline comes to nothing."""

    def course(number: int, choice: Choice) -> Fate:
        missed = choice.selection.parents == (DESIGN,) and number % 3 == 0
        return Fate("no_proposal") if missed else scored(3.0 + number)

    assert len(design_turns(SteeredRun(planned(TUNING), setup=AHEAD).go_on(900, course))) == 128


def test_that_another_operator_has_nothing_to_propose_ends_no_turn() -> None:
    def course(number: int, choice: Choice) -> Fate:
        return scored(3.0 + number) if choice.operator == "tuning" else Fate("no_proposal")

    plan = planned(TUNING, msgspec.structs.replace(CONSTANTS, weight=0.2))
    assert len(design_turns(SteeredRun(plan, setup=AHEAD).go_on(900, course))) > 100


def test_refinement_leaves_best_of_n_what_it_is() -> None:
    run = SteeredRun(planned(TUNING), kind=BestOfN).go_on(100, lambda number, choice: scored(1.0 + number))
    assert {choice.selection.parents for choice in run.choices.values()} == {("0" * 32,)}


# Repair.


def failing_first(number: int, choice: Choice) -> Fate:
    """What models write crashes, what is repaired is valid, and so is the rest."""
    return scored(0.5) if choice.operator == "repair" or choice.model is None else CRASHED


@pytest.mark.parametrize("status", ["invalid", "crashed", "timeout", "out_of_memory", "output_limit"])
def test_failed_program_goes_back_to_its_model_once(status: str) -> None:
    run = SteeredRun(planned(EDIT, REPAIR))
    run.go_on(40, lambda number, choice: Fate(status))
    repaired = [run.choices[number].selection.parents for number in run.chosen("repair")]
    assert len({*repaired}) == len(repaired) > 15
    for number in run.chosen("repair"):
        choice = run.choices[number]
        failed = run.choices[int(choice.selection.parents[0], 16)]
        assert failed.operator == "edit", "a repair was repaired"
        assert choice.model == failed.model
        assert choice.selection.context == failed.selection.context
        assert choice.selection.inspirations == failed.selection.parents


@pytest.mark.parametrize(
    "status", ["ok", "suspect", "stopped", "rejected", "duplicate", "no_proposal", "note"]
)
def test_nothing_else_is_repaired(status: str) -> None:
    run = SteeredRun(planned(EDIT, REPAIR)).go_on(40, always(Fate(status)))
    assert not run.chosen("repair")


def test_failures_without_a_model_are_not_repaired() -> None:
    assert not SteeredRun(planned(CONSTANTS, REPAIR)).go_on(40, always(CRASHED)).chosen("repair")


def test_failures_from_outside_are_not_repaired() -> None:
    run = SteeredRun(planned(EDIT, REPAIR)).go_on(1, WORSE)
    outside = Result(
        number=4,
        selection=run.steering.outside(random.Random(0)),
        operator="external",
        program="e" * 32,
        status="crashed",
    )
    run.go_on(3, WORSE)
    run.steering.tell(outside)
    assert run.steering.select(8, random.Random(0)).operator == "edit"


def test_without_an_operator_for_it_nothing_is_repaired() -> None:
    run = SteeredRun(planned(EDIT)).go_on(40, always(CRASHED))
    assert {one.operator for one in run.choices.values()} == {"edit"}


def test_the_latest_failures_wait_for_repair() -> None:
    run = SteeredRun(planned(EDIT, REPAIR), lag=12).go_on(1, WORSE)
    for number in range(1, 1 + REPAIRS_WAITING + 3):
        selection = run.choices[number].selection
        run.steering.tell(
            Result(
                number=number,
                selection=selection,
                operator="edit",
                model=run.choices[number].model,
                program=f"{number:032x}",
                status="timeout",
            )
        )
    choices = [run.steering.select(number, random.Random(0)) for number in range(13, 20)]
    repaired = [int(one.selection.parents[0], 16) for one in choices if one.operator == "repair"]
    assert repaired == list(range(4, 4 + REPAIRS_WAITING))


def test_repaired_program_takes_the_place_of_the_failed_one() -> None:
    run = SteeredRun(planned(EDIT, REPAIR))
    run.go_on(60, lambda number, choice: scored(5.0 + number) if choice.operator == "repair" else CRASHED)
    islands = map(unpack_members, run.steering.state()["strategy"]["islands"])
    for island, members in enumerate(islands):
        repaired = [int(one.program, 16) for one in members if int(one.program, 16) > 0]
        assert repaired
        assert {run.choices[number].selection.context["island"] for number in repaired} == {island}


# New directions.


def test_direction_after_so_many_commits_without_a_better_program() -> None:
    run = SteeredRun(planned(CONSTANTS, DIRECTION, direction_after=20)).go_on(20, WORSE)
    assert not run.chosen("direction")
    run.go_on(1, WORSE)
    assert run.chosen("direction") == [20 + run.lag]
    direction = run.choices[20 + run.lag]
    assert direction.model == "lab/strong"
    assert direction.selection.parents == ("0" * 32,)


def test_better_programs_put_directions_off() -> None:
    rising = always(scored(0.5), scored(0.5))
    run = SteeredRun(planned(CONSTANTS, DIRECTION, direction_after=20))
    run.go_on(
        200, lambda number, choice: scored(1.0 + number) if number % 10 == 0 else rising(number, choice)
    )
    assert not run.chosen("direction")


def test_patience_grows_while_directions_bring_nothing() -> None:
    run = SteeredRun(planned(CONSTANTS, DIRECTION, direction_after=10)).go_on(400, WORSE)
    numbers = run.chosen("direction")
    waits = [later - earlier for earlier, later in zip([run.lag, *numbers], numbers, strict=False)]
    assert waits == [10, 20, 40, 80, 80, 80, 80]


def test_better_program_ends_the_row_of_fruitless_directions() -> None:
    run = SteeredRun(planned(CONSTANTS, DIRECTION, direction_after=10))
    run.go_on(200, lambda number, choice: scored(2.0) if number == 100 else scored(0.5))
    assert [number for number in run.chosen("direction") if number > 100 + run.lag] == [113, 133, 173]


def test_direction_starts_from_the_best_of_several_niches() -> None:
    run = SteeredRun(planned(CONSTANTS, DIRECTION, direction_after=20))
    run.go_on(4, lambda number, choice: scored(1.0 + number)).go_on(30, WORSE)
    selection = run.choices[run.chosen("direction")[0]].selection
    assert [int(one, 16) for one in selection.parents] == [3, 2, 1]
    assert not {*selection.parents} & {*selection.inspirations}
    assert selection.context == {"island": run.chosen("direction")[0] % 3}


class ManyNiches(BestOfN):
    """Says that it has more niches than a prompt can hold."""

    def elites(self) -> tuple[str, ...]:
        return tuple(f"{number:032x}" for number in range(20))


def test_parents_of_a_direction_are_few() -> None:
    run = SteeredRun(planned(CONSTANTS, DIRECTION, direction_after=5), kind=ManyNiches).go_on(10, WORSE)
    direction = run.choices[run.chosen("direction")[0]]
    assert len(direction.selection.parents) == ELITES


def test_direction_without_any_valid_program_starts_from_a_baseline() -> None:
    steering = Steering.start(Islands, SETUP, planned(CONSTANTS, DIRECTION, direction_after=1))
    steering.tell(
        Result(number=0, selection=Selection(()), operator="seed", program="0" * 32, status="crashed")
    )
    choice = steering.select(1, random.Random(0))
    assert choice.operator == "direction"
    assert choice.selection.parents[0] in BASELINES


def test_failed_direction_is_repaired_by_the_strong_model() -> None:
    run = SteeredRun(planned(CONSTANTS, DIRECTION, REPAIR, direction_after=10))
    run.go_on(40, lambda number, choice: CRASHED if choice.operator == "direction" else scored(0.5))
    repair = run.choices[run.chosen("repair")[0]]
    assert repair.selection.parents == (f"{run.chosen('direction')[0]:032x}",)
    assert repair.model == "lab/strong"


# Reflection.


def test_reflection_every_so_many_commits() -> None:
    run = SteeredRun(planned(CONSTANTS, REFLECTION, reflect_every=15)).go_on(100, WORSE)
    lag = run.lag
    assert run.chosen("reflection") == [14 + lag, 29 + lag, 44 + lag, 59 + lag, 74 + lag, 89 + lag]
    reflection = run.choices[14 + lag]
    assert reflection.model == "lab/strong"
    assert reflection.selection.parents == ("0" * 32,)


@pytest.mark.parametrize("operator", [DIRECTION, REFLECTION])
def test_never(operator: PlannedOperator) -> None:
    run = SteeredRun(planned(CONSTANTS, operator)).go_on(300, WORSE)
    assert not run.chosen(operator.name)


@pytest.mark.parametrize("operator", [DIRECTION, REFLECTION, REPAIR])
def test_no_occasions_without_the_model_for_them(operator: PlannedOperator) -> None:
    plan = Plan(operators=(CONSTANTS, operator), direction_after=5, reflect_every=5)
    run = SteeredRun(plan).go_on(100, always(CRASHED))
    assert not run.chosen(operator.name)


def test_operators_of_plug_ins_may_have_occasions_without_a_model() -> None:
    restart = PlannedOperator(name="restart", role=Role.DIRECTION)
    run = SteeredRun(Plan(operators=(CONSTANTS, restart), direction_after=5)).go_on(20, WORSE)
    assert run.choices[run.chosen("restart")[0]].model is None


def test_operators_of_one_role_share_its_occasions() -> None:
    other = PlannedOperator(name="memo", role=Role.REFLECTION, needs_model=True, weight=3.0)
    run = SteeredRun(planned(CONSTANTS, REFLECTION, other, reflect_every=2)).go_on(2000, WORSE)
    share = len(run.chosen("memo")) / (len(run.chosen("memo")) + len(run.chosen("reflection")))
    assert share == pytest.approx(0.75, abs=0.05)


# Outside.


def test_outside_changes_nothing() -> None:
    run = SteeredRun().go_on(50, WORSE)
    before = run.state()
    seen = {run.steering.outside(random.Random(number)).context["island"] for number in range(30)}
    assert run.state() == before
    assert seen == {0, 1, 2}


class TurnTaker(BestOfN):
    """Notes which numbers it is asked for, as a strategy may that takes turns in another way."""

    def ask(self, number: int, random: random.Random) -> Selection:
        self._champion = f"asked for {number}"
        return Selection((self._champion,))


def test_outside_is_asked_for_on_a_copy_and_for_one_of_the_next_numbers() -> None:
    run = SteeredRun(planned(CONSTANTS), kind=TurnTaker, lag=3).go_on(10, WORSE)
    before = run.state()
    asked = {run.steering.outside(random.Random(seed)).parents[0] for seed in range(2000)}
    assert run.state() == before
    assert asked == {f"asked for {number}" for number in range(13, 13 + OUTSIDE_SPREAD)}
    run.steering.tell(Result(number=500, selection=Selection(()), operator="external", status="rejected"))
    asked = {run.steering.outside(random.Random(seed)).parents[0] for seed in range(2000)}
    assert asked == {f"asked for {number}" for number in range(501, 501 + OUTSIDE_SPREAD)}


def test_outside_results_belong_to_no_arm_but_count_as_commits() -> None:
    run = SteeredRun(planned(CONSTANTS, DIRECTION, direction_after=8, choice="bandit")).go_on(1, WORSE)
    for number in range(4, 11):
        run.steering.tell(
            Result(number=number, selection=Selection(BASELINES[:1]), operator="constants", status="rejected")
        )
    assert run.steering.state()["chooser"]["flying"] == [3]
    assert run.steering.select(20, random.Random(0)).operator == "constants"
    run.steering.tell(Result(number=11, selection=Selection(BASELINES[:1]), operator="external"))
    assert run.steering.select(21, random.Random(0)).operator == "direction"


# State.


@settings(max_examples=40, deadline=None)
@given(
    fates=FATES, seed=st.integers(), choice=st.sampled_from(CHOICES), lag=st.integers(1, 12), data=st.data()
)
@pytest.mark.parametrize("kind", [Islands, BestOfN])
def test_restored_steering_goes_on_as_it_would_have(
    kind: type[Strategy], fates: list[Fate], seed: int, choice: str, lag: int, data: st.DataObject
) -> None:
    plan = msgspec.structs.replace(PLAN, choice=choice, direction_after=7, reflect_every=9)
    straight, stopped = (SteeredRun(plan, seed=seed, lag=lag, kind=kind) for _ in range(2))
    cuts = data.draw(st.sets(st.integers(1, len(fates)), max_size=3))
    for count in range(len(fates)):
        for run in (straight, stopped):
            run.commit(always(*fates))
        if count + 1 in cuts:
            stopped.restart()
        assert stopped.choices == straight.choices
        assert stopped.verdicts == straight.verdicts
        assert stopped.state() == straight.state()


@pytest.mark.parametrize("choice", CHOICES)
def test_state_stays_bounded(choice: str) -> None:
    run = SteeredRun(msgspec.structs.replace(PLAN, choice=choice), lag=24)
    sizes = []
    for number in range(2000):
        run.commit(always(scored(0.5 + number / 1e6, 0.01), CRASHED, scored(1 / 3, 2.0)))
        if number % 20 == 19:
            state = run.steering.state()
            sizes.append(len(json.dumps([state["chooser"], state["steering"]])))
    assert max(sizes[50:]) <= 1.1 * max(sizes[:50])
    assert max(sizes) <= 16_384


@pytest.mark.parametrize("choice", CHOICES)
def test_stored_state_does_not_change_later(choice: str) -> None:
    run = SteeredRun(msgspec.structs.replace(PLAN, choice=choice)).go_on(30, always(CRASHED, scored(0.5)))
    state: Mapping[str, Any] = run.steering.state()
    before = json.dumps(state)
    run.go_on(50, always(scored(2.0, 0.1), CRASHED))
    assert json.dumps(state) == before


def test_whatever_happens_all_parents_are_known() -> None:
    fates = always(scored(0.5), CRASHED, scored(1.5), Fate("duplicate"), Fate("stopped"), scored(0.25))
    run = SteeredRun(lag=12).go_on(500, fates)
    for number, choice in run.choices.items():
        known = {*BASELINES, *(one for one in run.scores if int(one, 16) <= max(0, number - run.lag))}
        assert {*choice.selection.parents, *choice.selection.inspirations} <= known
        assert choice.selection.parents
        if choice.operator != "repair":
            assert len({*choice.selection.parents}) == len(choice.selection.parents)
        if choice.operator in ("direction", "reflection", "crossover"):
            assert not {*choice.selection.parents} & {*choice.selection.inspirations}
    assert {one.operator for one in run.choices.values()} == {one.name for one in PLAN.operators}


# A published design is adopted.


def adoptions(run: SteeredRun) -> list[int]:
    return [number for number, choice in run.choices.items() if choice.selection.parents == (DESIGN,)]


def test_a_search_that_is_stuck_below_the_best_baseline_goes_on_from_there() -> None:
    run = SteeredRun(OFFLINE, setup=AHEAD).go_on(4 * ADOPTED_AFTER, WORSE)
    found = adoptions(run)
    assert len(found) == 3 or len(found) == 4
    assert min(found) >= ADOPTED_AFTER
    assert all(later - sooner >= ADOPTED_AFTER for sooner, later in itertools.pairwise(found))
    assert {run.choices[number].operator for number in found} <= {"constants", "tuning"}


def test_one_that_gets_better_by_itself_is_left_alone() -> None:
    better = SteeredRun(OFFLINE, setup=AHEAD).go_on(100, lambda number, _: scored(1.0 + number / 200))
    assert adoptions(better) == []


@pytest.mark.parametrize("score", [2.0, 2.5])
def test_one_that_is_as_good_is_left_alone(score: float) -> None:
    assert adoptions(SteeredRun(OFFLINE, setup=AHEAD).go_on(100, always(scored(score)))) == []


def test_where_no_population_is_kept_or_no_baseline_has_a_score_nothing_is_adopted() -> None:
    assert adoptions(SteeredRun(OFFLINE, setup=AHEAD, kind=BestOfN).go_on(100, WORSE)) == []
    assert adoptions(SteeredRun(OFFLINE).go_on(100, WORSE)) == []


def test_what_came_of_an_adoption_is_told_like_anything_else() -> None:
    def course(_: int, choice: Choice) -> Fate:
        return scored(1.9 if choice.selection.parents == (DESIGN,) else 0.5)

    run = SteeredRun(OFFLINE, setup=AHEAD).go_on(2 * ADOPTED_AFTER, course)
    (first, *_) = adoptions(run)
    assert any(
        run.choices[later].selection.parents == (f"{first:032x}",) for later in range(first, len(run.told))
    )
