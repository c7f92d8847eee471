"""A whole run: from settings to a champion. What `evolve run` and `evolve resume` do."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import msgspec

from evolve.archive.engine import Archive
from evolve.archive.journal import Journal
from evolve.archive.lease import RENEWAL_S, RunLease
from evolve.archive.records import RunRecord, ScoredEvaluation
from evolve.archive.runs import count_proposals, find_or_create_run, set_status, update_settings
from evolve.caching import CachingExecutor
from evolve.champion import Champion, crown
from evolve.config import DEFAULT_EVALUATIONS, Budget, Course, Resources, Settings, fingerprint
from evolve.controller import Context, Controller, KnownProgram
from evolve.errors import ArchiveError, UserError, unknown
from evolve.execution.base import Executor, ExecutorSettings
from evolve.execution.isolation import IsolationLevel
from evolve.judging import Judge, reference_run
from evolve.loading import LoadedProblem, check_names_differ
from evolve.observer import Observer, Started
from evolve.operators.base import Brief, ParentProgram
from evolve.problem import Split
from evolve.program import Program
from evolve.registry import EXECUTOR, OPERATOR, STRATEGY, find
from evolve.search.base import Setup, Strategy

INTERRUPTED = "interrupted"


class Summary(msgspec.Struct, frozen=True):
    """How a run ended."""

    run: RunRecord
    reason: str
    proposals: Mapping[str, int]
    """How many proposals have each status."""
    evaluations: int
    champion: Champion | None
    """None where the run was interrupted, or no program has a score."""
    baselines: Mapping[Split, Mapping[str, ScoredEvaluation]]
    references: Mapping[Split, str]


def open_run(archive: Archive, loaded: LoadedProblem, settings: Settings, name: str | None) -> RunRecord:
    """The run that these settings describe: made if it is new, gone on with if it is there.

    Raises:
        UserError: There is a run of this name, and it is another one; or the settings name something
            that does not exist.
    """
    _check_names(settings)
    check_names_differ(loaded)
    reference = reference_run(archive, loaded)
    mark = fingerprint(loaded.name, loaded.version, loaded.seed, settings.course)
    run = find_or_create_run(
        archive,
        name=name or f"{loaded.name}-{mark[:8]}",
        kind="search",
        reference_id=reference.id,
        problem=loaded.name,
        problem_version=loaded.version,
        fingerprint=mark,
        seed=settings.course.seed,
        settings=_stored(settings),
        problem_reference=msgspec.to_builtins(loaded.reference),
    )
    if run.kind != "search":
        raise UserError(f"'{run.name}' is the name of the baselines of {run.problem}; choose another --name")
    if run.fingerprint != mark:
        raise UserError(_difference(run, loaded, settings.course))
    return run


async def run_search(
    archive: Archive, loaded: LoadedProblem, settings: Settings, run: RunRecord, observer: Observer
) -> Summary:
    """Search until a budget is reached, then choose and test the champion.

    Raises:
        UserError: The plug-in, a name in the settings, or the isolation is not what it has to be; or
            another process is working on the run.
        InfrastructureError: Evaluations fail on this machine; what was committed stays.
        ArchiveError: The archive cannot be written; what was committed stays.
    """
    lease = RunLease.take(archive, run.id, run.name)
    try:
        update_settings(archive, run.id, _stored(settings))
        observer.preparing("starting workers")
        executor = await start_executor(loaded, settings.resources)
        try:
            cached = CachingExecutor(executor, archive, reference_run(archive, loaded).id)
            return await search_with(cached, archive, loaded, settings, run, lease, observer)
        finally:
            await executor.close()
    finally:
        lease.give_back()


async def search_with(
    executor: Executor,
    archive: Archive,
    loaded: LoadedProblem,
    settings: Settings,
    run: RunRecord,
    lease: RunLease,
    observer: Observer,
    *,
    last: int | None = None,
) -> Summary:
    """The search itself, on an executor and under a lease of the caller's; see `run_search`.

    Where `last` is given, no proposal after that number is made, and no champion is chosen.
    """
    judge = Judge(archive, loaded, executor, reference_run(archive, loaded))
    reason = INTERRUPTED
    champion = None
    set_status(archive, run.id, "running")
    renewal = asyncio.create_task(_renew(lease))
    try:
        observer.preparing("evaluating baselines")
        await judge.prepare(Split.TRAIN)
        journal = Journal(archive, run.id, lease, judge.instance_keys(Split.TRAIN))
        controller = _controller(loaded, settings, journal, judge, observer, last)
        observer.started(_started(archive, run, settings, judge, controller))
        reason = await controller.run()
        if reason != INTERRUPTED and last is None:
            observer.preparing("judging the best programs on validation and test")
            champion = await crown(archive, run.id, judge)
    except ArchiveError:
        raise  # the archive takes nothing more from us, or the run is somebody else's now
    except BaseException:
        set_status(archive, run.id, INTERRUPTED, INTERRUPTED)
        raise
    finally:
        renewal.cancel()
    set_status(archive, run.id, INTERRUPTED if reason == INTERRUPTED else "finished", reason)
    with archive.reading() as connection:
        proposals = count_proposals(connection, run.id)
    return Summary(
        run=run,
        reason=reason,
        proposals=proposals,
        evaluations=controller.evaluations,
        champion=champion,
        baselines={split: judge.baselines(split) for split in judge.prepared},
        references={split: judge.reference(split).baseline for split in judge.prepared},
    )


async def _renew(lease: RunLease) -> None:
    """Renew the lease until cancelled. Where it is lost the next commit will find out."""
    while True:
        await asyncio.sleep(RENEWAL_S)
        with suppress(ArchiveError):
            lease.renew()


async def start_executor(loaded: LoadedProblem, resources: Resources) -> Executor:
    """The executor that the settings name, with its workers running."""
    check_isolation_level(resources.min_isolation)
    kind: type[Executor] = find(EXECUTOR, resources.executor)
    return await kind.start(
        ExecutorSettings(
            reference=loaded.reference,
            workers=resources.workers,
            min_isolation=resources.min_isolation,
        )
    )


def check_isolation_level(name: str | None) -> None:
    """Check that a level of isolation exists; None is the default one.

    Raises:
        UserError: It does not.
    """
    levels = [level.value for level in IsolationLevel]
    if name is not None and name not in levels:
        raise unknown("isolation level", name, levels)


def brief_of(loaded: LoadedProblem) -> Brief:
    """What operators may know of a problem."""
    problem = loaded.problem
    return Brief(
        problem=problem.name,
        statement=loaded.statement,
        entry_point=problem.entry_point,
        features=problem.features,
        objective=problem.objective,
    )


def _check_names(settings: Settings) -> None:
    """Find everything that the settings name, so that a slip is told before anything is started."""
    find(STRATEGY, settings.course.strategy)
    find(EXECUTOR, settings.resources.executor)
    for name in settings.course.operators:
        find(OPERATOR, name)
    check_isolation_level(settings.resources.min_isolation)


def _controller(
    loaded: LoadedProblem,
    settings: Settings,
    journal: Journal,
    judge: Judge,
    observer: Observer,
    last: int | None,
) -> Controller:
    baselines = _baselines(loaded, judge)
    setup = Setup(operators=dict(settings.course.operators), baselines=tuple(baselines))
    kind: type[Strategy] = find(STRATEGY, settings.course.strategy)
    state = journal.progress().state
    return Controller(
        Context(
            journal=journal,
            judge=judge,
            strategy=kind.start(setup) if state is None else kind.restore(setup, state),
            operators={name: find(OPERATOR, name) for name in settings.course.operators},
            brief=brief_of(loaded),
            seed_program=loaded.seed,
            baselines=baselines,
            course=settings.course,
            budget=_bounded(settings.budget),
            observer=observer,
            last=last,
        )
    )


def _baselines(loaded: LoadedProblem, judge: Judge) -> dict[str, KnownProgram]:
    """The baselines that are valid on train, as operators see them, by hash."""
    found = {}
    for name, evaluation in judge.baselines(Split.TRAIN).items():
        if evaluation.score is not None:
            program = Program.parse(loaded.baselines[name])
            parent = ParentProgram(program.id, program.source, evaluation.score)
            found[program.id] = KnownProgram(parent, evaluation.scores)
    return found


def _started(
    archive: Archive, run: RunRecord, settings: Settings, judge: Judge, controller: Controller
) -> Started:
    return Started(
        run=run.name,
        problem=run.problem,
        archive=archive.name,
        isolation=judge.isolation,
        workers=settings.resources.workers,
        operators=tuple(settings.course.operators),
        reference=judge.reference(Split.TRAIN).baseline,
        committed=controller.committed,
        budget=_bounded(settings.budget),
        stop=controller.stop,
    )


def _bounded(budget: Budget) -> Budget:
    """The budget, or the default one where a run would never end."""
    if budget.max_evaluations is None and budget.max_time is None:
        return msgspec.structs.replace(budget, max_evaluations=DEFAULT_EVALUATIONS)
    return budget


def _stored(settings: Settings) -> dict[str, Any]:
    """What a continuation needs to know: the course, and the budget it was last given."""
    stored: dict[str, Any] = msgspec.to_builtins({"course": settings.course, "budget": settings.budget})
    return stored


def _difference(run: RunRecord, loaded: LoadedProblem, course: Course) -> str:
    """Why a run of that name cannot be gone on with."""
    advice = "choose another --name"
    if run.problem != loaded.name:
        return f"the run '{run.name}' is one of {run.problem}; {advice}"
    if run.problem_version != loaded.version:
        return f"the run '{run.name}' was scored by another version of {loaded.name}; {advice}"
    before = run.settings["course"]
    now = msgspec.to_builtins(course)
    changed = [f"{key} {before.get(key)} and not {now[key]}" for key in now if before.get(key) != now[key]]
    return f"the run '{run.name}' has {', '.join(changed) or 'another seed program'}; {advice}"
