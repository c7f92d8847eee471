"""Which operator and which model work on which parents: the strategy and the chooser under one roof.

Most proposals are for every day: the strategy picks parents and context, the chooser one of the arms. An arm
that refines, as tuning does, works on the best program `REFINED_SHARE` of the time, whatever the strategy
picked, and stays with it for a turn; each `DESIGN_TURN`th turn is for the best baseline instead, so that one
form of program is not all that is ever refined. That holds for strategies that keep a population; best-of-n
goes on as it is. Four occasions go before that, each decided from what has been told so far and from nothing
else:

1. A new direction, when `direction_after` commits have brought no better program. Its parents are the elites,
   its model the strong one. The count then starts anew; with each further direction in a row the patience
   doubles, at most `MAX_DOUBLINGS` times, until a better program ends the row. A search that directions do
   not help spends less and less on them.
2. A reflection, when `reflect_every` proposals have been committed since the last; parents and model alike.
3. A repair of a program that a model wrote and that failed when it was run. It goes back once, to the model
   that wrote it, with the program that it was made from as inspiration. What comes of it is told to the
   strategy in the place of the one that failed, and to the chooser as a further pull of the same arm, beside
   the first parent's score: an arm that needs repairs pays for them, and earns what they save. Failures of
   operators without a model are not repaired, for nothing was spent on them and no idea is lost; nor are
   programs from outside, whose makers are told the reason themselves.
4. An adoption of a published design, when `ADOPTED_AFTER` commits have brought no better program and the best
   baseline is still ahead of all. Its first parent is that baseline, the arm that works on it is drawn as
   every day. A search that is stuck below what is known goes on from there; one that makes its way by itself
   is left alone. It, too, is for strategies that keep a population.
"""

import random
from collections.abc import Mapping, Sequence
from typing import Any, Self

import msgspec

from evolve.errors import unknown
from evolve.operators.base import Role
from evolve.problem import Status
from evolve.search.arms import Chooser, Plan, PlannedOperator, Pull, arms_of, draw
from evolve.search.bandit import Bandit
from evolve.search.base import Result, Selection, Setup, Strategy, Verdict
from evolve.search.rates import Rates
from evolve.search.weights import Weights

__all__ = ["Choice", "Plan", "PlannedOperator", "Steering"]

CHOOSERS: dict[str, type[Chooser]] = {"weights": Weights, "rates": Rates, "bandit": Bandit}

FAILURES = frozenset(
    status.value
    for status in (
        Status.INVALID,
        Status.CRASHED,
        Status.TIMEOUT,
        Status.OUT_OF_MEMORY,
        Status.OUTPUT_LIMIT,
    )
)
"""What a program is repaired from."""
REPAIRS_WAITING = 4
"""Failed programs that are kept for repair; the oldest gives way to a new one."""
ELITES = 4
"""Parents of a new direction, and of a reflection."""
REFINED_SHARE = 0.75
"""How often an operator that refines works on the best program there was when its turn began."""
FIRST_TURN, LONGEST_TURN = 32, 256
"""How many proposals a turn takes; it doubles from one to the next. What is learnt on one program is of no
use on another form of it, so a program is not given up for each that is better."""
NOTHING = "no_proposal"
"""The status of a proposal for which an operator had nothing to propose."""
ADOPTED_AFTER = 24
"""Commits without a better program, while the best baseline is ahead, after which it becomes a parent."""
DESIGN_TURN = 3
"""Of so many turns one is for the best baseline, unless there is nothing to refine about it."""
MISSES = 3
"""Proposals in a row that find nothing to refine about it, after which its turns are given up. One proves
nothing: what was drawn may only not have been new."""
MAX_DOUBLINGS = 3
"""How often the patience before a new direction doubles."""
OUTSIDE_SPREAD = 60
"""Somebody outside is given a selection as one of the next so many proposals would get it."""


class Choice(msgspec.Struct, frozen=True):
    """How a proposal is to be made."""

    operator: str
    model: str | None
    """None where the operator needs none."""
    selection: Selection


