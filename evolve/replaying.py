"""A run done again from its record: the same decisions, without a model, a sandbox or a workload."""

import msgspec

from evolve.archive.digest import run_digest
from evolve.archive.engine import Archive
from evolve.archive.lease import RunLease
from evolve.archive.llm_calls import final_calls
from evolve.archive.records import RunRecord
from evolve.archive.runs import last_committed
from evolve.config import Budget, Resources, Settings, make_settings
from evolve.errors import UserError
from evolve.llm.transcripts import Transcript
from evolve.observer import Observer
from evolve.outside import RecordedOutside, ToldPrograms
from evolve.recorded import RecordedExecutor
from evolve.running import Surroundings, open_models, open_run, search_with
from evolve.standing import load_recorded_problem


class Replay(msgspec.Struct, frozen=True):
    """How a replay came out."""

    run: str
    proposals: int
    recorded: str
    """The digest of the record."""
    replayed: str

    @property
    def identical(self) -> bool:
        """Whether the same decisions were made."""
        return self.recorded == self.replayed


async def replay(source: Archive, run: RunRecord, target: Archive, observer: Observer) -> Replay:
    """Do a run again from its record in `source`, into `target`, and compare the digests.

    Raises:
        UserError: The problem is not the one that was recorded.
    """
    loaded = load_recorded_problem(run)
    settings = Settings(make_settings(run.settings["course"]).course, Budget(), Resources())
    with source.reading() as connection:
        recorded = run_digest(connection, run.id)
        last = last_committed(connection, run.id)
        calls = [call for call, _ in final_calls(connection, run.id)]
    if last is None:
        raise UserError(f"'{run.name}' has committed nothing yet")
    again = open_run(target, loaded, settings, run.name)
    lease = RunLease.take(target, again.id, again.name)
    try:
        async with open_models(
            target, again, lease, settings, Transcript(f"the record of {run.name}", calls)
        ) as models:
            given = Surroundings(
                archive=target,
                loaded=loaded,
                settings=settings,
                run=again,
                lease=lease,
                executor=RecordedExecutor(source, loaded, run),
                observer=observer,
                models=models,
            )
            await search_with(
                given,
                lambda journal: RecordedOutside(source, run.id, journal),
                told=ToldPrograms(source, run.id),
                last=last,
                crowns=False,
            )
    finally:
        lease.give_back()
    with target.reading() as connection:
        return Replay(run.name, last + 1, recorded, run_digest(connection, again.id))
