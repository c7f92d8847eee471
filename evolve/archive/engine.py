"""Opens the database behind an archive, and says in a person's words what is wrong with it."""

import os
import shlex
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import Connection, Engine, MetaData, create_engine, event, insert, inspect
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.pool import ConnectionPoolEntry

from evolve.archive.address import check_file, parse_url, shown_url
from evolve.archive.advice import advice, advice_on
from evolve.archive.guard import forbid_writing
from evolve.archive.models import REVISION, ArchiveInfo, Base
from evolve.archive.views import create_views
from evolve.errors import ArchiveError, UserError

BUSY_TIMEOUT_MS = 20_000
"""How long to wait for another process that holds an archive locked."""
READER_CACHE_KIB = 65_536
"""How much of an SQLite archive a reader keeps at most: questions come back to the same pages."""
READER_MEMORY_KIB = 65_536
"""How much a server may take for each sort of a reader's question, so that it need not go to the disk.

Questions take less than compiling them would, so the server is told not to."""
CONNECT_TIMEOUT_S = 10
"""How long to wait for a server."""
DEFAULT_NAME = "sqlite:///evolve.db"
"""The archive that need not be named."""
_WRITERS = 0x65766F6C7665
"""The number of the lock that those who write to an archive on a server take: `evolve`, in ASCII."""


class Archive:
    """A database of runs, opened. Use `writing` and `reading`, which own commit and rollback."""

    def __init__(self, url: URL, engine: Engine, *, read_only: bool) -> None:
        self._url = url
        self._engine = engine
        self._read_only = read_only

    @property
    def name(self) -> str:
        """The archive's URL without a password."""
        return shown_url(self._url)

    @property
    def dialect(self) -> str:
        """`sqlite` or `postgresql`."""
        return self._engine.dialect.name

    @contextmanager
    def writing(self, *, beside_others: bool = False) -> Iterator[Connection]:
        """One transaction: committed when the block ends, rolled back when it raises.

        Nobody else writes meanwhile, so what the block reads stays true until it ends. On a server,
        `beside_others` lets those that say so write at the same time. That is for work on rows of which no
        other process writes any: those of a run whose lease is held.

        Raises:
            ArchiveError: The database refuses; nothing of this transaction is in it.
        """
        with self._translated(), self._engine.connect() as connection, connection.begin():
            if self.dialect == "postgresql":
                if self._read_only:
                    connection.exec_driver_sql("SET TRANSACTION READ ONLY")
                shared = "_shared" if beside_others else ""
                connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock{shared}({_WRITERS})")
            yield connection

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """One consistent view that writes nothing.

        Raises:
            ArchiveError: The database cannot be read.
        """
        engine = self._engine.execution_options(evolve_reads=True)
        if self.dialect == "postgresql":
            engine = engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        with self._translated(), engine.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def driver_connection(self) -> Iterator[Any]:
        """The driver's own connection, outside of any transaction; closed at the end.

        Raises:
            ArchiveError: There is none to be had.
        """
        with self._translated():
            pooled = self._engine.raw_connection()
        try:
            yield pooled.driver_connection
        finally:
            pooled.invalidate()

    def vacuum(self) -> None:
        """Give the space of removed rows back to the file system.

        Raises:
            ArchiveError: The database refuses.
        """
        with self.driver_connection() as connection:
            try:
                if self.dialect == "postgresql":
                    connection.autocommit = True
                    connection.execute("VACUUM FULL ANALYZE")
                else:
                    connection.execute("VACUUM")
                    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            except self._engine.dialect.loaded_dbapi.Error as error:
                raise ArchiveError(f"archive {self.name}: {advice_on(str(error))}") from error

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
            raise ArchiveError(f"archive {self.name}: {advice(error)}") from error


def open_archive(
    url: str,
    *,
    create: bool = True,
    read_only: bool = False,
    busy_timeout_ms: int = BUSY_TIMEOUT_MS,
    any_revision: bool = False,
) -> Archive:
    """Open the archive at `url`, making it where there is none and `create` says so.

    A database that turns out to be no archive is left exactly as it was. With `any_revision` the tables may
    be older or newer ones, or not be there; that is for whoever migrates them.

    Raises:
        UserError: The URL is not one of a database, or there is no archive and none is to be made.
        ArchiveError: The database is there but cannot be used.
    """
    parsed = parse_url(url)
    if parsed.get_backend_name() == "sqlite":
        check_file(parsed, create=create and not read_only)
    engine = _engine(parsed, read_only=read_only, busy_timeout_ms=busy_timeout_ms)
    archive = Archive(parsed, engine, read_only=read_only)
    try:
        if not any_revision:
            _check_schema(archive, create=create and not read_only)
    except BaseException:
        archive.close()
        raise
    return archive


