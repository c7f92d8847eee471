import random
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evolve.randomness import stream
from evolve.search.arms import Arm, Pull
from evolve.search.bandit import HORIZON, PLACE, WINDOW, Bandit
from evolve.search.steering import Plan
from tests.evolve.search.steered import CRASHED, EDIT, PLAN, REPAIR, Fate, SteeredRun, always, scored
from tests.evolve.search.test_steering import FATES

BETTER = Pull(arm=0, score=2.0, parent_score=1.0, cost_usd=0.0)
WORSE = Pull(arm=0, score=0.5, parent_score=1.0, cost_usd=0.0)
FAILED = Pull(arm=0, score=None, parent_score=1.0, cost_usd=0.0)
World = Callable[[int, random.Random], Pull]
"""What comes of pulling an arm."""


def arms_of(*weights: float, models: Sequence[str | None] | None = None) -> tuple[Arm, ...]:
    names = models or ["lab/model"] * len(weights)
    return tuple(
        Arm(f"operator{index}", model, weight)
        for index, (weight, model) in enumerate(zip(weights, names, strict=True))
    )


def pulled(bandit: Bandit, world: World, count: int, *, seed: int = 0, lag: int = 1) -> list[int]:
    """The arms that are chosen, when each result is told `lag` choices later."""
    nature = random.Random(f"nature {seed}")
    chosen: list[int] = []
    waiting: list[Pull] = []
    arms = range(len(bandit.state()["pulls"]))
    for number in range(count):
        arm = bandit.choose(stream(seed, "choose", number), arms)
        bandit.begin(arm)
        chosen.append(arm)
        waiting.append(msgspec.structs.replace(world(arm, nature), arm=arm))
        if len(waiting) == lag:
            bandit.tell(waiting.pop(0))
    for pull in waiting:
        bandit.tell(pull)
    return chosen


def chances(*values: float, costs: Sequence[float] | None = None) -> World:
    """Arms that improve on their parents with these chances, at these prices."""

    def world(arm: int, nature: random.Random) -> Pull:
        cost = 0.0 if costs is None else costs[arm]
        pull = BETTER if nature.random() < values[arm] else WORSE
        return msgspec.structs.replace(pull, cost_usd=cost)

    return world


def share(chosen: Sequence[int], arm: int) -> float:
    return chosen.count(arm) / len(chosen)


# At first.


@given(st.lists(st.floats(0.01, 100.0), min_size=1, max_size=12), st.integers(), st.integers(1, 20))
@settings(max_examples=50, deadline=None)
def test_every_arm_is_tried_before_any_is_tried_again(weights: list[float], seed: int, lag: int) -> None:
    """Also while nothing has been told, for what is in flight counts."""
    chosen = pulled(Bandit.start(arms_of(*weights)), chances(*[0.5] * len(weights)), 30, seed=seed, lag=lag)
    assert {*chosen[: len(weights)]} == {*range(len(weights))}


def test_heavier_arms_are_tried_first() -> None:
    first = [
        pulled(Bandit.start(arms_of(1.0, 9.0)), chances(0.0, 0.0), 1, seed=seed)[0] for seed in range(500)
    ]
    assert share(first, 1) == pytest.approx(0.9, abs=0.04)


def test_weights_decide_while_nothing_has_been_told() -> None:
    chosen = pulled(Bandit.start(arms_of(6.0, 3.0, 1.0)), chances(0.0, 1.0, 1.0), 2000, lag=2000)
    assert [share(chosen, arm) for arm in range(3)] == pytest.approx([0.6, 0.3, 0.1], abs=0.04)


def test_weights_decide_less_and_less() -> None:
    chosen = pulled(Bandit.start(arms_of(99.0, 1.0)), chances(0.02, 0.3), 1000)
    assert share(chosen[:10], 0) > 0.5
    assert share(chosen[200:], 1) > 0.85


# Only comparisons of scores matter.


