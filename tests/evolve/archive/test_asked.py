"""People's SQL reads, whatever it tries, on both databases; on the server also as its superuser."""

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from evolve.archive.asked import asked
from evolve.archive.engine import Archive, open_archive
from evolve.errors import UserError
from tests.evolve.archive.rows import all_rows, go_on, start_search
from tests.support.postgres import Server

EVERYWHERE = [
    "DELETE FROM program",
    "UPDATE run SET name = 'x'",
    "INSERT INTO archive_info VALUES ('9')",
    "DROP TABLE outcome",
    "DROP VIEW leaderboard",
    "CREATE TABLE extra (x INTEGER)",
    "CREATE TABLE extra AS SELECT * FROM run",
    "CREATE TEMPORARY TABLE extra (x INTEGER)",
    "CREATE INDEX extra ON run (status)",
    "ALTER TABLE run ADD COLUMN extra INTEGER",
    "BEGIN",
    "COMMIT",
    "ROLLBACK",
    "SAVEPOINT here",
    "VACUUM",
    "REINDEX",
    "ANALYZE",
    "EXPLAIN DELETE FROM program; DELETE FROM program",
    "SELECT 1; DELETE FROM program",
    "SELECT 1; SELECT 2",
    "COMMIT; DELETE FROM program",
    "DELETE FROM program -- ; SELECT 1",
    "/* SELECT */ DELETE FROM program",
    "WITH gone AS (SELECT id FROM program) DELETE FROM program WHERE id IN (SELECT id FROM gone)",
    "DELETE FROM program RETURNING id",
    "INSERT INTO archive_info VALUES ('9') RETURNING version_num",
    "UPDATE run SET name = 'x' RETURNING id",
    "",
    " ; ",
    "-- nothing",
    "SELECT 'open",
    "SELECT /* open",
    "nonsense",
]
OF_SQLITE = [
    "ATTACH '{folder}/other.db' AS other",
    "DETACH main",
    "VACUUM INTO '{folder}/other.db'",
    "PRAGMA writable_schema = ON",
    "PRAGMA writable_schema(1)",
    "PRAGMA query_only = OFF",
    "PRAGMA journal_mode = DELETE",
    "PRAGMA user_version = 9",
    "PRAGMA wal_checkpoint(TRUNCATE)",
    "PRAGMA locking_mode = EXCLUSIVE",
    "PRAGMA temp_store_directory = '{folder}'",
    "SELECT load_extension('{folder}/other.so')",
    "SELECT writefile('{folder}/other.db', 'x')",
    "SELECT readfile('/etc/passwd')",
    "SELECT fts3_tokenizer('simple')",
    "CREATE VIRTUAL TABLE extra USING fts5(x)",
    "CREATE TRIGGER extra AFTER INSERT ON run BEGIN DELETE FROM program; END",
    "REPLACE INTO archive_info VALUES ('9')",
    "INSERT INTO sqlite_master VALUES ('table', 'x', 'x', 0, '')",
    "SELECT zeroblob(500000000)",
]
OF_POSTGRES = [
    "WITH gone AS (DELETE FROM program RETURNING id) SELECT * FROM gone",
    "WITH made AS (INSERT INTO archive_info VALUES ('9') RETURNING *) SELECT * FROM made",
    "COPY run TO '{folder}/other.csv'",
    "COPY run TO PROGRAM 'cat > {folder}/other.csv'",
    "COPY (SELECT 1) TO STDOUT",
    "COPY run FROM PROGRAM 'true'",
    "DO $$ BEGIN DELETE FROM program; END $$",
    "CALL something()",
    "SET default_transaction_read_only = off",
    "SET TRANSACTION READ WRITE",
    "SET ROLE evolve",
    "RESET ROLE",
    "RESET ALL",
    "SET SESSION AUTHORIZATION evolve",
    "LOCK TABLE run",
    "SELECT * FROM run FOR UPDATE",
    "SELECT * INTO extra FROM run",
    "TRUNCATE run",
    "GRANT ALL ON run TO public",
    "CREATE EXTENSION dblink",
    "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "ALTER SYSTEM SET fsync = off",
    "LISTEN x",
    "NOTIFY x",
    "PREPARE x AS DELETE FROM program",
    "EXECUTE x",
    "CHECKPOINT",
    "SELECT pg_read_file('/etc/passwd')",
    "SELECT pg_catalog.pg_read_file('/etc/passwd')",
    "SELECT \"pg_read_file\"('/etc/passwd')",
    "SELECT PG_CATALOG.\"pg_read_file\"('/etc/passwd')",
    "SELECT U&\"pg\\005fread_file\"('/etc/passwd')",
    "SELECT pg_read_file ('/etc/passwd')",
    "SELECT pg_read_file/* x */('/etc/passwd')",
    "SELECT pg_read_file--\n('/etc/passwd')",
    "SELECT 1 -- \rpg_read_file('/etc/passwd')\n, pg_read_file('/etc/passwd')",
    "SELECT E'\\'', pg_read_file('/etc/passwd'), '",
    "SELECT E'\\'', pg_read_file('/etc/passwd'), ''",
    "SELECT 1e'\\'', pg_read_file('/etc/passwd'), ''",
    "SELECT '\\', pg_read_file('/etc/passwd') --'",
    "SELECT $x$ $$ $x$, pg_read_file('/etc/passwd')",
    "SELECT * FROM pg_ls_dir('.')",
    "SELECT * FROM pg_ls_dir('.') AS x (name)",
    "SELECT * FROM ROWS FROM (pg_ls_dir('.'))",
    "SELECT * FROM run, LATERAL pg_ls_dir(run.name)",
    "SELECT lo_import('/etc/passwd')",
    "SELECT lo_export(1, '{folder}/other')",
    "SELECT lo_from_bytea(0, 'x')",
    "SELECT lo_create(0)",
    "SELECT pg_file_write('{folder}/other', 'x', false)",
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity",
    "SELECT pg_reload_conf()",
    "SELECT pg_switch_wal()",
    "SELECT pg_advisory_lock(1)",
    "SELECT pg_notify('x', 'y')",
    "SELECT pg_sleep(100)",
    "SELECT set_config('role', 'evolve', false)",
    "SELECT set_config('transaction_read_only', 'off', false)",
    "SELECT set_config('statement_timeout', '0', false)",
    "SELECT nextval('run_id_seq')",
    "SELECT setval('run_id_seq', 1)",
    "SELECT query_to_xml('DELETE FROM program', true, true, '')",
    "SELECT dblink('dbname=postgres', 'DELETE FROM program')",
    "SELECT txid_current()",
    "SELECT * FROM pg_create_physical_replication_slot('x')",
]


