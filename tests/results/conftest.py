"""Archives made by whole searches in this process."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection

from evolve.archive.engine import Archive, open_archive
from evolve.archive.records import RunRecord
from evolve.archive.runs import get_run, set_status
from evolve.champion import crown
from evolve.config import Budget, Course
from evolve.loading import LoadedProblem
from evolve.problem import Split
from tests.support import curve
from tests.support.searches import Constants, InProcessExecutor, load_curve, opened_search

SECOND_OBJECTIVE = (
    'Objective("distance", "1", Direction.MINIMISE), Objective("answer", "km", Direction.MAXIMISE)'
)


async def search(url: str, loaded: LoadedProblem, name: str = "small", evaluations: int = 50) -> None:
    """A run with two operators on three islands, ended, with a champion."""
    executor = InProcessExecutor(loaded)
    operators = {"constants": 2.0, "others": 1.0}
    course = Course(strategy="islands", operators=operators, lag=4)
    with opened_search(url, executor, loaded, course, name) as given:
        await given.judge.prepare(Split.TRAIN)
        made = [Constants(values=400), Constants(values=400, name="others")]
        await given.controller(made, course, Budget(max_evaluations=evaluations)).run()
        assert await crown(given.archive, given.run.id, given.judge) is not None
        set_status(given.archive, given.run.id, "finished", "max_evaluations")


def two_objectives(folder: Path) -> LoadedProblem:
    """The problem `curve` with a second objective, in a folder of its own."""
    for file in curve.FOLDER.rglob("*"):
        if file.is_file() and "__pycache__" not in file.parts:
            target = folder / "curve2" / file.relative_to(curve.FOLDER)
            target.parent.mkdir(parents=True, exist_ok=True)
            text = file.read_text()
            target.write_text(
                text.replace('Objective("distance", "1", Direction.MINIMISE)', SECOND_OBJECTIVE)
            )
    return load_curve(folder / "curve2")


@pytest.fixture(scope="session")
def url(tmp_path_factory: pytest.TempPathFactory) -> str:
    """An archive with the runs `small` and `double`, the latter on a problem with two objectives."""
    folder = tmp_path_factory.mktemp("results")
    address = f"sqlite:///{folder / 'evolve.db'}"
    asyncio.run(search(address, load_curve()))
    asyncio.run(search(address, two_objectives(folder), "double", 30))
    return address


@pytest.fixture
def archive(url: str) -> Iterator[Archive]:
    """That archive, opened for reading."""
    opened = open_archive(url, create=False, read_only=True)
    yield opened
    opened.close()


@pytest.fixture
def connection(archive: Archive) -> Iterator[Connection]:
    """A consistent view of it."""
    with archive.reading() as reading:
        yield reading


@pytest.fixture
def run(connection: Connection) -> RunRecord:
    """The run `small`."""
    return get_run(connection, "small")


@pytest.fixture
def changeable(url: str, tmp_path: Path) -> Iterator[Archive]:
    """A copy of the archive that a test may change."""
    import sqlite3
    from contextlib import closing

    with (
        closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as source,
        closing(sqlite3.connect(tmp_path / "evolve.db")) as copy,
    ):
        source.backup(copy)
    opened = open_archive(f"sqlite:///{tmp_path / 'evolve.db'}", create=False)
    yield opened
    opened.close()
