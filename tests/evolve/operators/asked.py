"""Requests to operators that work with models, and models that answer from a script."""

import asyncio
from collections.abc import Sequence

import msgspec

from evolve.llm.base import Answer, CallStatus, Message, NoAnswer, Usage
from evolve.operators.base import (
    Brief,
    Draft,
    InstanceBrief,
    Note,
    Operator,
    ParentProgram,
    Relative,
    Request,
    Tried,
)
from evolve.problem import Direction, EntryPoint, Objective, Outcome, Status
from evolve.program import Program
from evolve.randomness import stream

SOURCE = '''\
"""Packs."""

# EVOLVE-BLOCK-START
def plan(loads, count):
    order = sorted(loads)
    return order[:count]


# EVOLVE-BLOCK-END
'''
OTHER = SOURCE.replace("sorted(loads)", "sorted(loads, reverse=True)")
THIRD = SOURCE.replace("sorted(loads)", "list(loads)")
NAMES = tuple(f"train-{number:02d}" for number in range(1, 11))
BRIEF = Brief(
    problem="packing",
    statement="# Packing\n\nPut loads into packs. THE-STATEMENT-ENDS-HERE\n",
    entry_point=EntryPoint("plan", ("loads", "count")),
    features=(),
    objective=Objective("imbalance", "ratio", Direction.MINIMISE),
    reference="LPT",
    bound_name="perfect balance",
    instances=tuple(InstanceBrief(name, 2.0 + at, 1.0) for at, name in enumerate(NAMES)),
)


def program(
    source: str = SOURCE,
    score: float | None = 0.9,
    *,
    feedback: str = "the fullest pack has 3.5",
    shift: int = 0,
) -> ParentProgram:
    """A program that was evaluated on all of train; the scores differ by instance, and by `shift`."""
    scores = {name: 0.8 + 0.02 * ((at + shift) % len(NAMES)) for at, name in enumerate(NAMES)}
    outcomes = tuple(
        Outcome(instance=name, value=2.5 + at, feedback=f"{feedback} on {name}")
        for at, name in enumerate(NAMES)
    )
    return ParentProgram(Program.parse(source).id, source, score, scores, outcomes)


def failed(
    source: str = SOURCE, status: Status = Status.CRASHED, feedback: str = "IndexError in line 6"
) -> ParentProgram:
    """A program that failed on the first instance."""
    outcome = Outcome(instance=NAMES[0], status=status, feedback=feedback)
    return ParentProgram(Program.parse(source).id, source, None, {}, (outcome,))


class Script:
    """A model that gives the answers it was told to give, and keeps what it was asked."""

    def __init__(
        self,
        *answers: str | Answer | NoAnswer,
        name: str = "test/model",
        context_tokens: int = 100_000,
        max_output_tokens: int = 4_000,
    ) -> None:
        self.name = name
        self.context_tokens = context_tokens
        self.max_output_tokens = max_output_tokens
        self.asked: list[tuple[tuple[Message, ...], tuple[str, ...]]] = []
        self._answers = list(answers)

    async def ask(self, messages: tuple[Message, ...], cut: tuple[str, ...] = ()) -> Answer:
        self.asked.append((messages, cut))
        answer = self._answers.pop(0)
        if isinstance(answer, NoAnswer):
            raise answer
        return answer if isinstance(answer, Answer) else Answer(answer, CallStatus.OK, Usage())


class Learnt:
    """What a run had learnt, made up."""

    def __init__(
        self, tried: Sequence[Tried] = (), best: Sequence[ParentProgram] = (), note: str | None = None
    ) -> None:
        self._tried = tuple(tried)
        self._best = tuple(best)
        self._note = note

    def tried(self, limit: int, operator: str | None = None) -> tuple[Tried, ...]:
        return tuple(one for one in self._tried if operator in (None, one.operator))[-limit:]

    def best(self, limit: int) -> tuple[ParentProgram, ...]:
        return self._best[:limit]

    def note(self) -> str | None:
        return self._note

    def family_size(self, skeleton: str) -> int:
        return 0

    def family(self, skeleton: str, count: int, skipped: int = 0) -> tuple[Relative, ...]:
        return ()

    def program(self, program_id: str) -> ParentProgram:
        return next(one for one in self._best if one.id == program_id)


def attempts(count: int) -> list[Tried]:
    """Earlier attempts, each with an idea of its own."""
    operators = ("edit", "rewrite", "direction")
    return [
        Tried(
            number, operators[number % 3], "test/model", f"idea-{number} of packing", "not_better", 0.85, 0.9
        )
        for number in range(1, count + 1)
    ]


def request(
    model: Script | None,
    *parents: ParentProgram,
    inspirations: Sequence[ParentProgram] = (),
    rejections: Sequence[str] = (),
    learnt: Learnt | None = None,
    brief: Brief = BRIEF,
) -> Request:
    """A request, as a run would make it."""
    return Request(
        number=7,
        parents=parents or (program(),),
        inspirations=tuple(inspirations),
        brief=brief,
        random=stream(1, "propose", 7),
        rejections=tuple(rejections),
        model=model,
        background=learnt,
    )


def proposed(operator: Operator, asked: Request) -> Draft | Note:
    """What an operator answers."""
    return asyncio.run(operator.propose(asked))


def with_outcomes(parent: ParentProgram, outcomes: Sequence[Outcome]) -> ParentProgram:
    """A program with other outcomes."""
    return msgspec.structs.replace(parent, outcomes=tuple(outcomes))