class _Pending(msgspec.Struct, frozen=True, array_like=True):
    """A proposal that was selected here and has not been told yet."""

    number: int
    arm: int | None
    """None for a new direction or a reflection."""
    repairs: bool = False
    parent_score: float | None = None
    """Of a repair: the score of the parent of the program that failed."""


class _Failed(msgspec.Struct, frozen=True, array_like=True):
    """A program that waits for its repair."""

    program: str
    model: str
    parents: tuple[str, ...]
    context: dict[str, Any]
    arm: int | None
    parent_score: float | None


class _Memory(msgspec.Struct):
    """What steering itself remembers; everything beside the strategy and the chooser."""

    pending: list[_Pending] = []
    """In the order of their numbers; as many as proposals are in flight."""
    failed: list[_Failed] = []
    best: float | None = None
    last: int = 0
    """The highest number seen."""
    stagnant: int = 0
    """Commits since the last better program or the last direction."""
    directions: int = 0
    """Directions in a row without a better program."""
    adopted: int = 0
    """What `stagnant` was when a baseline was last adopted."""
    unreflected: int = 0
    """Commits since the last reflection."""
    refined: str | None = None
    """The program that operators work on that refine."""
    refinements: int = 0
    """How often one has done so in this turn."""
    turn: int = 0
    """How many of them make this turn; 0 before the first."""
    turns: int = 0
    """How many have begun."""
    misses: int = 0
    """How many times in a row nothing could be refined about the best baseline."""


