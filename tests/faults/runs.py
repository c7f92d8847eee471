"""A run of the real command line to which things happen, and what must hold after each of them."""

import os
import shutil
import signal
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support import curve
from tests.support.command import Finished, Running, environment, evolve, start
from tests.support.processes import Process, survivors, tree

EVALUATIONS = 60
COMMAND: tuple[str | Path, ...] = ("run", curve.FOLDER, "--name", "faulty", "--seed", "5", "--workers", "2")


class FaultyRun:
    """A run in a folder of its own, started and started again by the same command."""

    def __init__(self, folder: Path, evaluations: int = EVALUATIONS, *words: str) -> None:
        self.folder = folder
        self.process: Running | None = None
        self._words = (*COMMAND, *words, "--max-evaluations", str(evaluations))
        self._temporary = folder.parent / "temporary"
        self._family: dict[int, Process] = {}
        folder.mkdir(exist_ok=True)
        self._temporary.mkdir(exist_ok=True)

    @property
    def archive(self) -> Path:
        """The file."""
        return self.folder / "evolve.db"

    def start(self, **changes: str) -> Running:
        """Start or continue it, in a session of its own."""
        self.process = start(*self._words, cwd=self.folder, also={"TMPDIR": str(self._temporary)} | changes)
        return self.process

    def start_by(self, launcher: list[str]) -> Running:
        """The same, where `launcher` is what is run with the words of the command."""
        self.process = subprocess.Popen(
            [*launcher, *map(str, self._words)],
            cwd=self.folder,
            env=environment(TMPDIR=str(self._temporary)),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        return self.process

    def committed(self) -> int:
        """The number of the last committed proposal; -1 where there is none."""
        if not self.archive.exists():
            return -1
        try:
            with opened(self.archive) as connection:
                row = connection.execute("SELECT max(number) FROM strategy_state").fetchone()
        except sqlite3.OperationalError:  # not made yet, or being made
            return -1
        return -1 if row[0] is None else int(row[0])

    def wait_for(self, commits: int) -> bool:
        """Wait for so many commits; whether the run is still going."""
        assert self.process is not None
        deadline = time.monotonic() + 60
        while self.committed() < commits and self.process.poll() is None:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        self.look()
        return self.process.poll() is None

    def look(self) -> list[Process]:
        """The processes of the run, remembered for `check_nothing_is_left`."""
        assert self.process is not None
        family = tree(self.process.pid)
        self._family |= {one.pid: one for one in family}
        return family

    def kill(self, number: signal.Signals = signal.SIGKILL) -> None:
        """Signal the controller and wait for its end."""
        assert self.process is not None
        self.look()
        self.process.send_signal(number)
        self.end()

    def end(self, timeout: float = 60.0) -> Finished:
        """Wait for the end of the controller."""
        assert self.process is not None
        out, err = self.process.communicate(timeout=timeout)
        assert "Traceback" not in err, err
        return Finished(self.process.returncode, out, err)

    def finish(self) -> str:
        """Go on, undisturbed, to the end; the digest."""
        self.start()
        done = self.end()
        assert done.code == 0, done.err
        return self.digest()

    def digest(self) -> str:
        """Of all that is committed."""
        done = evolve("digest", "faulty", cwd=self.folder)
        assert done.code == 0, done.err
        return done.out.strip()

    def check_nothing_is_left(self) -> None:
        """No process, no temporary file, and no lock two seconds after the end."""
        assert survivors(list(self._family.values())) == []
        assert list(self._temporary.iterdir()) == []
        if self.archive.exists():
            with opened(self.archive) as connection:
                connection.execute("BEGIN IMMEDIATE")
                connection.rollback()
                assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)

    def worker_processes(self) -> list[Process]:
        """The workers."""
        return [one for one in self.look() if "evolve.execution.worker" in one.command]

    def zygote_processes(self) -> list[Process]:
        """The zygotes, and their candidates."""
        return [one for one in self.look() if "sandbox_runner.zygote" in one.command]


@contextmanager
def opened(file: Path, timeout: float = 1.0) -> Iterator[sqlite3.Connection]:
    """A connection beside the software's own."""
    connection = sqlite3.connect(file, timeout=timeout, isolation_level=None)
    try:
        yield connection
    finally:
        connection.close()


def undisturbed_digest(folder: Path, evaluations: int = EVALUATIONS, *words: str) -> str:
    """The digest of the same run when nothing happens to it."""
    run = FaultyRun(folder, evaluations, *words)
    digest = run.finish()
    shutil.rmtree(folder)
    return digest


def end_session(process: Running) -> None:
    """Kill a whole process group, controller first."""
    os.killpg(process.pid, signal.SIGKILL)