def _engine(url: URL, *, read_only: bool, busy_timeout_ms: int) -> Engine:
    if url.get_backend_name() == "sqlite" and read_only:
        url = _read_only_url(Path(str(url.database)).resolve())
    elif url.drivername == "postgresql":
        url = url.set(drivername="postgresql+psycopg")
    try:
        engine = create_engine(
            url, **_server_options(url, read_only=read_only, busy_timeout_ms=busy_timeout_ms)
        )
    except ModuleNotFoundError as error:
        raise UserError(
            f"an archive {url.drivername}://… needs the Python package {error.name}, which is not installed:"
            " pip install 'evolve-adrs[postgres]'"
        ) from error
    if url.get_backend_name() == "sqlite":
        _prepare_sqlite(engine, read_only=read_only, busy_timeout_ms=busy_timeout_ms)
    return engine


def _server_options(url: URL, *, read_only: bool, busy_timeout_ms: int) -> dict[str, Any]:
    """What a server is told beside the URL; what the URL says counts more."""
    if url.get_backend_name() != "postgresql" or url.get_driver_name() != "psycopg":
        return {}
    limits = f"-c lock_timeout={busy_timeout_ms}"
    if read_only:
        limits += " -c default_transaction_read_only=on -c standard_conforming_strings=on"
        limits += f" -c work_mem={READER_MEMORY_KIB} -c jit=off"
    given = url.query.get("options")
    options = limits if given is None else f"{limits} {given if isinstance(given, str) else given[-1]}"
    arguments: dict[str, Any] = {"options": options}
    if "connect_timeout" not in url.query:
        arguments["connect_timeout"] = CONNECT_TIMEOUT_S
    return {"connect_args": arguments}


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
            connection.execute(f"PRAGMA cache_size = -{READER_CACHE_KIB}")
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
    found = revision_of(archive)
    if found == REVISION:
        return
    if found is not None:
        raise UserError(_other_revision(archive.name, found))
    if not create:
        raise UserError(f"archive {archive.name} is empty; `evolve run` fills it")
    with archive.writing() as connection:
        if not inspect(connection).has_table(ArchiveInfo.__tablename__):
            _tables().create_all(connection)
            create_views(connection)
            connection.execute(insert(ArchiveInfo).values(version_num=REVISION))


def _tables() -> MetaData:
    """All tables, as a copy.

    Making them on a server, where the last constraints are added at the end, marks those as none to be made
    together with their table; SQLite would not make them later.
    """
    copy = MetaData()
    for table in Base.metadata.tables.values():
        table.to_metadata(copy)
    return copy


def revision_of(archive: Archive) -> str | None:
    """Which revision of tables an archive has; None where it is empty.

    Raises:
        UserError: It is a database of something else, or was made before the first release.
    """
    with archive.reading() as connection:
        tables = inspect(connection).get_table_names()
        if ArchiveInfo.__tablename__ in tables:
            row = connection.exec_driver_sql("SELECT * FROM archive_info").mappings().one_or_none()
            if row is not None and "version_num" in row:
                return str(row["version_num"])
            raise UserError(
                f"archive {archive.name} was made before the first release; its tables cannot be"
                " upgraded; use another --archive, or the evolve that made it"
            )
    if tables:
        raise UserError(f"{archive.name} is a database of something else; use another --archive")
    return None


def _other_revision(name: str, found: str) -> str:
    if found.isdecimal() and int(found) < int(REVISION):
        option = "" if name == DEFAULT_NAME else f" --archive {shlex.quote(name)}"
        return (
            f"archive {name} has tables of revision {found} and this evolve needs {REVISION};"
            f" `evolve archive upgrade{option}` brings it there"
        )
    return (
        f"archive {name} was made by a newer evolve (tables of revision {found}; this one knows {REVISION});"
        " upgrade evolve, or use another --archive"
    )
