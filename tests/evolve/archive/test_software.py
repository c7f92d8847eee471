"""The versions that a run was made with."""

import platform

import msgspec
import numpy as np
import pytest

from evolve import __version__
from evolve.archive import software
from evolve.archive.digest import run_digest
from evolve.archive.engine import Archive, open_archive
from evolve.archive.moving import copy_run
from evolve.archive.pruning import remove_run
from evolve.archive.runs import get_run
from evolve.archive.software import SoftwareRecord, read_software, versions_here
from results.named_queries import rows_of
from tests.evolve.archive.rows import Search, go_on, start_search
from tests.support.postgres import NewUrl


def _recorded(archive: Archive, name: str = "search") -> list[SoftwareRecord]:
    with archive.reading() as connection:
        return read_software(connection, get_run(connection, name).id)


def _continued(archive: Archive, monkeypatch: pytest.MonkeyPatch, until: int, evolve: str) -> Search:
    """Go on with the run as another version of this software would."""
    others = msgspec.structs.replace(versions_here(), evolve=evolve)
    with monkeypatch.context() as patched:
        patched.setattr(software, "versions_here", lambda: others)
        search = start_search(archive)
    go_on(search, until)
    search.lease.give_back()
    return search


def test_versions_are_those_of_this_process() -> None:
    here = versions_here()
    assert here.evolve == __version__
    assert here.python.endswith(platform.python_version())
    assert here.numpy == np.__version__
    assert platform.machine() in here.platform


def test_the_same_versions_are_written_down_once(archive: Archive) -> None:
    for until in (2, 4):
        search = start_search(archive)
        go_on(search, until)
        search.lease.give_back()
    (only,) = _recorded(archive)
    assert (only.proposal, only.versions) == (0, versions_here())


def test_a_run_that_other_versions_went_on_with_has_them_all(
    archive: Archive, archive_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _continued(archive, monkeypatch, 2, "0.0.1")
    _continued(archive, monkeypatch, 4, "0.0.2")
    _continued(archive, monkeypatch, 6, "0.0.1")
    expected = [(0, "0.0.1"), (3, "0.0.2"), (5, "0.0.1")]
    found = _recorded(archive)
    assert [(one.proposal, one.versions.evolve) for one in found] == expected
    assert [one.started_at for one in found] == sorted(one.started_at for one in found)
    archive.close()
    reader = open_archive(archive_url, read_only=True)
    with reader.reading() as connection:
        key = get_run(connection, "search").id
    rows = rows_of(reader, "software", run=key)
    reader.close()
    assert [(row["proposal"], row["evolve"]) for row in rows] == expected


def test_they_decide_nothing(archive: Archive, new_url: NewUrl, monkeypatch: pytest.MonkeyPatch) -> None:
    _continued(archive, monkeypatch, 4, "0.0.1")
    other = open_archive(new_url())
    for until in (1, 3, 4):
        _continued(other, monkeypatch, until, f"0.0.{until}")
    digests = []
    for one in (archive, other):
        with one.reading() as connection:
            digests.append(run_digest(connection, get_run(connection, "search").id))
    other.close()
    assert digests[0] == digests[1]


def test_they_are_copied_and_removed_with_the_run(
    archive: Archive, new_url: NewUrl, monkeypatch: pytest.MonkeyPatch
) -> None:
    _continued(archive, monkeypatch, 2, "0.0.1")
    search = _continued(archive, monkeypatch, 4, "0.0.2")
    target = open_archive(new_url())
    copy_run(archive, target, search.run)
    assert _recorded(target) == _recorded(archive)
    remove_run(archive, search.run)
    with archive.reading() as connection:
        assert read_software(connection, search.run.id) == []
    target.close()