class Steering:
    """Decides on each proposal. A controller talks to this, and to the strategy through it only.

    Like a strategy it is asked and told in the order of the proposals' numbers, and all that it does follows
    from its state, the results told and the random streams given.
    """

    def __init__(
        self, strategy: Strategy, setup: Setup, plan: Plan, chooser: Chooser, memory: _Memory
    ) -> None:
        self._strategy = strategy
        self._setup = setup
        self._plan = plan
        self._chooser = chooser
        self._memory = memory
        self._arms = arms_of(plan)
        self._keeps = bool(strategy.populations())
        self._all = range(len(self._arms))
        self._plain = [index for index, arm in enumerate(self._arms) if not arm.crosses]
        self._occasions = {role: self._able(role) for role in (Role.REPAIR, Role.DIRECTION, Role.REFLECTION)}

    @classmethod
    def start(cls, kind: type[Strategy], setup: Setup, plan: Plan) -> Self:
        """A new search with a strategy of that kind.

        Raises:
            UserError: An operator needs a model and there is none, or the chooser does not exist.
        """
        return cls(kind.start(setup), setup, plan, _chooser(plan).start(arms_of(plan)), _Memory())

    @classmethod
    def restore(cls, kind: type[Strategy], setup: Setup, plan: Plan, state: Mapping[str, Any]) -> Self:
        """The search whose `state` this was; from here on it behaves as that one would have.

        Raises:
            UserError: As at the start.
        """
        chooser = _chooser(plan).restore(arms_of(plan), state["chooser"])
        memory = msgspec.convert(state["steering"], _Memory)
        return cls(kind.restore(setup, state["strategy"]), setup, plan, chooser, memory)

    def state(self) -> dict[str, Any]:
        """All that it remembers, as JSON data: bounded by the strategy, the arms and what is in flight."""
        return {
            "strategy": self._strategy.state(),
            "chooser": self._chooser.state(),
            "steering": msgspec.to_builtins(self._memory),
        }

    @property
    def has_operators(self) -> bool:
        """Whether there is anything to choose from; without it every program comes from outside."""
        return bool(self._arms)

    def select(self, number: int, random: random.Random) -> Choice:
        """How proposal `number` is to be made. All randomness comes from `random`."""
        memory = self._memory
        memory.last = max(memory.last, number)
        if self._direction_is_due():
            memory.stagnant = memory.adopted = 0
            memory.directions += 1
            return self._from_elites(Role.DIRECTION, number, random)
        if self._occasions[Role.REFLECTION] and 0 < self._plan.reflect_every <= memory.unreflected:
            memory.unreflected = 0
            return self._from_elites(Role.REFLECTION, number, random)
        if memory.failed:
            return self._repair(memory.failed.pop(0), number, random)
        return self._everyday(number, random)

    def outside(self, random: random.Random) -> Selection:
        """Parents and context for somebody outside. Changes nothing: it may be asked of a restored copy."""
        copy = type(self._strategy).restore(self._setup, self._strategy.state())
        return copy.ask(self._memory.last + 1 + random.randrange(OUTSIDE_SPREAD), random)

    def tell(self, result: Result) -> Verdict:
        """Learn what became of a proposal, made here or outside; what it meant to the strategy."""
        pending = self._settle(result.number)
        self._remember(result)
        arm = None if pending is None else pending.arm
        if arm is not None and self._arms[arm].refines:
            self._count_misses(result)
        parent_score = (
            pending.parent_score if pending is not None and pending.repairs else result.parent_score
        )
        self._chooser.tell(
            Pull(arm=arm, score=result.score, parent_score=parent_score, cost_usd=result.cost_usd)
        )
        if pending is not None and self._is_repairable(result, pending):
            self._queue(result, arm)
        return self._strategy.tell(result)

    # Selections.

    def _everyday(self, number: int, random: random.Random) -> Choice:
        selection = self._strategy.ask(number, random)
        design = self._adopted()
        if design is not None:
            selection = _with_parent(selection, design)
        index = self._chooser.choose(random, self._all)
        if self._arms[index].crosses:
            near = (*self._strategy.elites(), *selection.inspirations)
            mates = _others(near, selection.parents) or _others(self._setup.baselines, selection.parents)
            if mates:
                selection = _crossed(selection, random.choice(mates))
            elif self._plain:
                index = self._chooser.choose(random, self._plain)
        elif self._arms[index].refines and self._keeps and design is None and random.random() < REFINED_SHARE:
            selection = self._on_the_best(selection)
        self._chooser.begin(index)
        self._memory.pending.append(_Pending(number, index))
        return Choice(self._arms[index].operator, self._arms[index].model, selection)

    def _on_the_best(self, selection: Selection) -> Selection:
        """The selection with the best program when the turn began as its parent."""
        memory = self._memory
        if memory.refinements >= memory.turn:
            memory.turns += 1
            memory.refined = self._refined_next()
            if memory.refined is None:
                return selection
            memory.turn = min(2 * memory.turn or FIRST_TURN, LONGEST_TURN)
            memory.refinements = 0
        assert memory.refined is not None, "a turn has begun"
        memory.refinements += 1
        return _with_parent(selection, memory.refined)

    def _refined_next(self) -> str | None:
        """The program of the turn that begins."""
        design = self._setup.best_baseline
        if design is not None and not self._is_fixed() and self._memory.turns % DESIGN_TURN == 0:
            return design.program
        return next(iter(self._strategy.elites()), None)

    def _adopted(self) -> str | None:
        """The best baseline, if it is time to go on from there."""
        memory, design = self._memory, self._setup.best_baseline
        if design is None or not self._keeps or memory.stagnant - memory.adopted < ADOPTED_AFTER:
            return None
        if memory.best is not None and memory.best >= design.score:
            return None
        memory.adopted = memory.stagnant
        return design.program

    def _from_elites(self, role: Role, number: int, random: random.Random) -> Choice:
        """A selection with the best of several niches; its child goes where the strategy's own would."""
        selection = self._strategy.ask(number, random)
        parents = self._strategy.elites()[:ELITES] or selection.parents
        others = _others(selection.inspirations, parents)
        selection = Selection(parents, others, selection.context)
        operator = self._drawn(role, random)
        self._memory.pending.append(_Pending(number, None))
        return Choice(operator.name, self._strong_model(random) if operator.needs_model else None, selection)

    def _repair(self, failed: _Failed, number: int, random: random.Random) -> Choice:
        operator = self._drawn(Role.REPAIR, random)
        if failed.arm is not None:
            self._chooser.begin(failed.arm)
        pending = _Pending(number, failed.arm, repairs=True, parent_score=failed.parent_score)
        self._memory.pending.append(pending)
        selection = Selection((failed.program,), failed.parents, failed.context)
        return Choice(operator.name, failed.model if operator.needs_model else None, selection)

    def _direction_is_due(self) -> bool:
        patience = self._plan.direction_after << min(self._memory.directions, MAX_DOUBLINGS)
        return bool(self._occasions[Role.DIRECTION]) and 0 < patience <= self._memory.stagnant

    def _able(self, role: Role) -> Sequence[PlannedOperator]:
        """The operators of a role that have what they need."""
        has_models = bool(self._plan.everyday_models)
        return [one for one in self._plan.of_role(role) if has_models or not one.needs_model]

    def _drawn(self, role: Role, random: random.Random) -> PlannedOperator:
        able = self._occasions[role]
        return able[0] if len(able) == 1 else random.choices(able, [one.weight for one in able])[0]

    def _strong_model(self, random: random.Random) -> str:
        return self._plan.strong_model or draw(random, self._plan.models)

    # Results.

    def _settle(self, number: int) -> _Pending | None:
        """What was selected under a number, now no longer pending; None for what came from elsewhere."""
        pending = self._memory.pending
        index = next((place for place, one in enumerate(pending) if one.number == number), None)
        return None if index is None else pending.pop(index)

    def _remember(self, result: Result) -> None:
        memory = self._memory
        memory.last = max(memory.last, result.number)
        memory.unreflected += 1
        if result.score is not None and (memory.best is None or result.score > memory.best):
            memory.best = result.score
            memory.stagnant = memory.directions = memory.adopted = 0
        else:
            memory.stagnant += 1

    def _count_misses(self, result: Result) -> None:
        """End the turn of the best baseline if there is nothing to refine about it; no other turn is its."""
        memory, design = self._memory, self._setup.best_baseline
        if design is None or result.selection.parents != (design.program,) or self._is_fixed():
            return
        memory.misses = memory.misses + 1 if result.status == NOTHING else 0
        if self._is_fixed() and memory.refined == design.program:
            memory.refinements = memory.turn

    def _is_fixed(self) -> bool:
        """Whether nothing can be refined about the best baseline."""
        return self._memory.misses >= MISSES

    def _is_repairable(self, result: Result, pending: _Pending) -> bool:
        return (
            bool(self._occasions[Role.REPAIR])
            and not pending.repairs
            and result.program is not None
            and result.model is not None
            and result.status in FAILURES
        )

    def _queue(self, result: Result, arm: int | None) -> None:
        """Keep a failed program for its repair; of the waiting ones the oldest gives way."""
        assert result.program is not None
        assert result.model is not None
        selection = result.selection
        waiting = self._memory.failed
        waiting.append(
            _Failed(
                result.program, result.model, selection.parents, selection.context, arm, result.parent_score
            )
        )
        del waiting[:-REPAIRS_WAITING]


def _chooser(plan: Plan) -> type[Chooser]:
    if plan.choice not in CHOOSERS:
        raise unknown("choice", plan.choice, CHOOSERS)
    return CHOOSERS[plan.choice]


def _others(programs: Sequence[str], but: Sequence[str]) -> tuple[str, ...]:
    """The programs without some, and without repetition."""
    return tuple(one for one in dict.fromkeys(programs) if one not in but)


def _with_parent(selection: Selection, parent: str) -> Selection:
    """The selection with another parent."""
    return Selection((parent,), _others(selection.inspirations, (parent,)), selection.context)


def _crossed(selection: Selection, mate: str) -> Selection:
    """The selection with a second parent."""
    parents = (selection.parents[0], mate)
    return Selection(parents, _others(selection.inspirations, parents), selection.context)
