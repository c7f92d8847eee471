"""Brings an archive to another revision of the tables and views, in one transaction."""

from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from sqlalchemy import Connection

from evolve.archive.engine import Archive, revision_of
from evolve.archive.lease import refuse_if_worked_on
from evolve.archive.models import REVISION
from evolve.errors import UserError, unknown

if TYPE_CHECKING:
    from alembic.config import Config
FOLDER = Path(__file__).parent / "migrations"
EMPTY = "base"
"""The revision of a database without tables."""


class Migrated(msgspec.Struct, frozen=True):
    """What a migration did."""

    before: str
    after: str


def revisions() -> list[str]:
    """All revisions, oldest first."""
    return sorted(file.stem[1:5] for file in (FOLDER / "versions").glob("r[0-9]*.py"))


def migrate(archive: Archive, revision: str = REVISION) -> Migrated:
    """Bring an archive, opened with `any_revision`, up or down to a revision.

    Raises:
        UserError: There is no such revision, the archive is newer than this software, or a run is going on.
        ArchiveError: The database refuses; it is as it was.
    """
    found = revision_of(archive)
    if found is None:
        raise UserError(f"archive {archive.name} is empty; `evolve run` fills it")
    known = revisions()
    if found not in known:
        raise UserError(
            f"archive {archive.name} was made by a newer evolve (tables of revision {found}; this one knows"
            f" {REVISION}); only that one can bring it to another"
        )
    if revision not in known:
        raise unknown("revision", revision, known)
    if revision != found:
        with archive.writing() as connection:
            refuse_if_worked_on(connection)
            _run_migrations(connection, found, revision)
    return Migrated(found, revision)


def create(connection: Connection, revision: str) -> None:
    """Make the tables of a revision in an empty database, as the migrations up to it do."""
    _run_migrations(connection, EMPTY, revision)


def remove(connection: Connection) -> None:
    """Take all tables and views away again."""
    _run_migrations(connection, REVISION, EMPTY)


def _run_migrations(connection: Connection, before: str, after: str) -> None:
    from alembic import command

    up = before == EMPTY or (after != EMPTY and before < after)
    (command.upgrade if up else command.downgrade)(_config(connection), after)


def _config(connection: Connection) -> "Config":
    from alembic.config import Config

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config
