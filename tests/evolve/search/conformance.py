"""What every strategy has to keep, as tests that the author of a strategy can run on it.

    @pytest.mark.parametrize("kind", [MyStrategy])
    class TestMyStrategy(StrategyConformance):
        pass

The tests drive a strategy as the controller does: proposal n is selected once proposal n - lag has been told,
and what a selection holds goes through JSON before the strategy sees it again.
"""

import json
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evolve.randomness import stream
from evolve.search.base import Meaning, Result, Selection, Setup, Strategy, Verdict

BASELINES = ("b" * 32, "c" * 32)
SETUP = Setup(baselines=BASELINES)
OPERATOR = "anything"
"""What made the programs is not the strategy's business."""
LAG = 5
LARGEST_STATE = 32 * 2**10
"""Characters that a state may have: it is stored with every commit."""


class Fate(msgspec.Struct, frozen=True):
    """What becomes of a proposal: nothing new, a program that failed, or one with `scores`."""

    new: bool = True
    scores: tuple[float, ...] | None = None
    size: int = 100


NOTHING = Fate(new=False)
FAILED = Fate()
_GRID = st.integers(512, 2048).map(lambda step: step / 1024)
"""Scores that stay apart, or stay equal, when they are scaled or shifted."""

FATES = st.lists(
    st.one_of(
        st.just(NOTHING),
        st.just(FAILED),
        st.builds(Fate, scores=st.tuples(_GRID, _GRID), size=st.integers(1, 5000)),
        st.builds(Fate, scores=st.sampled_from([(1.0, 1.0), (1.25, 0.75)]), size=st.integers(1, 3)),
    ),
    min_size=1,
    max_size=60,
)


def scored(value: float, size: int = 100) -> Fate:
    """A program with the same score on both instances."""
    return Fate(scores=(value, value), size=size)


class Drive:
    """A strategy with what the controller would keep for it."""

    def __init__(self, strategy: Strategy, *, seed: int = 0, setup: Setup = SETUP) -> None:
        self.strategy = strategy
        self.selections: list[Selection] = []
        self.verdicts: list[Verdict] = []
        self._seed = seed
        self._setup = setup
        self._waiting = deque([Selection(())])
        self._scores: dict[str, float] = {}

    def tell(self, fate: Fate) -> Verdict:
        """Tell what became of the next proposal, ask for what may then be selected, and check both."""
        number = len(self.verdicts)
        result = _result(number, _through_json(self._waiting.popleft()), fate)
        verdict = self.strategy.tell(result)
        self._check_verdict(result, verdict)
        self.verdicts.append(verdict)
        if result.program is not None and result.score is not None:
            self._scores[result.program] = result.score
        self._check_elites(verdict)
        self._check_populations()
        for asked in range(1, LAG + 1) if number == 0 else (number + LAG,):
            self._ask(asked)
        return verdict

    def tell_all(self, fates: Sequence[Fate]) -> "Drive":
        """Tell what became of the next proposals."""
        for fate in fates:
            self.tell(fate)
        return self

    def restored(self) -> "Drive":
        """The same drive with a strategy that was made from the stored state of this one."""
        state = json.loads(state_text(self.strategy))
        other = Drive(type(self.strategy).restore(self._setup, state), seed=self._seed, setup=self._setup)
        other.selections = list(self.selections)
        other.verdicts = list(self.verdicts)
        other._waiting = deque(self._waiting)
        other._scores = dict(self._scores)
        return other

    def _ask(self, number: int) -> None:
        selection = self.strategy.ask(number, stream(self._seed, "select", number))
        self._check_selection(selection)
        self.selections.append(selection)
        self._waiting.append(selection)

    def _check_selection(self, selection: Selection) -> None:
        assert selection.parents, "a selection needs a parent"
        strangers = {*selection.parents, *selection.inspirations} - {*self._scores, *self._setup.baselines}
        assert not strangers, "selected what is no baseline and never had a score"
        assert _through_json(selection) == selection, "the context has to be the same after JSON"

    def _check_elites(self, verdict: Verdict) -> None:
        before = state_text(self.strategy)
        elites = self.strategy.elites()
        assert state_text(self.strategy) == before, "a look at the elites changed the state"
        assert len({*elites}) == len(elites)
        assert {*elites} <= {*self._scores}, "an elite that never had a score"
        scores = [self._scores[one] for one in elites]
        assert scores == sorted(scores, reverse=True), "the best elite comes first"
        assert elites or verdict.meaning is not Meaning.ACCEPTED, "accepted, and no population has it"

    def _check_populations(self) -> None:
        before = state_text(self.strategy)
        populations = self.strategy.populations()
        assert state_text(self.strategy) == before, "a look at the populations changed the state"
        assert len({one.name for one in populations}) == len(populations), "two populations of one name"
        members = [member for one in populations for member in one.members]
        assert all(self._scores.get(one.program) == one.score for one in members), "not its score"
        for one in populations:
            scores = [member.score for member in one.members]
            assert scores == sorted(scores, reverse=True), f"the best of {one.name} comes first"
        if populations:
            homeless = {*self.strategy.elites()} - {member.program for member in members}
            assert not homeless, "an elite that is in no population"

    def _check_verdict(self, result: Result, verdict: Verdict) -> None:
        assert (verdict.meaning is Meaning.FAILED) == (result.score is None)
        assert verdict.improvement >= 0.0
        assert verdict.meaning is Meaning.ACCEPTED or verdict.improvement == 0.0


