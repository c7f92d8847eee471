import asyncio
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import text

from evolve.archive.engine import Archive, open_archive
from evolve.archive.lease import RunLease
from evolve.archive.runs import get_run
from evolve.config import Budget, Course, Resources, Settings
from evolve.errors import UserError
from evolve.loading import ProblemReference, load_problem
from evolve.outside import LiveOutside
from evolve.problem import Outcome, Split, Status
from evolve.replaying import Replay, replay
from evolve.running import Surroundings, open_run, search_with
from tests.support import curve
from tests.support.searches import InProcessExecutor, Watcher, load_curve

COURSE = Course(seed=3, operators={"constants": 1.0, "statements": 1.0}, lag=4)


@pytest.fixture
def record(tmp_path: Path) -> Iterator[Archive]:
    """A run of offline operators, some of whose programs fail on a later instance."""
    opened = open_archive(f"sqlite:///{tmp_path}/record.db")
    yield opened
    opened.close()


def recorded_run(archive: Archive, course: Course = COURSE) -> None:
    """Search with the shipped operators, evaluating in this process."""
    loaded = load_problem(ProblemReference(f"{curve.FOLDER}/"))
    settings = Settings(course, Budget(max_evaluations=40), Resources())
    run = open_run(archive, loaded, settings, "recorded")
    lease = RunLease.take(archive, run.id, run.name)
    executor = FailsLater(loaded)
    given = Surroundings(
        archive=archive,
        loaded=loaded,
        settings=settings,
        run=run,
        lease=lease,
        executor=executor,
        observer=Watcher(),
    )
    asyncio.run(search_with(given, LiveOutside))
    lease.give_back()


class FailsLater(InProcessExecutor):
    """Has every third program fail on its second instance."""

    def _outcomes(self, source: str, split: Split, instances: Sequence[str]) -> list[Outcome]:
        outcomes = super()._outcomes(source, split, instances)
        if len(source) % 3 == 0 and source not in self._loaded.baselines.values() and len(outcomes) > 1:
            failed = msgspec.structs.replace(outcomes[1], status=Status.TIMEOUT, value=None)
            return [outcomes[0], failed]
        return outcomes


def replayed(archive: Archive, folder: Path) -> Replay:
    target = open_archive(f"sqlite:///{folder}/again.db")
    with archive.reading() as connection:
        run = get_run(connection, "recorded")
    try:
        return asyncio.run(replay(archive, run, target, Watcher()))
    finally:
        target.close()


def test_replay_makes_the_same_decisions(record: Archive, tmp_path: Path) -> None:
    recorded_run(record)
    with record.reading() as connection:
        failed = connection.execute(
            text("SELECT count(*) FROM evaluation WHERE status = 'timeout'")
        ).scalar_one()
    assert failed > 0
    found = replayed(record, tmp_path)
    assert found.identical
    assert found.proposals >= 40


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE outcome SET value = value * 1.5, score = score / 1.5 WHERE evaluation_id = 9",
        "UPDATE program SET source = replace(source, 'return', 'return 1 +') WHERE id = 8",
        "UPDATE proposal SET parents = inspirations WHERE number = 5",
        "UPDATE proposal SET status = 'not_better' WHERE number = 0",
        "UPDATE strategy_state SET state = '{}'",
        "UPDATE run SET settings = json_set(settings, '$.course.seed', 4) WHERE kind = 'search'",
    ],
)
def test_record_that_was_tampered_with_is_found_out(record: Archive, tmp_path: Path, change: str) -> None:
    recorded_run(record)
    with record.writing() as connection:
        changed = connection.execute(text(change)).rowcount
    assert changed > 0
    assert not replayed(record, tmp_path).identical


def test_nothing_to_replay(record: Archive, tmp_path: Path) -> None:
    settings = Settings(COURSE, Budget(), Resources())
    open_run(record, load_curve(), settings, "recorded")
    with pytest.raises(UserError, match="committed nothing yet"):
        replayed(record, tmp_path)
