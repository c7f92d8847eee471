"""What a proposal of an offline operator costs."""

import asyncio
import contextlib
import statistics
import time

import pytest

from evolve.operators import constants, expressions, macros, simplify, statements, tuning
from evolve.operators.base import Brief, NoProposal, Operator, ParentProgram, Request
from evolve.operators.sites import syntax_of
from evolve.problem import Direction, EntryPoint, Feature, Objective
from evolve.program import Program, _small_program, _small_tree
from evolve.randomness import stream

PROGRAM = '''import math

URGENCY = 0.5
HORIZON = 40.0


def slack_of(operation, state):
    """Time left beyond the work that remains."""
    return operation.due - state.now - operation.remaining_work


def congestion(operation, state):
    """How crowded the next machine is."""
    total = 0.0
    for step in range(3):
        total += operation.next_queue_work / (1.0 + step)
    if total > HORIZON:
        return HORIZON
    return total


def priority(operation, state):
    """A composite rule."""
    # EVOLVE-BLOCK-START
    slack = slack_of(operation, state)
    crowd = congestion(operation, state)  # work in front of the next machine
    if slack < 0.0 and operation.remaining_operations > 1.0:
        return -operation.duration * 2.0
    share = operation.duration / max(operation.remaining_work, 1.0)
    urgency = math.exp(-URGENCY * max(slack, 0.0) / max(operation.duration, 1.0))
    score = (
        urgency * (1.0 - share)
        + 0.5 * operation.remaining_work / HORIZON
        - 0.1 * crowd  # do not feed the bottleneck
    )
    bonus = 1.0 if operation.remaining_operations == 1.0 else 0.0
    if congestion(operation, state) >= HORIZON:
        bonus -= 0.25
    return score + bonus
    # EVOLVE-BLOCK-END
'''
BRIEF = Brief(
    problem="rule",
    statement="",
    entry_point=EntryPoint("priority", ("operation", "state")),
    features=tuple(
        Feature(expression, unit, "")
        for expression, unit in (
            ("operation.duration", "time"),
            ("operation.remaining_work", "time"),
            ("operation.next_queue_work", "time"),
            ("operation.remaining_operations", "operations"),
            ("operation.due", "time"),
            ("state.now", "time"),
        )
    ),
    objective=Objective("makespan", "time", Direction.MINIMISE),
)
PROPOSALS = 1000
BATCH = 50
LIMIT_MS = {"simplify": 4.0}
"""Of an operator that takes a program apart several times; the others have `USUAL_LIMIT_MS`."""
USUAL_LIMIT_MS = 1.5


@pytest.mark.benchmark
@pytest.mark.parametrize(
    "operator",
    [module.operator for module in (constants, expressions, macros, simplify, statements, tuning)],
)
@pytest.mark.parametrize("parents", ["new parent each time", "same parent"])
def test_cpu_time_of_a_proposal(operator: Operator, parents: str) -> None:
    assert len(PROGRAM.splitlines()) == 40
    lender = ParentProgram("0" * 32, PROGRAM.replace("0.5", "0.25"), 1.0)
    sources = [PROGRAM + f"# {number if parents.startswith('new') else 0}\n" for number in range(PROPOSALS)]
    known = [ParentProgram(Program.parse(source).id, source, 1.0) for source in sources]
    for cache in (syntax_of, _small_program, _small_tree):
        cache.cache_clear()

    async def propose(batch: int) -> None:
        for number in range(batch, batch + BATCH):
            rng = stream(1, "benchmark", number)
            with contextlib.suppress(NoProposal):
                await operator.propose(Request(number, (known[number],), (lender,), BRIEF, rng))

    seconds = []
    for batch in range(0, PROPOSALS, BATCH):
        start = time.process_time()
        asyncio.run(propose(batch))
        seconds.append(time.process_time() - start)
    milliseconds = statistics.median(seconds) / BATCH * 1e3
    best = min(seconds) / BATCH * 1e3
    limit = LIMIT_MS.get(operator.name, USUAL_LIMIT_MS)
    print(f"\n{operator.name}, {parents}: {milliseconds:.2f} ms CPU, best {best:.2f} (goal: {limit})")
    assert milliseconds < 3 * limit
