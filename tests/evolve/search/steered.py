"""Drives steering as the controller does, with results that a test makes up."""

import json
from collections import deque
from collections.abc import Callable, Sequence

import msgspec

from evolve.operators.base import Role
from evolve.randomness import stream
from evolve.search.base import Result, Selection, Setup, Strategy, Verdict
from evolve.search.islands import Islands
from evolve.search.steering import Choice, Plan, PlannedOperator, Steering

BASELINES = ("b" * 32, "c" * 32)
SETUP = Setup(BASELINES)

EDIT = PlannedOperator(name="edit", needs_model=True, weight=4.0)
REWRITE = PlannedOperator(name="rewrite", needs_model=True, weight=2.0)
CROSSOVER = PlannedOperator(name="crossover", role=Role.CROSSOVER, needs_model=True)
CONSTANTS = PlannedOperator(name="constants")
TUNING = PlannedOperator(name="tuning", role=Role.REFINEMENT)
REPAIR = PlannedOperator(name="repair", role=Role.REPAIR, needs_model=True)
DIRECTION = PlannedOperator(name="direction", role=Role.DIRECTION, needs_model=True)
REFLECTION = PlannedOperator(name="reflection", role=Role.REFLECTION, needs_model=True)
MODELS = {"lab/cheap": 3.0, "lab/other": 1.0, "lab/strong": 1.0}
PLAN = Plan(
    operators=(EDIT, REWRITE, CROSSOVER, CONSTANTS, REPAIR, DIRECTION, REFLECTION),
    models=MODELS,
    strong_model="lab/strong",
    direction_after=20,
    reflect_every=15,
)


class Fate(msgspec.Struct, frozen=True):
    """What becomes of a proposal."""

    status: str = "ok"
    score: float | None = None
    cost_usd: float = 0.0

    @property
    def evaluated(self) -> bool:
        """Whether there is a new program."""
        return self.status not in ("duplicate", "rejected", "no_proposal", "note")


def scored(score: float, cost_usd: float = 0.0) -> Fate:
    """A valid program."""
    return Fate("ok", score, cost_usd)


CRASHED = Fate("crashed")
Course = Callable[[int, Choice], Fate]
"""What becomes of a proposal, by its number and how it was made."""


def always(*fates: Fate) -> Course:
    """The fates in turn, whatever was chosen."""
    return lambda number, choice: fates[number % len(fates)]


class SteeredRun:
    """Steering, with what the controller would keep for it. All scores are told after `scale`."""

    def __init__(
        self,
        plan: Plan = PLAN,
        *,
        seed: int = 0,
        lag: int = 3,
        kind: type[Strategy] = Islands,
        scale: Callable[[float], float] = float,
        setup: Setup = SETUP,
    ) -> None:
        self.plan = plan
        self.setup = setup
        self.seed = seed
        self.lag = lag
        self.kind = kind
        self.scale = scale
        self.steering = Steering.start(kind, setup, plan)
        self.choices: dict[int, Choice] = {}
        self.told: dict[int, Fate] = {}
        self.scores: dict[str, float | None] = {}
        self.verdicts: list[Verdict] = []
        self.waiting = deque([0])

    def commit(self, course: Course) -> None:
        """Tell what became of the next proposal and select the next ones."""
        number = self.waiting.popleft()
        if number == 0:
            choice = Choice("seed", None, Selection(()))
            fate = scored(1.0)
        else:
            choice = self.choices[number]
            fate = course(number, choice)
        self._tell(number, choice, fate)
        for asked in range(1, self.lag + 1) if number == 0 else (number + self.lag,):
            self.choices[asked] = self.steering.select(asked, stream(self.seed, "select", asked))
            self.waiting.append(asked)

    def go_on(self, count: int, course: Course) -> "SteeredRun":
        """Commit so many proposals."""
        for _ in range(count):
            self.commit(course)
        return self

    def restart(self) -> None:
        """Go on with what was stored, as a continued run does."""
        self.steering = Steering.restore(self.kind, self.setup, self.plan, json.loads(self.state()))

    def state(self) -> str:
        """The state as it would be stored."""
        return json.dumps(self.steering.state(), allow_nan=False)

    def chosen(self, operator: str) -> list[int]:
        """The numbers of the proposals of an operator, as far as they were selected."""
        return [number for number, choice in self.choices.items() if choice.operator == operator]

    def _tell(self, number: int, choice: Choice, fate: Fate) -> None:
        if fate.score is not None:
            fate = msgspec.structs.replace(fate, score=self.scale(fate.score))
        self.told[number] = fate
        program = f"{number:032x}" if fate.evaluated else None
        if program is not None:
            self.scores[program] = fate.score
        parents = choice.selection.parents
        context = json.loads(json.dumps(choice.selection.context, allow_nan=False))
        self.verdicts.append(
            self.steering.tell(
                Result(
                    number=number,
                    selection=msgspec.structs.replace(choice.selection, context=context),
                    operator=choice.operator,
                    model=choice.model,
                    program=program,
                    score=fate.score,
                    scores=() if fate.score is None else (fate.score, fate.score),
                    size=100,
                    status=fate.status,
                    parent_score=self.scores.get(parents[0], self.scale(1.0)) if parents else None,
                    cost_usd=fate.cost_usd,
                )
            )
        )


def pairs(choices: Sequence[Choice]) -> list[tuple[str, str | None]]:
    """Operator and model of each choice."""
    return [(one.operator, one.model) for one in choices]