def state_text(strategy: Strategy) -> str:
    """The state of a strategy as it would be stored; NaN and infinities are no JSON."""
    return json.dumps(strategy.state(), allow_nan=False)


def seen(drive: Drive) -> tuple[list[Selection], list[Verdict], tuple[str, ...], str]:
    """All that a drive has shown of its strategy."""
    return drive.selections, drive.verdicts, drive.strategy.elites(), state_text(drive.strategy)


def _result(number: int, selection: Selection, fate: Fate) -> Result:
    if not fate.new:
        return Result(number=number, selection=selection, operator=OPERATOR, status="duplicate")
    scores = fate.scores or ()
    return Result(
        number=number,
        selection=selection,
        operator=OPERATOR,
        program=f"{number:032x}",
        status="ok" if scores else "crashed",
        score=sum(scores) / len(scores) if scores else None,
        scores=scores,
        size=fate.size,
    )


def _through_json(selection: Selection) -> Selection:
    stored: Any = json.loads(json.dumps(selection.context, allow_nan=False))
    return msgspec.structs.replace(selection, context=stored)


def _wave(number: int) -> float:
    """Scores without a trend, for many results at little cost."""
    return 1.0 + (number * 7919 % 1000) / 1000


STREAMS: dict[str, Callable[[int], Fate]] = {
    "rising": lambda number: scored(1.0 + number / 1000),
    "falling": lambda number: scored(10.0 / (1 + number)),
    "equal": lambda number: scored(1.0, size=100),
    "equal and shrinking": lambda number: scored(1.0, size=10_000 - number),
    "equal scores of different behaviour": lambda number: Fate(scores=(1 + number / 4000, 1 - number / 4000)),
    "failing children": lambda number: scored(1.0) if number == 0 else FAILED,
    "nothing new": lambda number: scored(1.0) if number == 0 else NOTHING,
    "failing": lambda number: FAILED,
    "failed seed program": lambda number: FAILED if number == 0 else scored(_wave(number)),
    "mixed": lambda number: (
        (NOTHING, FAILED, scored(_wave(number), number))[number % 3] if number else FAILED
    ),
}

_SETTINGS = settings(
    max_examples=30,
    deadline=None,
    suppress_health_check=[HealthCheck.differing_executors],  # authors inherit these tests
)


