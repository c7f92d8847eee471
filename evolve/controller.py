"""The loop: select, propose, screen, evaluate, commit.

Proposals overlap freely and are committed strictly in the order of their numbers: finished ones wait in a
reorder buffer. Proposal n is selected when proposal n - lag has been committed, from the archive as it then
stands, however many workers there are and however long each took. All decisions about what to start are
made when something is committed, so the same run makes the same decisions on any machine.
"""

import asyncio
import time
from collections import OrderedDict, deque
from collections.abc import Mapping

import msgspec

from evolve.archive.journal import Journal
from evolve.archive.records import Commit, ScoredEvaluation, Selected
from evolve.config import Budget, Course
from evolve.ending import Ending
from evolve.errors import ArchiveError, UserError
from evolve.judging import Judge
from evolve.observer import Committed, Observer
from evolve.operators.base import Brief, NoProposal, Operator, ParentProgram, Request
from evolve.problem import InfrastructureError, Split, Status
from evolve.program import Program, ProgramError, check_entry_point, check_outside_unchanged
from evolve.racing import races
from evolve.randomness import stream
from evolve.search.base import Result, Selection, Strategy, Verdict

SEED_OPERATOR = "seed"
ATTEMPTS = 3
"""How often an operator may try to make a program that passes screening."""
RECENT = 512
"""How many programs are kept in memory, so that parents need not be read from the archive."""


class _Attempted(msgspec.Struct, frozen=True):
    """A proposal when it has been through screening and evaluation."""

    selected: Selected
    program: Program | None = None
    evaluation: ScoredEvaluation | None = None
    status: str = ""
    reason: str | None = None


