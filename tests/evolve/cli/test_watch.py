"""`evolve watch` through the real command line, from another process than the run's."""

import datetime
import fcntl
import os
import pty
import select
import signal
import sqlite3
import struct
import subprocess
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.support import curve
from tests.support.command import arguments, environment, evolve, start

WAIT_S = 60.0


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("watch")
    words = ("--name", "small", "--strategy", "islands", "--max-evaluations", "40")
    done = evolve("run", curve.FOLDER, *words, cwd=folder)
    assert done.code == 0, done.err
    yield folder


@pytest.fixture
def copy(folder: Path, tmp_path: Path) -> Path:
    """A copy of the archive that a test may change."""
    with (
        closing(sqlite3.connect(folder / "evolve.db")) as source,
        closing(sqlite3.connect(tmp_path / "evolve.db")) as target,
    ):
        source.backup(target)
        target.execute("PRAGMA journal_mode = WAL")
    return tmp_path


class Watching:
    """A watch in a process of its own, and what it has printed."""

    def __init__(self, process: subprocess.Popen[bytes], output: int) -> None:
        self.process = process
        self.text = ""
        self._output = output

    def until(self, holds: Callable[[str], bool]) -> str:
        """Read on until the text is as it should be."""
        end = time.monotonic() + WAIT_S
        while not holds(self.text):
            assert time.monotonic() < end, self.text
            if select.select([self._output], [], [], 0.2)[0]:
                try:
                    piece = os.read(self._output, 65536)
                except OSError:  # the other side of a terminal is closed
                    piece = b""
                assert piece or holds(self.text), self.text
                self.text += piece.decode(errors="replace")
        return self.text

    def ended(self) -> int:
        """Read to the end; the exit code."""
        end = time.monotonic() + WAIT_S
        while self.process.poll() is None or select.select([self._output], [], [], 0)[0]:
            assert time.monotonic() < end, self.text
            if select.select([self._output], [], [], 0.2)[0]:
                try:
                    piece = os.read(self._output, 65536)
                except OSError:
                    break
                if not piece:
                    break
                self.text += piece.decode(errors="replace")
        return self.process.wait(WAIT_S)


@contextmanager
def watching(*words: str, cwd: Path) -> Iterator[Watching]:
    """`evolve watch` with a pipe where its output goes."""
    process = subprocess.Popen(
        arguments("watch", *words, "--interval", "0.1"),
        cwd=cwd,
        env=environment(PYTHONUNBUFFERED="1"),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    assert process.stdout is not None
    try:
        yield Watching(process, process.stdout.fileno())
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


@contextmanager
def on_a_terminal(*words: str, cwd: Path) -> Iterator[tuple[Watching, int]]:
    """`evolve watch` on a terminal of 40 lines and 120 columns."""
    ours, theirs = pty.openpty()
    resize(ours, 40, 120)
    usual = environment(TERM="xterm-256color")
    kept = {name: value for name, value in usual.items() if name not in ("COLUMNS", "LINES")}
    process = subprocess.Popen(
        arguments("watch", *words, "--interval", "0.1"),
        cwd=cwd,
        env=kept,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    try:
        yield Watching(process, ours), ours
    finally:
        process.kill()
        process.wait()
        os.close(ours)


def resize(terminal: int, lines: int, columns: int) -> None:
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))


def change(folder: Path, *statements: str) -> None:
    with closing(sqlite3.connect(folder / "evolve.db", timeout=20.0)) as database, database:
        for statement in statements:
            database.execute(statement)


def lease(token: str, process: int) -> tuple[str, ...]:
    moment = datetime.datetime.now(datetime.UTC).replace(tzinfo=None).isoformat(sep=" ")
    run = "(SELECT id FROM run WHERE name = 'small')"
    return (
        f"DELETE FROM lease WHERE run_id = {run}",
        "INSERT INTO lease (run_id, token, machine, process, renewed_at)"
        f" VALUES ({run}, '{token}', 'host/a/b', '{process}@1', '{moment}')",
    )


def test_a_run_that_has_ended_is_told_and_the_watch_ends(folder: Path) -> None:
    done = evolve("watch", "small", cwd=folder)
    assert done.code == 0, done.err
    assert done.out.startswith("run small of curve: finished (max evaluations)\n")
    assert "40 evaluations of 40" in done.out
    best = max(row["train"] for row in evolve("top", "-n", "40", "--format", "json", cwd=folder).json())
    assert f"best on train {best:.4f} (1 is line)" in done.out


def test_once_prints_everything_as_a_table_or_as_json(folder: Path) -> None:
    text = evolve("watch", "--once", cwd=folder).out
    for word in ("constants", "expressions", "island 2", "+    return", "accepted"):
        assert word in text
    seen = evolve("watch", "--once", "--format", "json", cwd=folder).json()
    assert (seen["run"], seen["status"], seen["over"], seen["evaluations"]) == ("small", "finished", True, 40)
    assert seen["budget"]["max_evaluations"] == 40
    rows = evolve("report", "small", "--format", "json", cwd=folder).json()["proposals"]
    assert {arm["operator"]: arm["proposals"] for arm in seen["arms"]} == {
        row["operator"]: row["proposals"] for row in rows
    }
    proposals = evolve("runs", "--format", "json", cwd=folder).json()[0]["proposals"]
    assert sum(seen["statuses"].values()) == proposals


