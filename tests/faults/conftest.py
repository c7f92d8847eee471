from pathlib import Path

import pytest

from tests.faults.runs import FaultyRun, undisturbed_digest


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The digest that every run of these tests has to end with."""
    return undisturbed_digest(tmp_path_factory.mktemp("undisturbed") / "run")


@pytest.fixture
def faulty(tmp_path: Path) -> FaultyRun:
    """A run that has not been started."""
    return FaultyRun(tmp_path / "run")