class _Rejected(Exception):  # noqa: N818 - a finding about a program, not an error of ours
    """Screening said no; nothing was spent on it."""

    def __init__(self, status: str, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


class KnownProgram(msgspec.Struct, frozen=True):
    """A program that children can be made from."""

    program: ParentProgram
    scores: dict[str, float]
    """On each train instance, by name."""


class Context(msgspec.Struct, frozen=True):
    """What a controller works with; all of it is made elsewhere."""

    journal: Journal
    judge: Judge
    strategy: Strategy
    operators: Mapping[str, Operator]
    brief: Brief
    seed_program: str
    baselines: Mapping[str, KnownProgram]
    """By hash."""
    course: Course
    budget: Budget
    observer: Observer
    last: int | None = None
    """The last proposal to make, where a run is to end with a certain one."""


class Controller:
    """One run of the loop, from where the archive stands to the end of a budget."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._strategy = context.strategy
        progress = context.journal.progress()
        self._committed = progress.committed
        self._evaluations = progress.evaluations
        self._hashes = progress.hashes
        self._waiting = deque(progress.waiting)
        self._spent_seconds = progress.seconds
        self._started_at = time.monotonic()
        self._running: dict[asyncio.Task[_Attempted], int] = {}
        self._evaluating: dict[tuple[str, str | None], asyncio.Task[ScoredEvaluation]] = {}
        self._buffer: dict[int, _Attempted] = {}
        self._recent: OrderedDict[str, KnownProgram] = OrderedDict()
        self._best = progress.best
        self._last_new = max(progress.hashes.values(), default=0)
        self._stop_reason: str | None = None
        self._ending = Ending(context.budget, context.course.lag)
        self._ending.recall(progress, context.journal.first_to_reach)
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
        self._wake.set()

    async def run(self) -> str:
        """Work until a budget is reached or somebody says stop; returns which it was."""
        if self._committed < 0 and not self._waiting:
            first = Selected(0, SEED_OPERATOR, (), (), {})
            self._context.journal.select_first(first)
            self._waiting.append(first)
        try:
            while self._start_what_may_start():
                await self._next_event()
                self._commit_what_is_ready()
        finally:
            await self._drop_what_is_left()
        assert self._stop_reason is not None
        return self._stop_reason

    def _start_what_may_start(self) -> bool:
        """Start proposals in order, as far as the budget allows; whether any is in flight."""
        limit = self._context.budget.max_time
        if limit is not None and self.seconds >= limit:
            self.stop("max_time")
        while self._stop_reason is None and self._waiting and self._may_start(self._waiting[0].number):
            selected = self._waiting.popleft()
            self._running[asyncio.create_task(self._attempt(selected))] = selected.number
        if not self._running and not self._buffer and self._stop_reason is None:
            self._stop_reason = self._why_nothing_starts()
        return bool(self._running)

    def _may_start(self, number: int) -> bool:
        last = self._context.last
        if last is not None and number > last:
            return False
        return self._ending.allows(number, self._evaluations, len(self._running) + len(self._buffer))

    def _why_nothing_starts(self) -> str:
        return self._ending.reason or ("max_evaluations" if self._context.last is None else "last")

    async def _next_event(self) -> None:
        """Wait until a proposal is finished, somebody says stop, or time is up."""
        waker = asyncio.create_task(self._wake.wait())
        limit = self._context.budget.max_time
        patience = None if limit is None or self._stop_reason else max(0.0, limit - self.seconds)
        try:
            done, _ = await asyncio.wait(
                [*self._running, waker], timeout=patience, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            waker.cancel()
            self._wake.clear()
        for task in done:
            if task is not waker:
                number = self._running.pop(task)  # type: ignore[arg-type]  # the waker is the only other kind
                self._buffer[number] = task.result()  # type: ignore[assignment]

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
        try:
            program = await self._propose(selected)
        except _Rejected as rejected:
            return _Attempted(selected, status=rejected.status, reason=rejected.reason)
        maker = self._hashes.get(program.id)
        if maker is not None:
            return _Attempted(selected, status="duplicate", reason=_same_as(maker))
        evaluation = await self._evaluate(program, selected)
        return _Attempted(selected, program, evaluation)

    async def _propose(self, selected: Selected) -> Program:
        """A screened program, after some attempts if need be."""
        if selected.operator == SEED_OPERATOR:
            return self._screen(self._context.seed_program, None, selected.number)
        rejected: list[_Rejected] = []
        parents = tuple(self._known(one).program for one in selected.parents)
        inspirations = tuple(self._known(one).program for one in selected.inspirations)
        for attempt in range(ATTEMPTS):
            request = Request(
                number=selected.number,
                parents=parents,
                inspirations=inspirations,
                brief=self._context.brief,
                random=stream(self._context.course.seed, f"propose/{attempt}", selected.number),
                rejections=tuple(one.reason for one in rejected),
            )
            try:
                source = await self._ask(selected.operator, request)
                return self._screen(source, parents[0].source, selected.number)
            except NoProposal as nothing:
                rejected.append(_Rejected("no_proposal", str(nothing)))
            except _Rejected as again:
                rejected.append(again)
        raise rejected[-1]

    async def _ask(self, name: str, request: Request) -> str:
        """What an operator answers; a plug-in's own trouble is told with its name."""
        try:
            source: object = await self._context.operators[name].propose(request)
        except (NoProposal, UserError, ArchiveError, InfrastructureError):
            raise
        except Exception as error:  # whatever a plug-in raises ends the run in good order, with its name
            what = f"{type(error).__name__}: {error}"
            raise UserError(f"the operator '{name}' failed on proposal {request.number}: {what}") from error
        if not isinstance(source, str):
            kind = type(source).__name__
            raise UserError(f"the operator '{name}' answered proposal {request.number} with {kind}, not text")
        return source

    def _screen(self, source: str, parent: str | None, number: int) -> Program:
        """No evaluation is spent on what does not parse, breaks the rules, or is not new.

        What is new is decided as of commit n - lag, so that an operator gets the same second chances
        however far the commits have come meanwhile.
        """
        try:
            program = Program.parse(source)
            check_entry_point(program, self._context.brief.entry_point)
            if parent is not None:
                check_outside_unchanged(program.source, parent)
        except ProgramError as error:
            raise _Rejected("rejected", str(error)) from error
        maker = self._hashes.get(program.id)
        if maker is not None and maker <= max(0, number - self._context.course.lag):
            raise _Rejected("duplicate", _same_as(maker))
        return program

    async def _evaluate(self, program: Program, selected: Selected) -> ScoredEvaluation:
        """Evaluate on train, racing against the parent; equal proposals in flight share one evaluation."""
        rival = self._rival(selected)
        key = (program.id, rival)
        task = self._evaluating.get(key)
        if task is None:
            scores = None if rival is None else self._known(rival).scores
            task = asyncio.create_task(self._context.judge.evaluate(program.source, Split.TRAIN, scores))
            self._evaluating[key] = task
        return await asyncio.shield(task)

    def _rival(self, selected: Selected) -> str | None:
        """The parent that a program races against, where there is a race."""
        racing = self._context.course.race and races(self._context.judge.names(Split.TRAIN))
        return selected.parents[0] if racing and selected.parents else None

    # Commits, in order.

    def _commit(self, attempted: _Attempted) -> None:
        number = attempted.selected.number
        status, reason, new = self._settle(attempted)
        verdict = self._tell(attempted, new)
        status = status or verdict.meaning.value
        self._committed = number
        if new:
            assert attempted.program is not None
            self._hashes[attempted.program.id] = number
            self._evaluations += 1
            self._last_new = number
        self._ending.see(number, self._best, self._last_new)
        selected = self._select_next(number)
        self._context.journal.commit(
            Commit(
                number=number,
                status=status,
                operator=attempted.selected.operator,
                program=attempted.program if new else None,
                evaluation=attempted.evaluation if new else None,
                reason=reason,
                improvement=verdict.improvement if new else None,
                selected=selected,
                state=self._strategy.state(),
                seconds=self.seconds,
            )
        )
        self._waiting.extend(selected)
        self._announce(attempted, status, reason, new)

    def _settle(self, attempted: _Attempted) -> tuple[str, str | None, bool]:
        """Status ('' where the strategy decides), reason, and whether there is a new evaluated program."""
        program, evaluation = attempted.program, attempted.evaluation
        if program is None or evaluation is None:
            return attempted.status, attempted.reason, False
        self._evaluating.pop((program.id, self._rival(attempted.selected)), None)
        maker = self._hashes.get(program.id)
        if maker is not None:
            return "duplicate", _same_as(maker), False
        if evaluation.status is Status.STOPPED:
            return "stopped", _stopped_early(evaluation), True
        return "", _first_failure(evaluation), True

    def _tell(self, attempted: _Attempted, new: bool) -> Verdict:
        selected, program, evaluation = attempted.selected, attempted.program, attempted.evaluation
        selection = Selection(
            selected.operator, selected.parents, selected.inspirations, dict(selected.context)
        )
        if not new or program is None or evaluation is None:
            return self._strategy.tell(Result(selected.number, selection))
        selectable = evaluation.status is Status.OK and evaluation.score is not None
        if selectable:
            self._best = max(evaluation.score or 0.0, self._best or 0.0)
            parent = ParentProgram(program.id, program.source, evaluation.score)
            self._remember(KnownProgram(parent, evaluation.scores))
        names = self._context.judge.names(Split.TRAIN)
        return self._strategy.tell(
            Result(
                number=selected.number,
                selection=selection,
                program=program.id,
                score=evaluation.score if selectable else None,
                scores=tuple(evaluation.scores[name] for name in names) if selectable else (),
                size=len(program.source),
            )
        )

    def _select_next(self, number: int) -> tuple[Selected, ...]:
        """What can be selected now that `number` is committed; after the seed that is the first `lag`."""
        lag = self._context.course.lag
        numbers = range(1, lag + 1) if number == 0 else range(number + lag, number + lag + 1)
        return tuple(self._select(one) for one in numbers)

    def _select(self, number: int) -> Selected:
        selection = self._strategy.ask(number, stream(self._context.course.seed, "select", number))
        return Selected(
            number, selection.operator, selection.parents, selection.inspirations, dict(selection.context)
        )

    # Programs that operators work on.

    def _known(self, program_hash: str) -> KnownProgram:
        """A program by its hash: a baseline, one that was lately used, or one from the archive."""
        found = self._context.baselines.get(program_hash) or self._recent.get(program_hash)
        if found is None:
            source, score, scores = self._context.journal.program(program_hash)
            found = KnownProgram(ParentProgram(program_hash, source, score), scores)
        self._remember(found)
        return found

    def _remember(self, known: KnownProgram) -> None:
        self._recent[known.program.id] = known
        self._recent.move_to_end(known.program.id)
        if len(self._recent) > RECENT:
            self._recent.popitem(last=False)

    def _announce(self, attempted: _Attempted, status: str, reason: str | None, new: bool) -> None:
        evaluation = attempted.evaluation if new else None
        self._context.observer.committed(
            Committed(
                number=attempted.selected.number,
                status=status,
                operator=attempted.selected.operator,
                reason=reason,
                program=attempted.program.id if attempted.program is not None else None,
                score=None if evaluation is None else evaluation.score,
                best=self._best,
                evaluations=self._evaluations,
                seconds=self.seconds,
            )
        )


def _first_failure(evaluation: ScoredEvaluation) -> str | None:
    failed = next((one for one in evaluation.outcomes if one.status is not Status.OK), None)
    return None if failed is None else f"{failed.status.value} on {failed.instance}: {failed.feedback}"


def _stopped_early(evaluation: ScoredEvaluation) -> str:
    return f"clearly worse than its parent on the first {len(evaluation.outcomes)} instances"


def _same_as(maker: int) -> str:
    return f"the same program as proposal {maker}'s"