@pytest.fixture
def reader(archive: Archive, archive_url: str) -> Iterator[Archive]:
    """The archive with a run in it, opened for reading."""
    search = start_search(archive)
    go_on(search, 6)
    opened = open_archive(archive_url, read_only=True)
    yield opened
    opened.close()


def _rows(archive: Archive, query: str, timeout_s: float = 20.0, **values: str) -> list[tuple[object, ...]]:
    with asked(archive, query, values, timeout_s) as answer:
        return [tuple(row) for batch in answer.batches for row in batch]


def _check_refused(archive: Archive, reader: Archive, query: str, folder: Path) -> None:
    before = all_rows(archive)
    with pytest.raises(UserError) as caught:
        _rows(reader, query.replace("{folder}", str(folder)), 5.0)
    assert "\n" not in str(caught.value)
    assert all_rows(archive) == before
    assert [one.name for one in folder.iterdir() if "other" in one.name] == []
    assert _rows(reader, "SELECT count(*) FROM run") == [(2,)]


@pytest.mark.parametrize("query", EVERYWHERE)
def test_what_is_refused_everywhere(archive: Archive, reader: Archive, query: str, tmp_path: Path) -> None:
    _check_refused(archive, reader, query, tmp_path)


class TestSqlite:
    @pytest.fixture
    def archive_url(self, tmp_path: Path) -> str:
        return f"sqlite:///{tmp_path}/archive.db"

    @pytest.mark.parametrize("query", OF_SQLITE)
    def test_what_is_refused(self, archive: Archive, reader: Archive, query: str, tmp_path: Path) -> None:
        _check_refused(archive, reader, query, tmp_path)

    def test_harmless_pragmas_are_answered(self, reader: Archive) -> None:
        names = [row[1] for row in _rows(reader, "PRAGMA table_info(run)")]
        assert "champion_id" in names
        assert _rows(reader, "PRAGMA query_only") == [(1,)]


