"""Opens the database behind an archive, and says in a person's words what is wrong with it."""

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from sqlalchemy import Connection, Engine, create_engine, event, insert, inspect, select
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError, NoSuchModuleError, OperationalError
from sqlalchemy.pool import ConnectionPoolEntry

from evolve.archive.guard import forbid_writing
from evolve.archive.models import SCHEMA_VERSION, ArchiveInfo, Base
from evolve.errors import ArchiveError, UserError

BUSY_TIMEOUT_MS = 20_000
"""How long to wait for another process that holds an SQLite archive locked."""
_ADVICE = (
    ("database or disk is full", "the disk is full; free some space and run the same command again"),
    ("database is locked", "another process holds it locked; wait for that process, or stop it"),
    ("not authorized", "it was opened read-only, and this would do more than read"),
    ("readonly database", "it is read-only; check the permissions of the file and of its folder"),
    ("unable to open database file", "it cannot be opened; check that its folder exists and is writable"),
    ("disk i/o error", "the disk reports an error; check that it has space and is healthy"),
    ("malformed", "the file is damaged; restore it from a copy, or use another --archive"),
    ("file is not a database", "the file is not an SQLite database; use another --archive"),
)


class Archive:
    """A database of runs, opened. Use `writing` and `reading`, which own commit and rollback."""

    def __init__(self, url: URL, engine: Engine) -> None:
        self._url = url
        self._engine = engine

    @property
    def name(self) -> str:
        """The archive's URL without a password."""
        return self._url.render_as_string(hide_password=True)

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """One transaction: committed when the block ends, rolled back when it raises.

        Raises:
            ArchiveError: The database refuses; nothing of this transaction is in it.
        """
        with self._translated(), self._engine.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """One consistent view that writes nothing.

        Raises:
            ArchiveError: The database cannot be read.
        """
        engine = self._engine.execution_options(evolve_reads=True)
        with self._translated(), engine.connect() as connection, connection.begin():
            yield connection

    def connect(self) -> Connection:
        """A bare connection, for `evolve sql`; the caller translates errors and closes it."""
        return self._engine.connect()

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except IntegrityError:
            raise  # two writers wanted the same row: for the caller to resolve
        except DBAPIError as error:
            raise ArchiveError(f"archive {self.name}: {_advice(error)}") from error


def open_archive(
    url: str, *, create: bool = True, read_only: bool = False, busy_timeout_ms: int = BUSY_TIMEOUT_MS
) -> Archive:
    """Open the archive at `url`, making it where there is none and `create` says so.

    A database that turns out to be no archive is left exactly as it was.

    Raises:
        UserError: The URL is not one of a database, or there is no archive and none is to be made.
        ArchiveError: The database is there but cannot be used.
    """
    parsed = _parse(url)
    if parsed.get_backend_name() == "sqlite":
        _check_file(parsed, create=create and not read_only)
    archive = Archive(parsed, _engine(parsed, read_only=read_only, busy_timeout_ms=busy_timeout_ms))
    try:
        _check_schema(archive, create=create and not read_only)
    except BaseException:
        archive.close()
        raise
    return archive


def _parse(url: str) -> URL:
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise UserError(
            f"'{url}' is not the URL of an archive; a file is given as sqlite:///{url or 'evolve.db'}"
        ) from error
    if parsed.get_backend_name() not in ("sqlite", "postgresql"):
        raise UserError(f"no driver for '{parsed.drivername}'; sqlite and postgresql are known")
    if parsed.get_backend_name() == "sqlite" and "?" in url:
        raise UserError(f"the archive {url} has options, which a file does not take; write a '?' as %3F")
    return parsed


def _check_file(url: URL, *, create: bool) -> None:
    if url.database in (None, "", ":memory:"):
        raise UserError("an archive in memory would be lost; give a file, as in sqlite:///evolve.db")
    path = Path(str(url.database))
    try:
        exists, is_folder = path.exists(), path.is_dir()
    except OSError as error:
        raise ArchiveError(f"archive {path}: it cannot be opened: {error.strerror}") from error
    if "\0" in str(path):
        raise UserError(f"the path of an archive cannot hold a NUL character: {str(path)!r}")
    if not exists and not create:
        raise UserError(f"there is no archive {path}; `evolve run` makes one, or say which with --archive")
    if is_folder:
        raise UserError(f"the archive {path} is a folder; give a file, as in sqlite:///{path}/evolve.db")


