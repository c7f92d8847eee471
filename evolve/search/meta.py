"""Meta: lets other strategies take turns, and gives the turn to what has worked.

One strategy is active and picks all parents. When no better program has come for `PATIENCE` times as long
as usual, the turn passes: the next is drawn by Thompson sampling of improvements per proposal, from Gamma
posteriors that are discounted with each result, and may be the same one again. While improvements keep
coming a strategy keeps its turn. How long is usual is a decayed mean of the waits that ended with a better
best program, so neither scores nor time have a scale here.

Every result goes to the strategy that picked its parents. The others learn of it too, without its program:
unless that is the best so far, which goes to all, so that whoever has the next turn starts from the best
there is. A program is dropped only by the rules of the strategies that have it.

How this differs from EvoX (SkyDiscover, `search/evox/`), which has a model write the next strategy, and
why. It calls a search stagnant by an absolute improvement of 0.01, and credits a strategy with its
improvement times a logarithm of the score it started from: both depend on the scale, and the second on the
sign, of scores. Here both are counts. And there a retired strategy's record is kept for the model to read;
here it decides how likely its next turn is.
"""

import random
from collections.abc import Mapping
from typing import Any, Self

import msgspec

from evolve.search.adaptive import Adaptive
from evolve.search.base import Meaning, PopulationView, Result, Selection, Setup, Strategy, Verdict
from evolve.search.greedy import Greedy
from evolve.search.islands import Islands
from evolve.search.niches import Niches
from evolve.search.pareto import Pareto

KINDS: dict[str, type[Strategy]] = {
    "adaptive": Adaptive,
    "greedy": Greedy,
    "islands": Islands,
    "niches": Niches,
    "pareto": Pareto,
}
FIRST = "islands"
"""Which has the first turn."""
PATIENCE = 3.0
"""Usual waits without a better program after which the turn passes."""
SHORTEST = 40
"""Results that a turn lasts at least."""
FIRST_WAIT = 10.0
"""What a wait is taken to be before there was any, results."""
WAIT_DECAY = 0.7
"""What a usual wait keeps of itself when another one ends."""
HORIZON = 1000.0
"""Results after which an earlier one counts for 1/e."""
EXPECTED_GAIN, EXPECTED_PULLS = 1.0, 20.0
"""What a strategy is taken to have brought, in so many proposals, before it is known."""

_KEPT = 1.0 - 1.0 / HORIZON


class _Memory(msgspec.Struct):
    """The state, beside the strategies'."""

    active: str = FIRST
    due: bool = False
    """Whether the turn passes with the next proposal."""
    turn: int = 0
    """Results told since it passed."""
    best: float | None = None
    waited: float = 0.0
    usual: float = FIRST_WAIT
    pulls: dict[str, float] = {}
    gains: dict[str, float] = {}
    """Better programs that came of a strategy's proposals, discounted."""


class Meta:
    """See the module."""

    def __init__(self, strategies: Mapping[str, Strategy], memory: _Memory) -> None:
        self._strategies = dict(strategies)
        self._memory = memory

    @classmethod
    def start(cls, setup: Setup) -> Self:
        """All strategies at their start."""
        return cls({name: kind.start(setup) for name, kind in KINDS.items()}, _Memory())

    @classmethod
    def restore(cls, setup: Setup, state: Mapping[str, Any]) -> Self:
        """The strategy whose `state` this was."""
        strategies = {name: kind.restore(setup, state["strategies"][name]) for name, kind in KINDS.items()}
        return cls(strategies, msgspec.convert(state["meta"], _Memory))

    def state(self) -> dict[str, Any]:
        """The states of all strategies, whose turn it is, and what they have brought."""
        strategies = {name: one.state() for name, one in self._strategies.items()}
        return {"strategies": strategies, "meta": msgspec.to_builtins(self._memory)}

    def ask(self, number: int, random: random.Random) -> Selection:
        """What the strategy whose turn it is selects."""
        memory = self._memory
        if memory.due:
            memory.active = self._next(random)
            memory.due = False
            memory.turn = 0
        selection = self._strategies[memory.active].ask(number, random)
        context = {"strategy": memory.active, "own": selection.context}
        return msgspec.structs.replace(selection, context=context)

    def tell(self, result: Result) -> Verdict:
        """Pass a result on, and decide whether the turn passes."""
        memory = self._memory
        author = result.selection.context.get("strategy", memory.active)
        better = result.score is not None and (memory.best is None or result.score > memory.best)
        improvement = 0.0 if not better or memory.best is None else (result.score or 0.0) - memory.best
        verdict = self._pass_on(result, author, better)
        self._count(author, better)
        if better:
            memory.best = result.score
            return Verdict(Meaning.ACCEPTED, improvement)
        return Verdict(verdict.meaning)

    def elites(self) -> tuple[str, ...]:
        """The elites of the strategy whose turn it is; all have the best program."""
        return self._strategies[self._memory.active].elites()

    def populations(self) -> tuple[PopulationView, ...]:
        """Those of all strategies, that whose turn it is first."""
        active = self._memory.active
        names = [active, *(name for name in KINDS if name != active)]
        return tuple(
            PopulationView(f"{name}: {one.name}", one.members)
            for name in names
            for one in self._strategies[name].populations()
        )

    def _pass_on(self, result: Result, author: str, better: bool) -> Verdict:
        own = result.selection.context.get("own", {})
        verdict = Verdict(Meaning.FAILED)
        for name in KINDS:
            selection = msgspec.structs.replace(result.selection, context=own if name == author else {})
            seen = msgspec.structs.replace(result, selection=selection)
            if name == author:
                verdict = self._strategies[name].tell(seen)
            else:
                self._strategies[name].tell(seen if better else _without_program(seen))
        return verdict

    def _count(self, author: str, better: bool) -> None:
        memory = self._memory
        for counts in (memory.pulls, memory.gains):
            for name in counts:
                counts[name] *= _KEPT
        memory.pulls[author] = memory.pulls.get(author, 0.0) + 1.0
        memory.waited += 1.0
        memory.turn += 1
        if better:
            memory.gains[author] = memory.gains.get(author, 0.0) + 1.0
            memory.usual = WAIT_DECAY * memory.usual + (1.0 - WAIT_DECAY) * memory.waited
            memory.waited = 0.0
            memory.due = False
        elif memory.turn >= SHORTEST and memory.waited >= PATIENCE * memory.usual:
            memory.due = True

    def _next(self, random: random.Random) -> str:
        memory = self._memory
        values = {
            name: random.gammavariate(EXPECTED_GAIN + memory.gains.get(name, 0.0), 1.0)
            / (EXPECTED_PULLS + memory.pulls.get(name, 0.0))
            for name in KINDS
        }
        return max(values, key=lambda name: values[name])


def _without_program(result: Result) -> Result:
    """The result as one that brought nothing."""
    return msgspec.structs.replace(result, program=None, score=None, scores=(), status="duplicate")


strategy: type[Strategy] = Meta
