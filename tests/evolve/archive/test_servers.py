"""What people hear of a server that does not do what they want; never their password."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from evolve.archive.engine import open_archive
from evolve.archive.runs import list_runs
from evolve.errors import ArchiveError
from tests.evolve.archive.rows import start_search
from tests.support.command import Finished, environment, evolve
from tests.support.postgres import USER, Server

SECRET = "planted-secret-0815"
WITHOUT_DRIVER = """
import sys
sys.modules["psycopg"] = None
from evolve.cli import main
main(sys.argv[1:])
"""


def _check_said(done: Finished, words: str, code: int) -> None:
    assert done.code == code, done.err
    assert words in done.complaint()
    assert SECRET not in done.out + done.err


@pytest.mark.parametrize(
    ("url", "words"),
    [
        (f"mysql://me:{SECRET}@host/runs", "no driver for 'mysql'; sqlite and postgresql are known"),
        (f"postgresql+nonsense://me:{SECRET}@host/runs", "no driver for 'postgresql+nonsense'"),
        (f"postgresql+pg8000://me:{SECRET}@host/runs", "begin the URL with postgresql://"),
        (f"postgresql//me:{SECRET}@host/runs", "a server is given as postgresql://user@host/database"),
        (f"postgresql:me:{SECRET}@host/runs", "a server is given as postgresql://user@host/database"),
        (f"postgresql://me:{SECRET}@host:port/runs", "a server is given as postgresql://user@host/database"),
        (f"me:{SECRET}@host/runs", "is not the URL of an archive"),
    ],
)
def test_url_that_is_none_of_a_server(tmp_path: Path, url: str, words: str) -> None:
    _check_said(evolve("runs", "--archive", url, cwd=tmp_path), words, 2)
    assert [*tmp_path.iterdir()] == []


def test_driver_that_is_not_installed(tmp_path: Path) -> None:
    url = f"postgresql://me:{SECRET}@127.0.0.1:9/runs"
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_DRIVER, "runs", "--archive", url],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
    )
    finished = Finished(done.returncode, done.stdout, done.stderr)
    _check_said(finished, "needs the Python package psycopg, which is not installed: pip install", 2)


def test_server_that_is_not_there(tmp_path: Path) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        url = f"postgresql://me:{SECRET}@127.0.0.1:{port}/runs"
        _check_said(evolve("runs", "--archive", url, cwd=tmp_path), "no server answers there", 1)
    url = f"postgresql://me:{SECRET}@/runs?host={tmp_path}"
    _check_said(evolve("runs", "--archive", url, cwd=tmp_path), "no server answers there", 1)


def test_server_that_is_silent(tmp_path: Path) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        url = f"postgresql://me:{SECRET}@127.0.0.1:{silent.getsockname()[1]}/runs?connect_timeout=2"
        _check_said(evolve("runs", "--archive", url, cwd=tmp_path), "the server does not answer", 1)


def test_credentials_that_are_wrong(postgres: Server, tmp_path: Path) -> None:
    wrong = postgres.tcp_url("postgres", SECRET)
    words = (
        "the server refuses the user name or the password; give it in the URL, in PGPASSWORD or in ~/.pgpass"
    )
    for command in (("runs",), ("run", "job_shop_dispatching", "--max-evaluations", "1")):
        _check_said(evolve(*command, "--archive", wrong, cwd=tmp_path), words, 1)
    in_query = f"postgresql://{USER}@127.0.0.1:{postgres.port}/postgres?password={SECRET}"
    _check_said(evolve("runs", "--archive", in_query, cwd=tmp_path), words, 1)
    none = postgres.tcp_url("postgres", None)
    _check_said(
        evolve("runs", "--archive", none, cwd=tmp_path, PGPASSFILE="/nowhere"), "asks for a password", 1
    )
    stranger = postgres.tcp_url("postgres", SECRET).replace(f"{USER}:", "stranger:")
    _check_said(
        evolve("runs", "--archive", stranger, cwd=tmp_path), "admits nobody from here by that name", 1
    )


def test_password_is_taken_from_the_url_or_from_the_environment(postgres: Server, tmp_path: Path) -> None:
    database = postgres.new_database()
    try:
        archive = open_archive(postgres.tcp_url(database))
        start_search(archive).lease.give_back()
        assert "correct-horse" not in archive.name
        archive.close()
        url = postgres.tcp_url(database, None)
        done = evolve("runs", "--archive", url, "--format", "json", cwd=tmp_path, PGPASSWORD="correct-horse")
        assert [row["run"] for row in done.json()] == ["search"]
    finally:
        postgres.drop(database)


def test_database_that_is_not_there(postgres: Server, tmp_path: Path) -> None:
    done = evolve("runs", "--archive", postgres.url("absent"), cwd=tmp_path)
    _check_said(done, "the server has no database of that name; make one with `createdb absent`", 1)


def test_database_without_tables_is_not_filled_by_reading(postgres: Server, tmp_path: Path) -> None:
    with postgres.new_urls() as new:
        url = new()
        _check_said(evolve("runs", "--archive", url, cwd=tmp_path), "is empty; `evolve run` fills it", 2)
        open_archive(url).close()
        assert evolve("runs", "--archive", url, cwd=tmp_path).code == 0


def test_server_that_goes_away_is_told_in_words(postgres: Server) -> None:
    with postgres.new_urls() as new:
        url = new()
        archive = open_archive(url)
        with pytest.raises(ArchiveError, match="the server ended"), archive.writing() as connection:
            with postgres.connect() as other:
                other.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s",
                    [url.partition("@/")[2].partition("?")[0]],
                )
            list_runs(connection)
        with archive.reading() as connection:
            assert list_runs(connection) == []
        archive.close()


def test_user_without_rights_is_told_so(postgres: Server) -> None:
    with postgres.new_urls() as new:
        url = new()
        open_archive(url).close()
        with postgres.connect() as connection:
            connection.execute("CREATE USER guest")
        try:
            guest = url.replace(f"{USER}@", "guest@")
            with pytest.raises(ArchiveError, match="does not let this user do that"):
                open_archive(guest)
        finally:
            with postgres.connect() as connection:
                connection.execute("DROP USER guest")


def test_environment_says_which_archive(postgres: Server, tmp_path: Path) -> None:
    with postgres.new_urls() as new:
        url = new()
        archive = open_archive(url)
        start_search(archive).lease.give_back()
        archive.close()
        done = evolve("runs", "--format", "json", cwd=tmp_path, EVOLVE_ARCHIVE=url)
        assert [row["run"] for row in done.json()] == ["search"]
        assert [*tmp_path.iterdir()] == []
