"""From every revision to every other one, with data, on both databases."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, MetaData, inspect, select, update

from evolve.archive import migrating
from evolve.archive.digest import run_digest
from evolve.archive.engine import Archive, open_archive, revision_of
from evolve.archive.migrating import create, migrate, remove, revisions
from evolve.archive.models import REVISION, ArchiveInfo, Base
from evolve.archive.views import view_texts, views_digest
from evolve.errors import ArchiveError, UserError
from tests.evolve.archive.rows import all_rows, go_on, start_search
from tests.support.command import evolve
from tests.support.postgres import NewUrl

ADDED = {"software": "0003"}
"""The revision that brought a table, for those that were not there from the first on."""


def _migrated_from_nothing(url: str, revision: str) -> Archive:
    archive = open_archive(url, any_revision=True)
    with archive.writing() as connection:
        create(connection, revision)
    return archive


def _shape(connection: Connection) -> dict[str, Any]:
    """Everything about tables and views that statements can notice."""
    inspector = inspect(connection)
    tables = {}
    for name in inspector.get_table_names():
        columns = {
            one["name"]: (str(one["type"]), one["nullable"], str(one["default"]).split("(")[0])
            for one in inspector.get_columns(name)
        }
        keys = sorted(
            (one["constrained_columns"], one["referred_table"], one["referred_columns"])
            for one in inspector.get_foreign_keys(name)
        )
        indexes = sorted((one["name"], one["column_names"]) for one in inspector.get_indexes(name))
        unique = sorted(one["column_names"] for one in inspector.get_unique_constraints(name))
        primary = inspector.get_pk_constraint(name)["constrained_columns"]
        tables[name] = (columns, keys, indexes, unique, primary)
    views = {name: inspector.get_view_definition(name) for name in sorted(inspector.get_view_names())}
    return {"tables": tables, "views": views}


def _rows(connection: Connection) -> dict[str, list[str]]:
    """All rows, column by column, of whatever tables there are."""
    found = MetaData()
    found.reflect(connection)
    return {
        name: sorted(repr(row._mapping) for row in connection.execute(select(table)))
        for name, table in found.tables.items()
        if name != ArchiveInfo.__tablename__
    }


def test_revisions_are_numbered_and_the_newest_is_the_one_that_is_written() -> None:
    assert revisions() == [f"{number:04d}" for number in range(1, len(revisions()) + 1)]
    assert revisions()[-1] == REVISION


def test_migrations_come_to_the_same_as_the_models(new_url: NewUrl) -> None:
    made, migrated = open_archive(new_url()), _migrated_from_nothing(new_url(), REVISION)
    with made.reading() as one, migrated.reading() as other:
        assert _shape(one) == _shape(other)
    made.close()
    migrated.close()


def test_autogenerate_finds_nothing(new_url: NewUrl) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    archive = _migrated_from_nothing(new_url(), REVISION)
    with archive.reading() as connection:
        context = MigrationContext.configure(
            connection,
            opts={
                "compare_type": True,
                "version_table": ArchiveInfo.__tablename__,
                "include_object": lambda _, name, *others: name != ArchiveInfo.__tablename__,
            },
        )
        assert compare_metadata(context, Base.metadata) == []
    archive.close()


def test_views_are_those_of_the_newest_revision() -> None:
    versions = Path(migrating.FOLDER) / "versions"
    (newest,) = versions.glob(f"r{REVISION}_*.py")
    assert views_digest() in newest.read_text(), (
        "a view has changed: before a release put this digest into the newest migration, after it add one:"
        f" {views_digest()}"
    )


def test_archive_that_is_made_has_all_views_and_the_newest_revision(archive: Archive) -> None:
    assert revision_of(archive) == REVISION
    with archive.reading() as connection:
        assert sorted(inspect(connection).get_view_names()) == sorted(view_texts())


@pytest.mark.parametrize("revision", revisions())
def test_down_and_up_again_keeps_every_row(new_url: NewUrl, revision: str) -> None:
    url = new_url()
    archive = open_archive(url)
    search = start_search(archive)
    go_on(search, 8)
    search.lease.give_back()
    archive.close()
    archive = open_archive(url, any_revision=True)
    with archive.reading() as connection:
        digest = run_digest(connection, search.run.id)
        shape, rows = _shape(connection), _rows(connection)
    done = migrate(archive, revision)
    assert (done.before, done.after) == (REVISION, revision)
    assert revision_of(archive) == revision
    with archive.reading() as connection:
        below = _rows(connection)
    fresh = _migrated_from_nothing(new_url(), revision)
    with fresh.reading() as one, archive.reading() as other:
        assert _shape(one) == _shape(other)
    fresh.close()
    migrate(archive)
    with archive.reading() as connection:
        assert _shape(connection) == shape
        again = _rows(connection)
        assert run_digest(connection, search.run.id) == digest
    for table, before in rows.items():
        if revision < ADDED.get(table, ""):
            assert table not in below
            assert again[table] == []
            continue
        assert len(below[table]) == len(before)
        if table != "proposal" or revision > "0001":
            assert again[table] == before
    archive.close()
    archive = open_archive(url)
    go_on(start_search(archive), 12)
    archive.close()


def test_migrations_can_be_taken_back_to_nothing(new_url: NewUrl) -> None:
    archive = _migrated_from_nothing(new_url(), REVISION)
    with archive.writing() as connection:
        remove(connection)
        assert inspect(connection).get_view_names() == []
        assert inspect(connection).get_table_names() == [ArchiveInfo.__tablename__]
    archive.close()


@pytest.mark.parametrize("revision", revisions()[:-1])
def test_older_archive_is_refused_with_the_command_that_upgrades_it(
    new_url: NewUrl, tmp_path: Path, revision: str
) -> None:
    url = new_url()
    _migrated_from_nothing(url, revision).close()
    for read_only in (False, True):
        with pytest.raises(
            UserError, match=f"has tables of revision {revision} and this evolve needs {REVISION}"
        ):
            open_archive(url, read_only=read_only)
    refused = evolve("runs", "--archive", url, cwd=tmp_path)
    assert refused.code == 2
    command = refused.complaint().split("`")[1].split()
    assert command[:3] == ["evolve", "archive", "upgrade"]
    words = [word.strip("'") for word in command[1:]]
    done = evolve(*words, cwd=tmp_path)
    assert done.code == 0, done.err
    assert f"from revision {revision} to {REVISION}" in done.out
    assert "already" in evolve(*words, cwd=tmp_path).out
    assert evolve("runs", "--archive", url, cwd=tmp_path).code == 0


def test_newer_archive_is_refused(archive: Archive, archive_url: str, tmp_path: Path) -> None:
    with archive.writing() as connection:
        connection.execute(update(ArchiveInfo).values(version_num="9999"))
    before = all_rows(archive)
    for read_only in (False, True):
        with pytest.raises(UserError, match=r"was made by a newer evolve .*revision 9999.* upgrade evolve"):
            open_archive(archive_url, read_only=read_only)
    for words in (("upgrade",), ("downgrade", "--to", "0001")):
        refused = evolve("archive", *words, "--archive", archive_url, cwd=tmp_path)
        assert refused.code == 2
        assert "only that one can bring it to another" in refused.complaint()
    assert all_rows(archive) == before


def test_archive_from_before_the_first_release_is_refused(archive: Archive, archive_url: str) -> None:
    with archive.writing() as connection:
        connection.exec_driver_sql("DROP TABLE archive_info")
        connection.exec_driver_sql("CREATE TABLE archive_info (schema_version INTEGER PRIMARY KEY)")
        connection.exec_driver_sql("INSERT INTO archive_info VALUES (3)")
    with pytest.raises(UserError, match="was made before the first release"):
        open_archive(archive_url)


def test_unknown_revision_is_refused(archive: Archive) -> None:
    with pytest.raises(UserError, match="unknown revision '0815'; did you mean '0001'"):
        migrate(archive, "0815")


def test_archive_on_which_somebody_works_is_not_migrated(archive: Archive) -> None:
    start_search(archive)
    with pytest.raises(UserError, match="is working on the run 'search'"):
        migrate(archive, "0001")
    assert revision_of(archive) == REVISION


def test_migration_that_fails_changes_nothing(archive: Archive) -> None:
    """A column that a migration would add is there already: it fails in the middle."""
    search = start_search(archive)
    go_on(search, 3)
    search.lease.give_back()
    migrate(archive, "0001")
    with archive.writing() as connection:
        connection.exec_driver_sql("CREATE VIEW run_overview AS SELECT 1 AS one")
    with archive.reading() as connection:
        before = _shape(connection), _rows(connection)
    with pytest.raises(ArchiveError, match="already exists"):
        migrate(archive)
    assert revision_of(archive) == "0001"
    with archive.reading() as connection:
        assert (_shape(connection), _rows(connection)) == before


def test_database_of_something_else_is_left_as_it_was(new_url: NewUrl, tmp_path: Path) -> None:
    url = new_url()
    archive = open_archive(url, any_revision=True)
    with archive.writing() as connection:
        connection.exec_driver_sql("CREATE TABLE run (id INTEGER PRIMARY KEY, distance INTEGER)")
        before = _shape(connection)
    with pytest.raises(UserError, match="is a database of something else; use another --archive"):
        open_archive(url)
    refused = evolve("archive", "upgrade", "--archive", url, cwd=tmp_path)
    assert "is a database of something else" in refused.complaint()
    with archive.reading() as connection:
        assert _shape(connection) == before
    archive.close()


def test_nothing_but_a_migration_imports_alembic(tmp_path: Path) -> None:
    """It takes a tenth of a second, which every command would pay."""
    code = (
        "import sys, evolve.cli.archive, evolve.cli.run; from evolve.archive.engine import open_archive;"
        f"open_archive('sqlite:///{tmp_path}/new.db'); print('alembic' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.stdout.strip(), done.stderr) == ("False", "")
