"""What there is to choose from for a proposal: pairs of an operator and a model, which are called arms.

Operators are planned with their role. Those for every day, `ordinary`, `crossover` and `refinement`, make the
arms, and a `Chooser` picks one for each proposal. The others have occasions of their own, which
`evolve.search.steering` decides on.
"""

import random
from collections.abc import Mapping, Sequence
from typing import Any, Protocol, Self

import msgspec

from evolve.errors import UserError
from evolve.operators.base import Role

EVERY_DAY = (Role.ORDINARY, Role.CROSSOVER, Role.REFINEMENT)


class PlannedOperator(msgspec.Struct, frozen=True, kw_only=True):
    """An operator that a run may use."""

    name: str
    role: Role = Role.ORDINARY
    needs_model: bool = False
    weight: float = 1.0
    """Against the other operators of every day, or against those of the same role; positive."""


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What a run may use for its proposals; the order of operators and models means nothing.

    A role that no operator has, or none that the models suffice for, has no occasions.
    """

    operators: tuple[PlannedOperator, ...] = ()
    models: Mapping[str, float] = {}
    """Names and weights; positive."""
    strong_model: str | None = None
    """The one that is kept for new directions and reflections, as long as there are others for every day."""
    choice: str = "weights"
    """The name of the chooser."""
    direction_after: int = 0
    """Commits without a better program after which a new direction is taken; 0 is never."""
    reflect_every: int = 0
    """Commits between two reflections; 0 is never."""

    def of_role(self, *roles: Role) -> tuple[PlannedOperator, ...]:
        """The operators of these roles, by name."""
        found = [one for one in self.operators if one.role in roles]
        return tuple(sorted(found, key=lambda one: one.name))

    @property
    def everyday_models(self) -> dict[str, float]:
        """The models for every day with their weights, by name."""
        others = {name: self.models[name] for name in sorted(self.models) if name != self.strong_model}
        return others or ({} if self.strong_model is None else {self.strong_model: 1.0})


class Arm(msgspec.Struct, frozen=True):
    """An operator of every day with a model to work with."""

    operator: str
    model: str | None
    """None where the operator needs none."""
    weight: float
    crosses: bool = False
    """Whether it wants a second parent."""
    refines: bool = False
    """Whether it works mostly on the best program."""


class Pull(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a proposal, as far as a chooser may know."""

    arm: int | None
    """The arm that it is counted for; None where no arm made it."""
    score: float | None
    """None where there is no program, or none that is valid."""
    parent_score: float | None
    """None where it is not known."""
    cost_usd: float


class Chooser(Protocol):
    """Picks arms. Arms are known by their place in the tuple that the chooser was made with.

    The state is JSON data, bounded by the number of arms and a window. An arm that was begun and not yet told
    is in flight.
    """

    @classmethod
    def start(cls, arms: Sequence[Arm]) -> Self:
        """A chooser that knows nothing but the weights."""
        ...

    @classmethod
    def restore(cls, arms: Sequence[Arm], state: Mapping[str, Any]) -> Self:
        """The chooser whose `state` this was."""
        ...

    def state(self) -> dict[str, Any]:
        """All that it remembers."""
        ...

    def choose(self, random: random.Random, among: Sequence[int]) -> int:
        """One of some arms, of which there is at least one. Changes nothing."""
        ...

    def begin(self, arm: int) -> None:
        """Count an arm as in flight."""
        ...

    def tell(self, pull: Pull) -> None:
        """Learn what came of a proposal; of any, so that scores can be set beside others."""
        ...


def arms_of(plan: Plan) -> tuple[Arm, ...]:
    """The arms of a plan, by operator and model.

    An operator's weight is shared among its arms in proportion to the models' weights, so that its share does
    not depend on the number of models.

    Raises:
        UserError: An operator of every day needs a model and there is none.
    """
    arms: list[Arm] = []
    for one in plan.of_role(*EVERY_DAY):
        crosses, refines = one.role is Role.CROSSOVER, one.role is Role.REFINEMENT
        if not one.needs_model:
            arms.append(Arm(one.name, None, one.weight, crosses, refines))
            continue
        models = plan.everyday_models
        if not models:
            raise UserError(f"the operator '{one.name}' needs a model; give one with --model PROVIDER/NAME")
        whole = sum(models.values())
        arms.extend(
            Arm(one.name, name, one.weight * weight / whole, crosses, refines)
            for name, weight in models.items()
        )
    return tuple(arms)


def draw(random: random.Random, weights: Mapping[str, float]) -> str:
    """A name by weight, in whichever order the names are given."""
    names = sorted(weights)
    return random.choices(names, [weights[name] for name in names])[0]