GRID = st.integers(-1024, 1024).map(lambda step: step / 1024)
PULLS = st.lists(
    st.builds(
        Pull,
        arm=st.integers(0, 2),
        score=st.none() | GRID,
        parent_score=st.none() | GRID,
        cost_usd=st.sampled_from([0.0, 0.125, 2.0]),
    ),
    max_size=100,
)
INCREASING: list[Callable[[float], float]] = [
    lambda score: score * 2.0**30,
    lambda score: score / 2.0**40,
    lambda score: score + 7.0,
    lambda score: score - 7.0,
    lambda score: 3.0 * score - 5.0,
    lambda score: score**3,
    lambda score: score * 2.0**60 if score > 0.5 else score,
]
"""Exact on the grid, so that equal scores stay equal."""


def choices_after(pulls: Sequence[Pull], seed: int) -> list[int]:
    bandit = Bandit.start(arms_of(1.0, 2.0, 3.0, models=["lab/a", "lab/b", None]))
    chosen = []
    for number, pull in enumerate(pulls):
        chosen.append(bandit.choose(stream(seed, "choose", number), range(3)))
        assert pull.arm is not None
        bandit.begin(pull.arm)
        bandit.tell(pull)
    return [*chosen, *(bandit.choose(stream(seed, "last", number), range(3)) for number in range(10))]


@settings(max_examples=60, deadline=None)
@given(pulls=PULLS, seed=st.integers(), transform=st.sampled_from(INCREASING))
def test_increasing_transformation_of_scores_changes_nothing(
    pulls: list[Pull], seed: int, transform: Callable[[float], float]
) -> None:
    transformed = [
        msgspec.structs.replace(
            pull,
            score=None if pull.score is None else transform(pull.score),
            parent_score=None if pull.parent_score is None else transform(pull.parent_score),
        )
        for pull in pulls
    ]
    assert choices_after(transformed, seed) == choices_after(pulls, seed)


@settings(max_examples=40, deadline=None)
@given(
    fates=FATES,
    seed=st.integers(),
    transform=st.sampled_from([(2.0**30, 0.0), (2.0**-30, 0.0), (1.0, 5.0), (1.0, -5.0), (3.0, -7.0)]),
)
def test_affine_transformation_of_scores_changes_no_choice(
    fates: list[Fate], seed: int, transform: tuple[float, float]
) -> None:
    factor, shift = transform
    plan = msgspec.structs.replace(PLAN, choice="bandit", direction_after=7, reflect_every=9)
    one = SteeredRun(plan, seed=seed, lag=4).go_on(len(fates), always(*fates))
    other = SteeredRun(plan, seed=seed, lag=4, scale=lambda score: factor * score + shift)
    assert other.go_on(len(fates), always(*fates)).choices == one.choices


@settings(max_examples=40, deadline=None)
@given(pulls=PULLS, seed=st.integers(), factor=st.sampled_from([2.0**-20, 2.0**10]))
def test_currency_means_nothing(pulls: list[Pull], seed: int, factor: float) -> None:
    """In which unit costs are told."""
    converted = [msgspec.structs.replace(pull, cost_usd=factor * pull.cost_usd) for pull in pulls]
    assert choices_after(converted, seed) == choices_after(pulls, seed)


# Gains.


def gain_of(pull: Pull, *before: float) -> float:
    bandit = Bandit.start(arms_of(1.0))
    for score in before:
        bandit.tell(Pull(arm=None, score=score, parent_score=None, cost_usd=0.0))
    bandit.begin(0)
    bandit.tell(pull)
    gain: float = bandit.state()["gains"][0]
    return gain


@pytest.mark.parametrize("pull", [FAILED, WORSE, msgspec.structs.replace(WORSE, score=1.0)])
def test_failures_and_what_is_no_better_than_its_parent_gain_nothing(pull: Pull) -> None:
    assert gain_of(pull, -1.0, 0.1) == 0.0


def test_gain_is_the_rank_among_the_latest_scores() -> None:
    assert gain_of(BETTER) == 1.0
    assert gain_of(BETTER, 0.0, 1.0, 1.5) == 1.0
    assert gain_of(BETTER, 0.0, 1.0, 3.0, 4.0) == pytest.approx(5 / 9)
    assert gain_of(BETTER, 2.0, 2.0) == pytest.approx(3 / 5)
    assert gain_of(BETTER, *[9.0] * WINDOW, *[0.0] * WINDOW) == 1.0


