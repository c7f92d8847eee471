from collections.abc import Iterator

import pytest

from evolve.archive.engine import Archive, open_archive
from tests.evolve.archive.rows import Search, start_search
from tests.support.postgres import NewUrl


@pytest.fixture
def archive_url(new_url: NewUrl) -> str:
    """The URL of an archive that is not there yet."""
    return new_url()


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