class TestPostgres:
    @pytest.fixture
    def archive_url(self, postgres: Server) -> Iterator[str]:
        with postgres.new_urls() as new:
            yield new()

    def test_what_is_refused_to_a_superuser(self, archive: Archive, reader: Archive, tmp_path: Path) -> None:
        """In one test, since a database for each would take minutes."""
        tmp_path.chmod(0o777)
        assert _rows(reader, "SELECT rolsuper FROM pg_roles WHERE rolname = session_user") == [(True,)]
        for query in OF_POSTGRES:
            _check_refused(archive, reader, query, tmp_path)

    def test_even_a_call_that_is_let_through_has_few_rights(
        self, reader: Archive, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The list of functions is not the only wall."""
        monkeypatch.setattr("evolve.archive.asked.refused_call", lambda query: None)
        for query in (
            "SELECT pg_read_file('/etc/passwd')",
            "SELECT * FROM pg_ls_dir('.')",
            "SELECT lo_export(1, '/tmp/other')",
            "SELECT nextval('run_id_seq')",
            "SELECT pg_reload_conf()",
        ):
            with pytest.raises(UserError, match=r"permission denied|read-only transaction"):
                _rows(reader, query)

    def test_lists_of_columns_are_no_calls(self, reader: Archive) -> None:
        query = "WITH RECURSIVE t (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t WHERE n < 3) SELECT n FROM t"
        assert _rows(reader, query) == [(1,), (2,), (3,)]
        assert _rows(reader, "SELECT a FROM (VALUES (1, 2)) AS x (a, b)") == [(1,)]
        assert _rows(reader, "SELECT CAST(1.5 AS numeric(3, 1)), 'pg_sleep(1)' LIKE '%('") == [(1.5, False)]


def test_what_is_asked_is_answered(reader: Archive) -> None:
    assert _rows(reader, "SELECT name FROM run ORDER BY id;") == [("sums@1",), ("search",)]
    assert _rows(reader, "SELECT ':x', 5 % 3, '%' -- :y") == [(":x", 2, "%")]
    assert _rows(reader, "SELECT sum(number) FROM proposal WHERE number < 4") == [(6,)]
    assert _rows(reader, "SELECT count(*) FROM leaderboard WHERE run = :run", run="search") == [(4,)]
    query = (
        "SELECT number FROM proposal WHERE number >= :low AND number < :high AND status <> :high ORDER BY 1"
    )
    if reader.dialect == "sqlite":
        assert _rows(reader, query, low="1", high="3") == [(1,), (2,)]
    with pytest.raises(UserError, match="has the parameter :low; give it with -p low=VALUE"):
        _rows(reader, query, high="3")
    with pytest.raises(UserError, match="has no parameter :other"):
        _rows(reader, "SELECT ':other'", other="3")
    with pytest.raises(UserError, match="does not take this query"):
        _rows(reader, "SELECT nothing FROM program")


def test_value_is_never_sql(reader: Archive) -> None:
    query = "SELECT count(*) FROM run WHERE name = :name"
    assert _rows(reader, query, name="' OR '1' = '1") == [(0,)]
    assert _rows(reader, query, name="search") == [(1,)]


ENDLESS = "WITH RECURSIVE t AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM t) SELECT {what} FROM t"


@pytest.mark.parametrize("what", ["count(*)", "n"])
def test_query_without_end_is_ended(reader: Archive, what: str) -> None:
    started = time.monotonic()
    with pytest.raises(UserError, match=r"took longer than 0\.5 s; allow more with --timeout"):
        _rows(reader, ENDLESS.format(what=what), 0.5)
    assert time.monotonic() - started < 15


def test_time_of_the_reader_does_not_count(reader: Archive) -> None:
    query = ENDLESS.format(what="n") + " LIMIT 2000"
    with asked(reader, query, {}, 0.5) as answer:
        first = next(answer.batches)
        time.sleep(0.8)
        assert len(first) + sum(len(batch) for batch in answer.batches) == 2000


def test_many_rows_take_constant_memory(archive: Archive, archive_url: str, tmp_path: Path) -> None:
    start_search(archive)
    archive.close()
    query = (
        "WITH RECURSIVE t AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM t) SELECT n, 'row ' || n AS x FROM t"
    )
    code = (
        "import resource, sys; from evolve.cli import root; args = sys.argv[1:];"
        "root.root.main(args, standalone_mode=False);"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)"
    )
    peaks = []
    for count in (1000, 300_000):
        words = ["sql", f"{query} LIMIT {count}", "--archive", archive_url, "--format", "csv"]
        with (tmp_path / "rows.csv").open("w") as out:
            done = subprocess.run(
                [sys.executable, "-c", code, *words],
                stdout=out,
                stderr=subprocess.PIPE,
                text=True,
                timeout=200,
            )
        assert done.returncode == 0, done.stderr
        with (tmp_path / "rows.csv").open() as lines:
            assert sum(1 for _ in lines) == count + 1
        peaks.append(int(done.stderr.split()[-1]))
    assert peaks[1] - peaks[0] < 8 * 1024, f"KiB at most, for 1,000 and 300,000 rows: {peaks}"
    (tmp_path / "rows.csv").unlink()
