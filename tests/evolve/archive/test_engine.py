import os
import resource
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from evolve.archive.engine import Archive, open_archive
from evolve.archive.models import Base
from evolve.archive.runs import list_runs
from evolve.errors import ArchiveError, UserError
from tests.evolve.archive.children import in_a_child
from tests.evolve.archive.rows import check_whole, commit_of, go_on, selected_of, start_search

NOBODY = 65534


@pytest.fixture
def archive_url(tmp_path: Path) -> str:
    """These tests are about files."""
    return f"sqlite:///{tmp_path}/archive.db"


@pytest.fixture
def public_folder() -> Iterator[Path]:
    """A folder that any user may enter, unlike pytest's own."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder
    folder.chmod(0o755)
    shutil.rmtree(folder)


def _as_nobody(work: Callable[[], object]) -> str:
    """`in_a_child`, where permissions hold even if the tests are run by root."""

    def dropped() -> object:
        if os.getuid() == 0:
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)
        return work()

    return in_a_child(dropped)


def _file_of(url: str) -> Path:
    return Path(url.removeprefix("sqlite:///"))


def _run_names(url: str, *, read_only: bool = True) -> list[str]:
    archive = open_archive(url, create=False, read_only=read_only)
    try:
        with archive.reading() as connection:
            return [run.name for run in list_runs(connection)]
    finally:
        archive.close()


# Opening.


def test_archive_is_made_once_and_found_again(archive_url: str) -> None:
    first = open_archive(archive_url)
    start_search(first)
    first.close()
    assert _run_names(archive_url, read_only=False) == ["search"]
    with sqlite3.connect(_file_of(archive_url)) as connection:
        tables = {
            name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        }
    assert tables == {*Base.metadata.tables}


def test_there_is_none_and_none_is_to_be_made(archive_url: str) -> None:
    for read_only in (False, True):
        with pytest.raises(UserError, match=r"there is no archive .*archive\.db; `evolve run` makes one"):
            open_archive(archive_url, create=False, read_only=read_only)
    with pytest.raises(UserError, match="there is no archive"):
        open_archive(archive_url, create=True, read_only=True)
    assert not _file_of(archive_url).exists()


def test_empty_file_is_an_archive_yet_to_be_made(archive_url: str) -> None:
    _file_of(archive_url).touch()
    with pytest.raises(UserError, match="is empty; `evolve run` fills it"):
        open_archive(archive_url, create=False)
    open_archive(archive_url, create=True).close()
    assert _run_names(archive_url) == []


@pytest.mark.parametrize("read_only", [False, True])
def test_database_of_something_else_is_left_as_it_was(archive_url: str, read_only: bool) -> None:
    file = _file_of(archive_url)
    with sqlite3.connect(file) as connection:
        connection.execute("CREATE TABLE run (id INTEGER PRIMARY KEY, distance REAL)")
    connection.close()
    before = file.read_bytes()
    with pytest.raises(UserError, match="is a database of something else; use another --archive"):
        open_archive(archive_url, read_only=read_only)
    assert file.read_bytes() == before
    assert [*file.parent.iterdir()] == [file]


def test_file_that_is_no_database_is_left_as_it_was(archive_url: str) -> None:
    file = _file_of(archive_url)
    file.write_text("makespan,score\n" * 100)
    before = file.read_bytes()
    for read_only in (False, True):
        with pytest.raises(ArchiveError, match="the file is not an SQLite database; use another --archive"):
            open_archive(archive_url, read_only=read_only)
    assert file.read_bytes() == before


@pytest.mark.parametrize("kept", [50, 4096, 3 * 4096 + 17])
def test_truncated_archive_is_an_error_in_words(archive: Archive, archive_url: str, kept: int) -> None:
    search = start_search(archive)
    go_on(search, 60)
    archive.close()
    os.truncate(_file_of(archive_url), kept)
    with pytest.raises(ArchiveError, match=r"damaged; restore it|not an SQLite database"):
        check_whole(open_archive(archive_url), search)


def test_folder_is_no_archive(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=rf"is a folder; give a file, as in sqlite:///{tmp_path}/evolve\.db"):
        open_archive(f"sqlite:///{tmp_path}")


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("runs.db", "'runs.db' is not the URL of an archive; a file is given as sqlite:///runs.db"),
        ("", "a file is given as sqlite:///evolve.db"),
        ("sqlite://", "an archive in memory would be lost"),
        ("sqlite:///:memory:", "an archive in memory would be lost"),
        ("mysql://user@host/runs", "no driver for 'mysql'; sqlite and postgresql are known"),
        ("nonsense://x", "no driver for 'nonsense'"),
        ("sqlite:///runs.db?timeout=3", "write a '\\?' as %3F"),
        ("sqlite:///run\0s.db", "cannot hold a NUL character"),
    ],
)
def test_url_that_is_none_of_an_archive(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=message):
        open_archive(url)
    assert [*tmp_path.iterdir()] == []


def test_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ArchiveError, match="cannot be opened; check that its folder exists and is writable"):
        open_archive(f"sqlite:///{tmp_path}/absent/archive.db")


def test_name_that_the_file_system_does_not_take(tmp_path: Path) -> None:
    with pytest.raises(ArchiveError, match="cannot be opened: File name too long"):
        open_archive(f"sqlite:///{tmp_path}/{'x' * 300}.db")


@pytest.mark.parametrize("name", ["with space", "hash#tag", "half", "é", "a&b=c", "it's", "%3F"])
def test_path_may_hold_any_characters(tmp_path: Path, name: str) -> None:
    url = f"sqlite:///{tmp_path}/{name}.db"
    archive = open_archive(url)
    start_search(archive)
    assert _run_names(url) == ["search"]
    assert _run_names(archive.name) == ["search"]
    archive.close()
    assert [entry.name for entry in tmp_path.glob("*.db")] == [f"{name.replace('%3F', '?')}.db"]


def test_relative_path_is_from_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    open_archive("sqlite:///here.db").close()
    assert (tmp_path / "here.db").is_file()
    assert _run_names("sqlite:///here.db") == []


# Permissions.


@pytest.fixture
def foreign_archive(public_folder: Path) -> str:
    """An archive that its owner has closed, in a folder where others may only read."""
    url = f"sqlite:///{public_folder}/archive.db"
    archive = open_archive(url)
    start_search(archive)
    archive.close()
    (public_folder / "archive.db").chmod(0o444)
    public_folder.chmod(0o555)
    return url


def test_archive_of_somebody_else_can_be_read(foreign_archive: str) -> None:
    assert _as_nobody(lambda: _run_names(foreign_archive)) == "['search']"


def test_archive_that_is_in_use_by_somebody_else_can_be_read(public_folder: Path) -> None:
    url = f"sqlite:///{public_folder}/archive.db"
    archive = open_archive(url)
    start_search(archive)
    public_folder.chmod(0o555)
    assert Path(f"{public_folder}/archive.db-wal").stat().st_size > 0
    assert _as_nobody(lambda: _run_names(url)) == "['search']"
    archive.close()


def test_archive_of_somebody_else_cannot_be_written(foreign_archive: str) -> None:
    message = _as_nobody(lambda: start_search(open_archive(foreign_archive), "another"))
    assert message.startswith("ArchiveError: archive sqlite:///")
    assert "check" in message
    assert "folder" in message


def test_no_archive_is_made_in_a_folder_for_reading(public_folder: Path) -> None:
    public_folder.chmod(0o555)
    message = _as_nobody(lambda: open_archive(f"sqlite:///{public_folder}/archive.db"))
    assert message.startswith("ArchiveError")
    assert "cannot be opened; check that its folder exists and is writable" in message


def test_folder_that_may_not_be_entered(public_folder: Path) -> None:
    public_folder.chmod(0o700)
    message = _as_nobody(lambda: open_archive(f"sqlite:///{public_folder}/archive.db"))
    if os.getuid() == 0:
        assert message.startswith("ArchiveError")
        assert "Permission denied" in message


# Locks.


@pytest.mark.parametrize("mode", ["delete", "wal"])
def test_archive_locked_by_another_process(archive: Archive, archive_url: str, mode: str) -> None:
    search = start_search(archive)
    archive.close()
    code = (
        "import sqlite3, sys; c = sqlite3.connect(sys.argv[1], isolation_level=None);"
        "c.execute(f'PRAGMA journal_mode = {sys.argv[2]}'); c.execute('BEGIN EXCLUSIVE');"
        "print('locked', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(_file_of(archive_url)), mode],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"locked\n"
        with pytest.raises(ArchiveError, match="another process holds it locked; wait for that process"):
            go_on(start_search(open_archive(archive_url, busy_timeout_ms=20)), 0)
        holder.communicate()
    assert check_whole(archive, search) == -1


# A disk without space.


def test_full_database_loses_nothing_that_was_committed(archive: Archive, archive_url: str) -> None:
    search = start_search(archive)
    go_on(search, 5)
    with archive.reading() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages + 3}")
    with pytest.raises(
        ArchiveError, match="the disk is full; free some space and run the same command again"
    ):
        go_on(search, 10_000)
    last = check_whole(archive, search)
    assert last >= 5
    archive.close()
    go_on(search, last + 3)
    assert check_whole(archive, search) == last + 3


def test_file_that_cannot_grow_loses_nothing_that_was_committed(archive: Archive, archive_url: str) -> None:
    """The write itself fails, as it does when a quota is used up."""
    search = start_search(archive)
    go_on(search, 5)
    search.lease.give_back()
    archive.close()

    def fill() -> None:
        search = start_search(open_archive(archive_url))
        limit = 2**20
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
        go_on(search, 10_000)

    message = in_a_child(fill)
    assert message.startswith("ArchiveError")
    assert "disk" in message
    search = start_search(archive)
    last = check_whole(archive, search)
    assert last > 5
    search.journal.commit(commit_of(last + 1))
    assert check_whole(archive, search) == last + 1
    assert search.history.progress().waiting[0] == selected_of(last + 2)


# Servers.


def test_password_is_never_shown() -> None:
    with pytest.raises((UserError, ArchiveError)) as caught:
        open_archive("postgresql://user:secret@127.0.0.1:9/runs")
    assert "secret" not in str(caught.value)
