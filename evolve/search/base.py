"""What a strategy is: it keeps populations, and picks parents and context.

Which operator and model then work on them is decided by `evolve.search.steering`. A strategy is asked for
selections and told what came of proposals, in the order of their numbers, and never at the same time by two.
It may be told of proposals that it was not asked for: those of somebody outside, and repairs, which carry the
context of the program that failed. It never evaluates, and it knows programs by their hashes only.
"""

import random
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Protocol, Self

import msgspec


class Selection(msgspec.Struct, frozen=True):
    """What a proposal is to be made from."""

    parents: tuple[str, ...]
    """Hashes; the first is the program that the child descends from."""
    inspirations: tuple[str, ...] = ()
    """Hashes of programs that an operator may take parts of."""
    context: dict[str, Any] = {}
    """What the strategy wants to be told again with the result, such as the island; JSON data."""


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a proposal, as far as a strategy may know."""

    number: int
    selection: Selection
    operator: str
    model: str | None = None
    program: str | None = None
    """The new program's hash; None where no new program was evaluated."""
    score: float | None = None
    """On train; None where it failed or is suspect."""
    scores: tuple[float, ...] = ()
    """The score on each train instance, in the order of the split."""
    merits: tuple[float, ...] = ()
    """What it reached in each objective that repeats, higher is better; the first is the score. Empty where
    there is no score, or a metric was not measured."""
    size: int = 0
    """Length of the program's normalised source, characters."""
    status: str = ""
    """How the evaluation ended, a `Status`; where none took place, `duplicate`, `rejected`, `no_proposal` or
    `note`."""
    parent_score: float | None = None
    """The first parent's score on train."""
    cost_usd: float = 0.0
    """What the proposal's calls to models cost."""


class Meaning(StrEnum):
    """What a result meant to the strategy."""

    ACCEPTED = "accepted"
    """It is in a population now."""
    NOT_BETTER = "not_better"
    """It was evaluated, and no population wants it."""
    FAILED = "failed"
    """It has no score."""


class Verdict(msgspec.Struct, frozen=True):
    """A strategy's answer to a result."""

    meaning: Meaning
    improvement: float = 0.0
    """By how much it raised the best score of its population; 0.0 where it did not."""


class Place(msgspec.Struct, frozen=True):
    """A program in a population."""

    program: str
    """Its hash."""
    score: float
    """On train."""


class PopulationView(msgspec.Struct, frozen=True):
    """A population as people are shown it."""

    name: str
    members: tuple[Place, ...]
    """Best first."""

    @property
    def best(self) -> Place | None:
        """The best member."""
        return self.members[0] if self.members else None


class Setup(msgspec.Struct, frozen=True):
    """What a strategy is made with."""

    baselines: tuple[str, ...]
    """Hashes of the problem's baselines: inspirations, and parents while there is nothing better."""
    best_baseline: Place | None = None
    """The one with the highest score on train, where that is known."""

    def a_baseline(self, random: random.Random) -> str:
        """The hash of a baseline."""
        return random.choice(self.baselines)


class Strategy(Protocol):
    """Ask/tell. The state is JSON data of bounded size, so that it can be stored with every commit."""

    @classmethod
    def start(cls, setup: Setup) -> Self:
        """A strategy that knows nothing yet. The first thing it is told of is the seed program."""
        ...

    @classmethod
    def restore(cls, setup: Setup, state: Mapping[str, Any]) -> Self:
        """The strategy whose `state` this was; from here on it behaves as that one would have."""
        ...

    def state(self) -> dict[str, Any]:
        """All that it remembers."""
        ...

    def ask(self, number: int, random: random.Random) -> Selection:
        """What proposal `number` is to be made from. All randomness comes from `random`."""
        ...

    def tell(self, result: Result) -> Verdict:
        """Learn what became of a proposal."""
        ...

    def elites(self) -> tuple[str, ...]:
        """Hashes of the best program of each population or niche, best first, without repetition.

        Only of programs that had a score; none at first. Changes nothing.
        """
        ...

    def populations(self) -> tuple[PopulationView, ...]:
        """Its populations, those that are empty too, under names that differ. Changes nothing.

        None where it keeps none. All elites of a strategy that keeps some are in them.
        """
        ...