class StrategyConformance:
    """See the module. Each test is given the class of the strategy as `kind`."""

    @_SETTINGS
    @given(fates=FATES, seed=st.integers())
    def test_same_results_give_the_same_selections(
        self, kind: type[Strategy], fates: list[Fate], seed: int
    ) -> None:
        one, other = (Drive(kind.start(SETUP), seed=seed).tell_all(fates) for _ in range(2))
        assert seen(one) == seen(other)

    @_SETTINGS
    @given(fates=FATES, seed=st.integers(), data=st.data())
    def test_restored_strategy_goes_on_as_it_would_have(
        self, kind: type[Strategy], fates: list[Fate], seed: int, data: st.DataObject
    ) -> None:
        cut = data.draw(st.integers(0, len(fates)))
        straight = Drive(kind.start(SETUP), seed=seed).tell_all(fates[:cut])
        restored = straight.restored()
        assert state_text(restored.strategy) == state_text(straight.strategy)
        assert restored.strategy.populations() == straight.strategy.populations()
        for fate in fates[cut:]:
            straight.tell(fate)
            restored.tell(fate)
            assert seen(restored) == seen(straight)

    def test_restored_after_a_long_search(self, kind: type[Strategy]) -> None:
        straight = Drive(kind.start(SETUP)).tell_all([STREAMS["mixed"](number) for number in range(449)])
        restored = straight.restored()
        more = [scored(_wave(number), number) for number in range(449, 600)]
        assert seen(restored.tell_all(more)) == seen(straight.tell_all(more))

    @pytest.mark.parametrize("name", STREAMS)
    def test_any_stream_of_results(self, kind: type[Strategy], name: str) -> None:
        drive = Drive(kind.start(SETUP)).tell_all([STREAMS[name](number) for number in range(400)])
        assert len(drive.selections) == 399 + LAG

    @pytest.mark.parametrize("name", ["rising", "equal scores of different behaviour", "mixed"])
    def test_state_stays_bounded(self, kind: type[Strategy], name: str) -> None:
        drive = Drive(kind.start(SETUP))
        sizes = []
        for number in range(2000):
            drive.tell(STREAMS[name](number))
            if number % 20 == 19:
                sizes.append(len(state_text(drive.strategy)))
        assert max(sizes[50:]) <= 1.25 * max(sizes[:50])
        assert max(sizes) <= LARGEST_STATE

    def test_stored_state_does_not_change_later(self, kind: type[Strategy]) -> None:
        drive = Drive(kind.start(SETUP)).tell_all([scored(1.0), scored(1.5)])
        state = drive.strategy.state()
        before = json.dumps(state)
        drive.tell_all([scored(_wave(number)) for number in range(50)])
        assert json.dumps(state) == before

    def test_two_strategies_share_nothing(self, kind: type[Strategy]) -> None:
        fresh = state_text(kind.start(SETUP))
        Drive(kind.start(SETUP)).tell_all([scored(_wave(number)) for number in range(20)])
        assert state_text(kind.start(SETUP)) == fresh

    def test_without_a_scored_program_parents_are_baselines(self, kind: type[Strategy]) -> None:
        drive = Drive(kind.start(SETUP)).tell_all([FAILED] * 50)
        assert {parent for one in drive.selections for parent in one.parents} <= {*BASELINES}

    def test_seeds_make_different_searches(self, kind: type[Strategy]) -> None:
        fates = [scored(_wave(number)) for number in range(50)]
        one, other = (Drive(kind.start(SETUP), seed=seed).tell_all(fates) for seed in (1, 2))
        assert one.selections != other.selections

    @pytest.mark.parametrize("context", ["none", "of another proposal"])
    def test_is_told_of_proposals_that_it_was_not_asked_for(self, kind: type[Strategy], context: str) -> None:
        drive = Drive(kind.start(SETUP)).tell_all([scored(_wave(number)) for number in range(20)])
        best = 100.0
        for number in range(1000, 1020):
            known = {} if context == "none" else drive.selections[number - 1000].context
            selection = _through_json(Selection(BASELINES[:1], context=known))
            best += 1.0
            verdict = drive.strategy.tell(_result(number, selection, scored(best)))
            assert verdict.meaning is Meaning.ACCEPTED
            assert drive.strategy.elites()[0] == f"{number:032x}"

    def test_best_program_is_the_first_elite(self, kind: type[Strategy]) -> None:
        drive = Drive(kind.start(SETUP))
        assert drive.strategy.elites() == ()
        best = 0.0
        for number in range(300):
            drive.tell(scored(_wave(number)))
            if _wave(number) > best:
                best, champion = _wave(number), f"{number:032x}"
            assert drive.strategy.elites()[0] == champion
