from collections.abc import Iterator
from pathlib import Path

import pytest

from evolve.archive.engine import Archive, open_archive
from tests.evolve.archive.rows import Search, start_search


@pytest.fixture
def archive_url(tmp_path: Path) -> str:
    """The URL of an archive that is not there yet."""
    return f"sqlite:///{tmp_path}/archive.db"


@pytest.fixture
def archive(archive_url: str) -> Iterator[Archive]:
    """A new archive, opened."""
    opened = open_archive(archive_url)
    yield opened
    opened.close()


@pytest.fixture
def search(archive: Archive) -> Search:
    """A new run in the archive."""
    return start_search(archive)