def test_what_no_arm_made_is_credited_to_none() -> None:
    bandit = Bandit.start(arms_of(1.0, 1.0))
    bandit.tell(Pull(arm=None, score=5.0, parent_score=1.0, cost_usd=3.0))
    state = bandit.state()
    assert state["scores"] == [5.0]
    assert (state["pulls"], state["gains"], state["costs"]) == ([0.0, 0.0],) * 3


# Learning.


@pytest.mark.parametrize("lag", [1, 12, 24])
def test_better_arm_is_found(lag: int) -> None:
    bandit = Bandit.start(arms_of(1.0, 1.0, 1.0))
    chosen = pulled(bandit, chances(0.02, 0.3, 0.05), 800, lag=lag)
    assert share(chosen[400:], 1) > 0.75


@pytest.mark.parametrize("lag", [1, 12, 24])
def test_change_is_noticed(lag: int) -> None:
    bandit = Bandit.start(arms_of(1.0, 1.0))
    before = pulled(bandit, chances(0.3, 0.02), 600, lag=lag)
    after = pulled(bandit, chances(0.02, 0.3), 600, lag=lag, seed=1)
    assert share(before[-200:], 0) > 0.75
    assert share(after[-200:], 1) > 0.75


def test_what_was_learnt_fades() -> None:
    bandit = Bandit.start(arms_of(1.0, 1.0))
    pulled(bandit, chances(0.3, 0.3), 400)
    known = sum(bandit.state()["pulls"])
    assert known == pytest.approx(HORIZON * (1 - 2.718281828**-1), rel=0.02)
    for _ in range(HORIZON):
        bandit.tell(Pull(arm=None, score=None, parent_score=None, cost_usd=0.0))
    assert sum(bandit.state()["pulls"]) == pytest.approx(known / 2.718281828, rel=0.01)


def test_no_arm_is_ever_given_up() -> None:
    chosen = pulled(Bandit.start(arms_of(1.0, 1.0, 1.0)), chances(0.5, 0.0, 0.0), 6000)
    for arm in range(3):
        positions = [place for place, one in enumerate(chosen) if one == arm]
        assert max(later - earlier for earlier, later in pairwise(positions)) < 1200


def test_without_any_gain_no_arm_is_preferred_for_good() -> None:
    chosen = Counter(pulled(Bandit.start(arms_of(1.0, 1.0, 1.0)), lambda *_: FAILED, 3000))
    assert min(chosen.values()) > 700


# Money.


def test_of_equal_arms_the_cheaper_is_preferred() -> None:
    arms = arms_of(1.0, 1.0, models=["lab/dear", "lab/cheap"])
    chosen = pulled(Bandit.start(arms), chances(0.2, 0.2, costs=[0.1, 0.01]), 1000)
    assert share(chosen[200:], 1) > 0.9


def test_dear_arm_that_is_worth_its_price_is_preferred() -> None:
    arms = arms_of(1.0, 1.0, models=["lab/dear", "lab/cheap"])
    chosen = pulled(Bandit.start(arms), chances(0.4, 0.01, costs=[0.1, 0.01]), 1500)
    assert share(chosen[700:], 0) > 0.7


def test_free_arm_that_gains_nothing_is_left() -> None:
    arms = arms_of(1.0, 1.0, models=[None, "lab/model"])
    chosen = pulled(Bandit.start(arms), chances(0.0, 0.2, costs=[0.0, 0.01]), 1500)
    assert share(chosen[700:], 1) > 0.75


def test_free_arm_is_cheaper_by_a_fixed_factor_only() -> None:
    """(1 + PLACE) / PLACE, so an arm that gains twice as much again is worth paying for."""
    factor = (1 + PLACE) / PLACE
    arms = arms_of(1.0, 1.0, models=[None, "lab/model"])
    for cost in (0.0001, 1.0):
        little = chances(0.5 / (2 * factor), 0.5, costs=[0.0, cost])
        much = chances(0.5 / (factor / 4), 0.5, costs=[0.0, cost])
        assert share(pulled(Bandit.start(arms), little, 4000)[2000:], 1) > 0.6
        assert share(pulled(Bandit.start(arms), much, 4000)[2000:], 0) > 0.9


