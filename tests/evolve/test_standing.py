import asyncio
import shutil
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from evolve.archive.engine import Archive, open_archive
from evolve.archive.lease import RunLease
from evolve.archive.records import RunRecord
from evolve.archive.runs import get_run
from evolve.config import Budget, Course, Resources, Settings
from evolve.errors import UserError
from evolve.outside import LiveOutside
from evolve.program import Program
from evolve.running import Surroundings, open_run, search_with
from evolve.standing import Standing, load_recorded_problem, standing_of
from tests.support import curve
from tests.support.searches import InProcessExecutor, Watcher, load_curve

COURSE = Course(seed=3, operators={"constants": 1.0, "statements": 1.0}, lag=4)


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Archive]:
    opened = open_archive(f"sqlite:///{tmp_path / 'evolve.db'}")
    yield opened
    opened.close()


def go_on(archive: Archive, evaluations: int, folder: Path = curve.FOLDER) -> RunRecord:
    """The run of that many evaluations, made in this process."""
    loaded = load_curve(folder)
    settings = Settings(COURSE, Budget(max_evaluations=evaluations), Resources())
    run = open_run(archive, loaded, settings, "mine")
    lease = RunLease.take(archive, run.id, run.name)
    given = Surroundings(
        archive=archive,
        loaded=loaded,
        settings=settings,
        run=run,
        lease=lease,
        executor=InProcessExecutor(loaded),
        observer=Watcher(),
    )
    asyncio.run(search_with(given, LiveOutside, crowns=False))
    lease.give_back()
    with archive.reading() as connection:
        return get_run(connection, "mine")


def standing(archive: Archive, run: RunRecord) -> Standing:
    return asyncio.run(standing_of(archive, run))


def test_a_run_as_it_stands(archive: Archive) -> None:
    run = go_on(archive, 8)
    found = standing(archive, run)
    assert found.course == COURSE
    assert found.progress.evaluations == 8
    assert found.progress.committed >= 7
    assert found.brief.problem == "curve"
    assert set(found.setup.baselines) == {Program.parse(one).id for one in load_curve().baselines.values()}
    selected = found.progress.waiting[0]
    request = found.request(selected, None)
    assert [one.id for one in request.parents] == list(selected.parents)
    assert request.parents[0].score is not None
    assert request.parents[0].outcomes
    assert request.number == selected.number
    assert request.background is not None
    assert request.random.random() == found.request(selected, None).random.random()


def test_looking_changes_nothing_and_steering_stands_where_the_run_does(archive: Archive) -> None:
    run = go_on(archive, 8)
    before = standing(archive, run)
    stored = msgspec.json.decode(msgspec.json.encode(before.steering().state()))
    assert stored == before.progress.state
    go_on(archive, 16)
    after = standing(archive, run)
    assert after.progress.committed > before.progress.committed
    assert after.steering().state() != before.steering().state()


def test_a_run_that_has_committed_nothing(archive: Archive) -> None:
    run = open_run(archive, load_curve(), Settings(COURSE, Budget(), Resources()), "mine")
    with pytest.raises(UserError, match="'mine' has committed nothing yet"):
        standing(archive, run)


def test_a_problem_that_is_another_one_now(archive: Archive, tmp_path: Path) -> None:
    folder = tmp_path / "problem"
    shutil.copytree(curve.FOLDER, folder)
    run = go_on(archive, 4, folder)
    assert load_recorded_problem(run).name == "curve"
    text = (folder / "problem.py").read_text()
    (folder / "problem.py").write_text(text.replace("x * x + 3.0", "x * x + 4.0"))
    with pytest.raises(UserError, match="'mine' was scored by version"):
        standing(archive, run)
