"""A whole run: from settings to a champion. What `evolve run` and `evolve resume` do."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import msgspec

from evolve.archive.engine import Archive
from evolve.archive.history import History
from evolve.archive.journal import Journal
from evolve.archive.lease import RENEWAL_S, RunLease
from evolve.archive.llm_calls import RunLedger, run_spending
from evolve.archive.records import RunRecord, ScoredEvaluation
from evolve.archive.runs import count_proposals, find_or_create_run, set_status, update_settings
from evolve.assembly import assemble, operators_of
from evolve.caching import CachingExecutor
from evolve.champion import Champion, crown
from evolve.config import (
    DEFAULT_EVALUATIONS,
    Budget,
    Course,
    Resources,
    Settings,
    all_models,
    fingerprint,
)
from evolve.controller import Controller, Outside
from evolve.errors import ArchiveError, UserError, unknown
from evolve.execution.base import Executor, ExecutorSettings
from evolve.execution.isolation import IsolationLevel
from evolve.judging import Judge, reference_run
from evolve.llm.base import Spending
from evolve.llm.client import AnswerSource, Client
from evolve.llm.transcripts import Transcript
from evolve.loading import LoadedProblem, check_names_differ
from evolve.observer import Observer, Started
from evolve.operators.base import Operator
from evolve.outside import LiveOutside, ToldPrograms
from evolve.problem import Split
from evolve.proposing import EXTERNAL_OPERATOR, Models
from evolve.registry import EXECUTOR, STRATEGY, find

INTERRUPTED = "interrupted"
REMEMBERED = ("providers", "prices", "allow_unpriced", "prompt_text")
"""The resources that belong to a run and not to the machine that it runs on."""


class Summary(msgspec.Struct, frozen=True):
    """How a run ended."""

    run: RunRecord
    reason: str
    proposals: Mapping[str, int]
    """How many proposals have each status."""
    evaluations: int
    spending: Spending
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
        raise UserError(
            f"'{run.name}' is the name of a run of the kind '{run.kind}', which is no search; choose another"
            " --name"
        )
    if run.fingerprint != mark:
        raise UserError(_difference(run, loaded, settings.course))
    return run


class Surroundings(msgspec.Struct, frozen=True, kw_only=True):
    """What a search uses and does not own."""

    archive: Archive
    loaded: LoadedProblem
    settings: Settings
    run: RunRecord
    lease: RunLease
    executor: Executor
    observer: Observer
    models: Models | None = None


async def run_search(
    archive: Archive, loaded: LoadedProblem, settings: Settings, run: RunRecord, observer: Observer
) -> Summary:
    """Search until a budget is reached, then choose and test the champion.

    Raises:
        UserError: The plug-in, a name in the settings, a key, or the isolation is not what it has to be;
            or another process is working on the run.
        InfrastructureError: Evaluations fail on this machine; what was committed stays.
        ArchiveError: The archive cannot be written; what was committed stays.
    """
    async with surroundings(archive, loaded, settings, run, observer) as given:
        return await search_with(given, LiveOutside)


@asynccontextmanager
async def surroundings(
    archive: Archive, loaded: LoadedProblem, settings: Settings, run: RunRecord, observer: Observer
) -> AsyncIterator[Surroundings]:
    """A lease on the run, models and workers; all given back at the end."""
    lease = RunLease.take(archive, run.id, run.name)
    try:
        update_settings(archive, run.id, _stored(settings))
        async with open_models(archive, run, lease, settings) as models:
            observer.preparing("starting workers")
            executor = await start_executor(loaded, settings.resources)
            try:
                yield Surroundings(
                    archive=archive,
                    loaded=loaded,
                    settings=settings,
                    run=run,
                    lease=lease,
                    executor=CachingExecutor(executor, archive, reference_run(archive, loaded).id),
                    observer=observer,
                    models=models,
                )
            finally:
                await executor.close()
    finally:
        lease.give_back()


async def search_with(
    given: Surroundings,
    outside: Callable[[Journal], Outside],
    *,
    told: Operator | None = None,
    last: int | None = None,
    crowns: bool = True,
) -> Summary:
    """The search itself; see `run_search`.

    `told` hands over the programs from outside; those of the run's own tickets, if it is not given. Where
    `last` is given, it alone ends the run. A champion is chosen if `crowns`.
    """
    archive, run = given.archive, given.run
    judge = Judge(archive, given.loaded, given.executor, reference_run(archive, given.loaded))
    reason = INTERRUPTED
    champion = None
    set_status(archive, run.id, "running")
    renewal = asyncio.create_task(_renew(given.lease))
    try:
        given.observer.preparing("evaluating baselines")
        await judge.prepare(Split.TRAIN)
        controller = _controller(given, judge, outside, told, last)
        given.observer.started(_started(given, judge, controller))
        reason = await controller.run()
        if reason != INTERRUPTED and crowns:
            given.observer.preparing("judging the best programs on validation and test")
            champion = await crown(archive, run.id, judge)
    except ArchiveError:
        raise  # the archive takes nothing more from us, or the run is somebody else's now
    except BaseException:
        set_status(archive, run.id, INTERRUPTED, INTERRUPTED)
        raise  # this only says how the run stands; whoever called decides about the rest
    finally:
        renewal.cancel()
    set_status(archive, run.id, INTERRUPTED if reason == INTERRUPTED else "finished", reason)
    with archive.reading() as connection:
        proposals = count_proposals(connection, run.id)
        spending = run_spending(connection, run.id)
    return Summary(
        run=run,
        reason=reason,
        proposals=proposals,
        evaluations=controller.evaluations,
        spending=spending,
        champion=champion,
        baselines={split: judge.baselines(split) for split in judge.prepared},
        references={split: judge.reference(split).baseline for split in judge.prepared},
    )


def _controller(
    given: Surroundings,
    judge: Judge,
    outside: Callable[[Journal], Outside],
    told: Operator | None,
    last: int | None,
) -> Controller:
    journal = Journal(
        given.archive,
        given.run.id,
        given.lease,
        judge.instance_keys(Split.TRAIN),
        prompt_text=given.settings.resources.prompt_text,
    )
    budget = _bounded(given.settings.budget) if last is None else Budget()
    settings = msgspec.structs.replace(given.settings, budget=budget)
    return assemble(
        loaded=given.loaded,
        settings=settings,
        journal=journal,
        history=History(given.archive, given.run.id),
        judge=judge,
        observer=given.observer,
        models=given.models,
        outside=outside(journal),
        external=told or ToldPrograms(given.archive, given.run.id),
        last=last,
    ).controller


def makes_none(settings: Settings) -> bool:
    """Whether a run makes no programs itself, and ends whenever all that were told are committed."""
    return list(settings.course.operators) == [EXTERNAL_OPERATOR]


@asynccontextmanager
async def open_models(
    archive: Archive,
    run: RunRecord,
    lease: RunLease,
    settings: Settings,
    answers: AnswerSource | None = None,
) -> AsyncIterator[Client | None]:
    """The models of a run, ready to be asked; None where it has none.

    With `answers`, or those of a transcript in the settings, no provider is asked for any.

    Raises:
        UserError: A price or a key is missing, or an SDK is not installed.
    """
    models = all_models(settings.course)
    if not models:
        yield None
        return
    ledger = RunLedger(archive, run.id, lease, prompt_text=settings.resources.prompt_text)
    if answers is None and settings.resources.transcript is not None:
        answers = Transcript.read(Path(settings.resources.transcript))
    client = Client.start(models, settings.resources, settings.budget, ledger, source=answers)
    try:
        yield client
    finally:
        await client.close()


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


def _check_names(settings: Settings) -> None:
    """Find everything that the settings name, so that a slip is told before anything is started."""
    find(STRATEGY, settings.course.strategy)
    find(EXECUTOR, settings.resources.executor)
    operators_of(settings.course)
    check_isolation_level(settings.resources.min_isolation)


def _started(given: Surroundings, judge: Judge, controller: Controller) -> Started:
    return Started(
        run=given.run.name,
        problem=given.run.problem,
        archive=given.archive.name,
        isolation=judge.isolation,
        workers=given.settings.resources.workers,
        operators=tuple(given.settings.course.operators),
        models=tuple(all_models(given.settings.course)),
        reference=judge.reference(Split.TRAIN).baseline,
        committed=controller.committed,
        budget=_bounded(given.settings.budget),
        stop=controller.stop,
    )


def _bounded(budget: Budget) -> Budget:
    """The budget, or the default one where a run would never end."""
    limits = (budget.max_evaluations, budget.max_time, budget.max_cost, budget.max_tokens)
    if all(limit is None for limit in limits):
        return msgspec.structs.replace(budget, max_evaluations=DEFAULT_EVALUATIONS)
    return budget


def _stored(settings: Settings) -> dict[str, Any]:
    """What a continuation needs to know: the course, the budget, and how models are reached and paid."""
    resources = msgspec.to_builtins(settings.resources)
    stored: dict[str, Any] = msgspec.to_builtins({"course": settings.course, "budget": settings.budget})
    return {**stored, "resources": {name: resources[name] for name in REMEMBERED}}


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