def test_models_that_cost_nothing_are_compared_by_their_gains() -> None:
    arms = arms_of(1.0, 1.0, models=[None, "ollama/local"])
    chosen = pulled(Bandit.start(arms), chances(0.05, 0.3), 1000)
    assert share(chosen[300:], 1) > 0.8


def test_price_of_an_untold_arm_is_that_of_its_model() -> None:
    arms = arms_of(1.0, 1.0, 1.0, models=["lab/dear", "lab/dear", "lab/cheap"])
    bandit = Bandit.start(arms)
    for number in range(60):
        arm = (0, 2)[number % 2]
        bandit.begin(arm)
        pull = BETTER if number < 30 else WORSE
        bandit.tell(msgspec.structs.replace(pull, arm=arm, cost_usd=0.01 if arm else 1.0))
    bandit.begin(1)
    chosen = [bandit.choose(random.Random(seed), (1, 2)) for seed in range(1000)]
    assert share(chosen, 1) < 0.15


def test_untold_arm_without_a_model_is_known_to_be_free() -> None:
    bandit = Bandit.start(arms_of(1.0, 1.0, models=[None, "lab/model"]))
    for number in range(60):
        bandit.begin(1)
        bandit.tell(msgspec.structs.replace(BETTER if number < 20 else WORSE, arm=1, cost_usd=0.01))
    bandit.begin(0)
    chosen = [bandit.choose(random.Random(seed), range(2)) for seed in range(1000)]
    assert share(chosen, 0) > 0.8


# In flight.


def test_what_is_in_flight_counts_as_pulls() -> None:
    """Of two arms that are alike the one that has many in flight is chosen less."""
    bandit = Bandit.start(arms_of(1.0, 1.0))
    for number in range(40):
        bandit.begin(number % 2)
        bandit.tell(msgspec.structs.replace(BETTER if number < 20 else WORSE, arm=number % 2))

    def share_of_first() -> float:
        chosen = [bandit.choose(random.Random(seed), range(2)) for seed in range(1000)]
        return share(chosen, 0)

    assert share_of_first() == pytest.approx(0.5, abs=0.06)
    for _ in range(40):
        bandit.begin(0)
    assert share_of_first() < 0.35
    for _ in range(40):
        bandit.tell(msgspec.structs.replace(BETTER, arm=0))
    assert bandit.state()["flying"] == [0, 0]
    assert share_of_first() > 0.8


def test_steering_tells_of_all_that_is_in_flight() -> None:
    """Repairs are pulls of the arm whose program failed; directions and reflections are nobody's."""
    run = SteeredRun(msgspec.structs.replace(PLAN, choice="bandit"), lag=12)

    def is_nobodys(number: int) -> bool:
        choice = run.choices[number]
        if choice.operator == "repair":
            return is_nobodys(int(choice.selection.parents[0], 16))
        return choice.operator in ("direction", "reflection")

    for _ in range(300):
        run.commit(always(CRASHED, scored(0.5, 0.01), Fate("duplicate"), scored(1.5)))
        flying = sum(run.steering.state()["chooser"]["flying"])
        assert flying == sum(not is_nobodys(number) for number in run.waiting)
    assert {*run.choices} > {*run.chosen("repair")} > set()


def test_repair_is_a_pull_of_the_arm_whose_program_failed() -> None:
    plan = Plan(operators=(EDIT, REPAIR), models={"lab/model": 1.0}, choice="bandit")
    run = SteeredRun(plan, lag=1).go_on(1, always(CRASHED))
    assert run.choices[1].operator == "edit"
    run.go_on(1, always(CRASHED))
    assert run.choices[2].operator == "repair"
    run.go_on(1, always(scored(1.25, 0.5)))
    state = run.steering.state()["chooser"]
    assert state["pulls"] == [pytest.approx(2.0, abs=0.01)]
    assert state["gains"] == [1.0]
    assert state["costs"] == [0.5]


def test_repair_that_is_worse_than_the_first_parent_gains_nothing() -> None:
    plan = Plan(operators=(EDIT, REPAIR), models={"lab/model": 1.0}, choice="bandit")
    run = SteeredRun(plan, lag=1).go_on(2, always(CRASHED)).go_on(1, always(scored(0.75)))
    assert run.choices[2].operator == "repair"
    assert run.steering.state()["chooser"]["gains"] == [0.0]