def _engine(url: URL, *, read_only: bool, busy_timeout_ms: int) -> Engine:
    if url.get_backend_name() == "sqlite" and read_only:
        url = _read_only_url(Path(str(url.database)).resolve())
    elif url.drivername == "postgresql":
        url = url.set(drivername="postgresql+psycopg")
    try:
        engine = create_engine(url)
    except NoSuchModuleError as error:
        raise UserError(f"no driver for '{url.drivername}'; sqlite and postgresql are known") from error
    except ModuleNotFoundError as error:
        raise UserError(f"the archive needs {error.name}: pip install 'evolve-adrs[postgres]'") from error
    if url.get_backend_name() == "sqlite":
        _prepare_sqlite(engine, read_only=read_only, busy_timeout_ms=busy_timeout_ms)
    return engine


def _read_only_url(path: Path) -> URL:
    """A URL under which SQLite writes nothing, not even beside the file.

    Readers share a `-shm` file with the writer, if only by making it. In a folder where that is not
    allowed and no writer has left a log, the file is read as one that does not change.
    """
    log = Path(f"{path}-wal")
    options = {"mode": "ro", "uri": "true"}
    if not os.access(path.parent, os.W_OK) and not (log.exists() and log.stat().st_size):
        options["immutable"] = "1"
    return URL.create("sqlite", database=f"file:{quote(str(path))}", query=options)


def _prepare_sqlite(engine: Engine, *, read_only: bool, busy_timeout_ms: int) -> None:
    """Make the driver leave transactions to us, so that a writer takes its lock when it begins."""

    @event.listens_for(engine, "connect")
    def on_connect(connection: sqlite3.Connection, _: ConnectionPoolEntry) -> None:
        connection.isolation_level = None
        connection.execute(f"PRAGMA busy_timeout = {busy_timeout_ms}")
        connection.execute("PRAGMA foreign_keys = ON")
        if read_only:
            connection.execute("PRAGMA query_only = ON")
            forbid_writing(connection)
        else:
            _use_log(connection, busy_timeout_ms)
            connection.execute("PRAGMA synchronous = NORMAL")

    @event.listens_for(engine, "begin")
    def on_begin(connection: Connection) -> None:
        reads = read_only or connection.get_execution_options().get("evolve_reads", False)
        connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")


def _use_log(connection: sqlite3.Connection, busy_timeout_ms: int) -> None:
    """Switch an archive, or a file that is to become one, to write-ahead logging; it stays switched."""
    tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    if tables and ArchiveInfo.__tablename__ not in tables:
        return
    deadline = time.monotonic() + busy_timeout_ms / 1000
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            # SQLite does not wait by itself here when two processes make the same archive.
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() >= deadline:
                raise
            time.sleep(0.01)


def _check_schema(archive: Archive, *, create: bool) -> None:
    with archive.reading() as connection:
        tables = inspect(connection).get_table_names()
        found = connection.scalar(select(ArchiveInfo.schema_version)) if "archive_info" in tables else None
    if found == SCHEMA_VERSION:
        return
    if found is not None:
        raise UserError(
            f"archive {archive.name} has tables of version {found} and this evolve writes {SCHEMA_VERSION};"
            " use another --archive, or the evolve that made it"
        )
    if tables:
        raise UserError(f"{archive.name} is a database of something else; use another --archive")
    if not create:
        raise UserError(f"archive {archive.name} is empty; `evolve run` fills it")
    with archive.writing() as connection:
        if not inspect(connection).has_table("archive_info"):
            Base.metadata.create_all(connection)
            connection.execute(insert(ArchiveInfo).values(schema_version=SCHEMA_VERSION))


def _advice(error: DBAPIError) -> str:
    text = next(iter(str(error.orig or error).strip().splitlines()), type(error).__name__)
    lowered = text.lower()
    for sign, advice in _ADVICE:
        if sign in lowered:
            return advice
    kind = "cannot be reached" if isinstance(error, OperationalError) else "refuses"
    return f"{kind}: {text}"