def test_a_run_is_followed_from_before_its_archive_is_there_to_its_end(tmp_path: Path) -> None:
    with watching("live", cwd=tmp_path) as watch:
        watch.until(lambda text: "waiting: there is no archive" in text)
        words = ("run", curve.FOLDER, "--name", "live", "--max-evaluations", "150", "--workers", "1")
        run = start(*words, cwd=tmp_path)
        try:
            watch.until(lambda text: "is working on it" in text)
            assert watch.ended() == 0, watch.text
        finally:
            run.kill()
            run.communicate()
    assert f"process {run.pid} on " in watch.text
    assert "run live of curve: finished (max evaluations)" in watch.text
    assert "150 evaluations of 150" in watch.text


def test_a_run_of_another_name_is_waited_for(copy: Path) -> None:
    with watching("smell", cwd=copy) as watch:
        watch.until(lambda text: "waiting: unknown run 'smell'; did you mean 'small'?" in text)
        change(copy, "UPDATE run SET name = 'smell' WHERE name = 'small'")
        assert watch.ended() == 0
    assert watch.text.count("waiting") == 1, "the same trouble is told once"
    assert "run smell of curve: finished" in watch.text


def test_ctrl_c_ends_it_in_good_order(copy: Path) -> None:
    change(copy, "UPDATE run SET status = 'running' WHERE name = 'small'")
    for number in (signal.SIGINT, signal.SIGTERM):
        with watching("small", cwd=copy) as watch:
            watch.until(lambda text: "nobody works on it any more; go on with: evolve resume small" in text)
            watch.process.send_signal(number)
            assert watch.ended() == 0
        assert "Traceback" not in watch.text


def test_a_locked_archive_is_told_and_tried_again(copy: Path) -> None:
    change(copy, "PRAGMA journal_mode = DELETE", "UPDATE run SET status = 'running' WHERE name = 'small'")
    with watching("small", cwd=copy) as watch:
        watch.until(lambda text: "nobody works on it" in text)
        with closing(sqlite3.connect(copy / "evolve.db", isolation_level=None)) as writer:
            writer.execute("BEGIN EXCLUSIVE")
            watch.until(lambda text: "locked" in text and "trying again" in text)
            writer.execute("UPDATE run SET status = 'finished' WHERE name = 'small'")
            writer.execute("COMMIT")
        assert watch.ended() == 0
    assert watch.text.rstrip().endswith("evaluations ago") or "run small of curve: finished" in watch.text


def test_a_run_that_is_taken_over_is_followed_on(copy: Path) -> None:
    change(copy, "UPDATE run SET status = 'running' WHERE name = 'small'", *lease("first", 17))
    with watching("small", cwd=copy) as watch:
        watch.until(lambda text: "process 17 on host is working on it" in text)
        change(copy, *lease("second", 18))
        watch.until(lambda text: "process 18 on host is working on it" in text)
        change(copy, "DELETE FROM lease", "UPDATE run SET status = 'interrupted', reason = 'interrupted'")
        assert watch.ended() == 0
    assert "run small of curve: interrupted\n" in watch.text


def pages(text: str) -> list[str]:
    """The pages that were drawn from beginning to end."""
    return text.split("\x1b[H")[1:-1]


def test_a_page_on_a_terminal_follows_its_size_and_leaves_it_as_it_was(copy: Path) -> None:
    change(copy, "UPDATE run SET status = 'running' WHERE name = 'small'", *lease("first", 17))
    with on_a_terminal("small", cwd=copy) as (watch, terminal):
        watch.until(lambda text: "improvements" in text and "island 2" in text)
        assert "\x1b[?1049h" in watch.text, "a page of its own"
        before = len(watch.text)
        resize(terminal, 12, 60)
        watch.process.send_signal(signal.SIGWINCH)
        # What had been drawn for the larger terminal may still come once.
        watch.until(lambda text: any(page.count("\n") < 12 for page in pages(text[before:])))
        before = len(watch.text)
        watch.until(lambda text: len(pages(text[before:])) > 2)
        assert all(page.count("\n") < 12 for page in pages(watch.text[before:])), watch.text[before:]
        watch.process.send_signal(signal.SIGINT)
        assert watch.ended() == 0, watch.text
    assert "\x1b[?1049l" in watch.text
    assert "\x1b[?25h" in watch.text
    assert "run small of curve" in watch.text.rpartition("\x1b[?1049l")[2]


def test_what_is_no_archive_is_refused(tmp_path: Path) -> None:
    (tmp_path / "evolve.db").write_text("this is no database, and it will not become one")
    done = evolve("watch", "--once", cwd=tmp_path)
    assert done.code in (1, 2)
    done.complaint()
    assert evolve("watch", "--once", "--archive", "nothing", cwd=tmp_path).code == 2
    assert evolve("watch", "--archive", "nothing", cwd=tmp_path).code == 2
    assert evolve("watch", "--format", "json", cwd=tmp_path).code == 2
    (tmp_path / "evolve.db").unlink()
    missing = evolve("watch", "--once", cwd=tmp_path)
    assert missing.code == 2
    assert "there is no archive" in missing.complaint()


def test_nothing_is_written(copy: Path) -> None:
    with closing(sqlite3.connect(copy / "evolve.db")) as database:
        before = list(database.iterdump())
    assert evolve("watch", "small", cwd=copy).code == 0
    with closing(sqlite3.connect(copy / "evolve.db")) as database:
        assert list(database.iterdump()) == before
