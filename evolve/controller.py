"""The loop: select, propose, screen, evaluate, commit.

Proposals overlap freely and are committed strictly in the order of their numbers: finished ones wait in a
reorder buffer. Proposal n is selected when proposal n - lag has been committed, from the archive as it then
stands, however many workers there are and however long each took. All decisions about what to start are
made when something is committed, so the same run makes the same decisions on any machine.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from typing import Protocol

import msgspec

from evolve.archive.history import History
from evolve.archive.journal import Journal
from evolve.archive.records import Commit, ScoredEvaluation, Selected
from evolve.config import Budget, Course
from evolve.ending import Ending
from evolve.errors import UserError
from evolve.judging import Judge
from evolve.llm.base import BudgetReached, Spending
from evolve.observer import Committed, Observer
from evolve.problem import Split, Status
from evolve.program import Program
from evolve.proposing import EXTERNAL_OPERATOR, SEED_OPERATOR, Proposed, Proposer, same_as
from evolve.racing import races
from evolve.randomness import stream
from evolve.search.base import Result, Selection, Verdict
from evolve.search.steering import Steering
from evolve.shelf import Shelf, as_parent

GRACE_S = 900.0
"""How long a run that is to end waits for what is in flight, seconds: longer than a call of a model."""
TOLD = "told"
"""Why a run that makes no programs itself ends: all that were told are committed."""
TROUBLE = "trouble"
"""Something that only a person can mend, such as a wrong key or a broken operator."""
LOOK_OUTSIDE_S = 0.5
"""How often it is looked whether somebody outside has told a program, seconds."""


class _Attempted(msgspec.Struct, frozen=True):
    """A proposal when it has been through screening and evaluation."""

    selected: Selected
    proposed: Proposed
    evaluation: ScoredEvaluation | None = None


class Outside(Protocol):
    """Where programs come from that somebody outside has made."""

    def arrival(self, number: int, seen: int) -> Selected | None:
        """The next program told, as proposal `number`, recorded as selected; None where there is none."""
        ...

    @property
    def is_live(self) -> bool:
        """Whether something may be told at any moment, so that it is looked for now and then."""
        ...


class Context(msgspec.Struct, frozen=True):
    """What a controller works with; all of it is made elsewhere."""

    journal: Journal
    history: History
    judge: Judge
    steering: Steering
    proposer: Proposer
    shelf: Shelf
    hashes: dict[str, int]
    """The number of the proposal that made each program; the controller adds to it."""
    course: Course
    budget: Budget
    observer: Observer
    spending: Callable[[], Spending] | None = None
    """What models have cost so far; None where there are none."""
    unraced: frozenset[str] = frozenset()
    """Operators whose programs are given the time to become good: they are never stopped early."""
    outside: Outside | None = None
    last: int | None = None
    """The last proposal to make, where a run is to end with a certain one."""


class Controller:
    """One run of the loop, from where the archive stands to the end of a budget."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._steering = context.steering
        self._shelf = context.shelf
        self._hashes = context.hashes
        progress = context.history.progress()
        self._committed = progress.committed
        self._evaluations = progress.evaluations
        self._waiting = deque(progress.waiting)
        self._next = progress.selected + 1
        self._spent_seconds = progress.seconds
        self._started_at = time.monotonic()
        self._running: dict[asyncio.Task[_Attempted], int] = {}
        self._evaluating: dict[tuple[str, str | None], asyncio.Task[ScoredEvaluation]] = {}
        self._buffer: dict[int, _Attempted] = {}
        self._best = progress.best
        self._last_new = max(progress.hashes.values(), default=0)
        self._stop_reason: str | None = None
        self._stopped_at: float | None = None
        self._trouble: UserError | None = None
        self._ending = Ending(context.budget, context.course.lag)
        self._ending.recall(progress, context.history.first_to_reach)
        self._wake = asyncio.Event()

    @property
    def committed(self) -> int:
        """How many proposals have been committed."""
        return self._committed + 1

    @property
    def evaluations(self) -> int:
        """How many proposals have been evaluated."""
        return self._evaluations

    @property
    def seconds(self) -> float:
        """Wall time spent on the run, over all its continuations."""
        return self._spent_seconds + time.monotonic() - self._started_at

    def stop(self, reason: str) -> None:
        """Start nothing more; what is in flight is finished and committed."""
        self._stop_reason = self._stop_reason or reason
        self._stopped_at = self._stopped_at or time.monotonic()
        self._wake.set()

    async def run(self) -> str:
        """Work until a budget is reached or somebody says stop; returns which it was."""
        if self._committed < 0 and not self._waiting:
            first = Selected(0, SEED_OPERATOR, (), (), {})
            self._context.journal.select_first(first)
            self._waiting.append(first)
            self._next = 1
        try:
            while self._start_what_may_start():
                await self._next_event()
                self._commit_what_is_ready()
        finally:
            await self._drop_what_is_left()
        if self._trouble is not None:
            raise self._trouble
        assert self._stop_reason is not None
        return self._stop_reason

    def _start_what_may_start(self) -> bool:
        """Start proposals in order, as far as the budget allows; whether there is anything to wait for."""
        limit = self._context.budget.max_time
        if limit is not None and self.seconds >= limit:
            self.stop("max_time")
        self._take_in_what_was_told()
        while self._stop_reason is None and self._waiting and self._may_start(self._waiting[0]):
            selected = self._waiting.popleft()
            self._running[asyncio.create_task(self._attempt(selected))] = selected.number
        if self._running:
            return not self._out_of_patience()
        if self._stop_reason is None and not self._buffer:
            self._stop_reason = self._why_nothing_starts()
        return False

    def _take_in_what_was_told(self) -> None:
        """Programs from outside are proposals too: each gets the next number that is free."""
        outside = self._context.outside
        if outside is None or self._stop_reason is not None or self._committed < 0:
            return
        while (told := outside.arrival(self._next, self._committed)) is not None:
            self._waiting.append(told)
            self._next += 1

    def _out_of_patience(self) -> bool:
        return self._stopped_at is not None and time.monotonic() - self._stopped_at > GRACE_S

    def _may_start(self, selected: Selected) -> bool:
        last = self._context.last
        if last is not None and selected.number > last:
            return False
        if selected.operator == EXTERNAL_OPERATOR and selected.seen > self._committed:
            return False  # in a replay: what its maker saw has not been committed yet
        return self._ending.allows(selected.number, self._evaluations, len(self._running) + len(self._buffer))

    def _why_nothing_starts(self) -> str:
        if self._context.last is not None:
            return self._ending.reason or "last"
        if self._ending.reason is None and self._ending.allows(self._next, self._evaluations, 0):
            return TOLD
        return self._ending.reason or "max_evaluations"

    async def _next_event(self) -> None:
        """Wait until a proposal is finished, somebody says stop, or time is up."""
        waker = asyncio.create_task(self._wake.wait())
        try:
            done, _ = await asyncio.wait(
                [*self._running, waker], timeout=self._patience(), return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            waker.cancel()
            self._wake.clear()
        for task in done:
            if task is not waker:
                number = self._running.pop(task)  # type: ignore[arg-type]  # the waker is the only other kind
                try:
                    self._buffer[number] = task.result()  # type: ignore[assignment]
                except BudgetReached as reached:
                    self.stop(reached.reason)  # the proposal stays selected, and its answers stay recorded
                except UserError as trouble:
                    self._trouble = self._trouble or trouble
                    self.stop(TROUBLE)  # what is in flight has been paid for, and comes first

    def _patience(self) -> float | None:
        """Seconds until something has to be looked at though nothing was finished; None is never."""
        limit = self._context.budget.max_time
        waits = []
        if self._stopped_at is not None:
            waits.append(self._stopped_at + GRACE_S - time.monotonic())
        elif limit is not None:
            waits.append(limit - self.seconds)
        if self._context.outside is not None and self._context.outside.is_live and not self._stop_reason:
            waits.append(LOOK_OUTSIDE_S)
        return max(0.0, min(waits)) if waits else None

    def _commit_what_is_ready(self) -> None:
        """Commit in order; what each commit allows is started before the next, as on any other machine."""
        while self._committed + 1 in self._buffer:
            self._commit(self._buffer.pop(self._committed + 1))
            self._start_what_may_start()

    async def _drop_what_is_left(self) -> None:
        left = [*self._running, *self._evaluating.values()]
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    # One proposal, from its selection to the reorder buffer.

    async def _attempt(self, selected: Selected) -> _Attempted:
        proposed = await self._context.proposer.propose(selected)
        program = proposed.program
        if program is None:
            return _Attempted(selected, proposed)
        maker = self._hashes.get(program.id)
        if maker is not None:
            refused = msgspec.structs.replace(
                proposed, program=None, status="duplicate", reason=same_as(maker)
            )
            return _Attempted(selected, refused)
        return _Attempted(selected, proposed, await self._evaluate(program, selected))

    async def _evaluate(self, program: Program, selected: Selected) -> ScoredEvaluation:
        """Evaluate on train, racing against the parent; equal proposals in flight share one evaluation."""
        rival = self._rival(selected)
        key = (program.id, rival)
        task = self._evaluating.get(key)
        if task is None:
            scores = None if rival is None else self._shelf.program(rival).scores
            task = asyncio.create_task(self._context.judge.evaluate(program.source, Split.TRAIN, scores))
            self._evaluating[key] = task
        return await asyncio.shield(task)

    def _rival(self, selected: Selected) -> str | None:
        """The parent that a program races against, where there is a race."""
        if (
            not self._context.course.race
            or not selected.parents
            or selected.operator in self._context.unraced
        ):
            return None
        if not races(self._context.judge.names(Split.TRAIN)):
            return None
        parent = self._shelf.program(selected.parents[0])
        return None if parent.score is None else parent.id

    # Commits, in order.

    def _commit(self, attempted: _Attempted) -> None:
        number = attempted.selected.number
        status, reason, new = self._settle(attempted)
        verdict = self._tell(attempted, status, new)
        status = status or verdict.meaning.value
        self._committed = number
        program = attempted.proposed.program
        if new:
            assert program is not None
            self._hashes[program.id] = number
            self._evaluations += 1
            self._last_new = number
        self._ending.see(number, self._best, self._last_new)
        selected = self._select_next(attempted.selected)
        self._context.journal.commit(
            Commit(
                number=number,
                status=status,
                operator=attempted.selected.operator,
                program=program if new else None,
                evaluation=attempted.evaluation if new else None,
                reason=reason,
                idea=attempted.proposed.idea or None,
                improvement=verdict.improvement if new else None,
                selected=selected,
                state=self._steering.state(),
                seconds=self.seconds,
            )
        )
        self._waiting.extend(selected)
        self._announce(attempted, status, reason, new)

    def _settle(self, attempted: _Attempted) -> tuple[str, str | None, bool]:
        """Status ('' where the strategy decides), reason, and whether there is a new evaluated program."""
        program, evaluation = attempted.proposed.program, attempted.evaluation
        if program is None or evaluation is None:
            return attempted.proposed.status, attempted.proposed.reason, False
        self._evaluating.pop((program.id, self._rival(attempted.selected)), None)
        maker = self._hashes.get(program.id)
        if maker is not None:
            return "duplicate", same_as(maker), False
        if evaluation.status is Status.STOPPED:
            return "stopped", _stopped_early(evaluation), True
        return "", _first_failure(evaluation), True

    def _tell(self, attempted: _Attempted, status: str, new: bool) -> Verdict:
        selected, evaluation = attempted.selected, attempted.evaluation
        result = Result(
            number=selected.number,
            selection=Selection(selected.parents, selected.inspirations, dict(selected.context)),
            operator=selected.operator,
            model=selected.model,
            status=status,
            parent_score=self._shelf.program(selected.parents[0]).score if selected.parents else None,
            cost_usd=attempted.proposed.cost_usd,
        )
        program = attempted.proposed.program
        if not new or program is None or evaluation is None:
            return self._steering.tell(result)
        selectable = evaluation.status is Status.OK and evaluation.score is not None
        if selectable:
            self._best = max(evaluation.score or 0.0, self._best or 0.0)
            self._shelf.put(as_parent(program.id, program.source, evaluation))
        names = self._context.judge.names(Split.TRAIN)
        return self._steering.tell(
            msgspec.structs.replace(
                result,
                program=program.id,
                score=evaluation.score if selectable else None,
                scores=tuple(evaluation.scores[name] for name in names) if selectable else (),
                merits=self._context.judge.merits(evaluation) if selectable else (),
                size=len(program.source),
                status=evaluation.status.value,
            )
        )

    def _select_next(self, committed: Selected) -> tuple[Selected, ...]:
        """What can be selected now: after the seed the first `lag`, after each one of ours one more.

        What came from outside was in addition to these, and leaves no gap to be filled.
        """
        if not self._steering.has_operators or committed.operator == EXTERNAL_OPERATOR:
            return ()
        count = self._context.course.lag if committed.number == 0 else 1
        selected = tuple(self._select(self._next + offset, committed.number) for offset in range(count))
        self._next += count
        return selected

    def _select(self, number: int, seen: int) -> Selected:
        choice = self._steering.select(number, stream(self._context.course.seed, "select", number))
        selection = choice.selection
        return Selected(
            number=number,
            operator=choice.operator,
            parents=selection.parents,
            inspirations=selection.inspirations,
            context=dict(selection.context),
            model=choice.model,
            seen=seen,
        )

    def _announce(self, attempted: _Attempted, status: str, reason: str | None, new: bool) -> None:
        evaluation = attempted.evaluation if new else None
        self._context.observer.committed(
            Committed(
                number=attempted.selected.number,
                status=status,
                operator=attempted.selected.operator,
                reason=reason,
                model=attempted.selected.model,
                idea=attempted.proposed.idea,
                program=None if attempted.proposed.program is None else attempted.proposed.program.id,
                score=None if evaluation is None else evaluation.score,
                best=self._best,
                evaluations=self._evaluations,
                seconds=self.seconds,
                spending=None if self._context.spending is None else self._context.spending(),
            )
        )


def _first_failure(evaluation: ScoredEvaluation) -> str | None:
    failed = next((one for one in evaluation.outcomes if one.status is not Status.OK), None)
    return None if failed is None else f"{failed.status.value} on {failed.instance}: {failed.feedback}"


def _stopped_early(evaluation: ScoredEvaluation) -> str:
    return f"clearly worse than its parent on the first {len(evaluation.outcomes)} instances"
