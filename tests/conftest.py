"""Settings and fixtures that all tests share."""

import itertools
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from evolve.config import available_cores
from tests.support.postgres import NewUrl, Server, running_server

# The machines are shared and slow at times; how long an example takes proves nothing.
settings.register_profile("evolve", deadline=None)
settings.load_profile("evolve")

# Whoever starts the tests in the background has them ignore Ctrl-C, and so would all that they start.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """One process more than there are cores, for `pytest -n auto`: many tests wait for processes."""
    return available_cores() + 1


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """A PostgreSQL server of our own; tests that ask for it are skipped where there can be none."""
    with running_server() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def new_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[NewUrl]:
    """Gives the URL of an archive that is not there yet, another one at each call."""
    if request.param == "sqlite":
        numbers = itertools.count()
        yield lambda: f"sqlite:///{tmp_path}/archive{next(numbers) or ''}.db"
        return
    server: Server = request.getfixturevalue("postgres")
    with server.new_urls() as new:
        yield new
