"""Runs the real command line in a process of its own, most often one forked where all is imported already."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from tests.support.warm import WarmServer


class Finished(msgspec.Struct, frozen=True):
    """How a command ended."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        """What it printed, as JSON."""
        assert self.out, self.err
        return json.loads(self.out)

    def complaint(self) -> str:
        """Its one line of complaint."""
        lines = [line for line in self.err.splitlines() if line.startswith("evolve: ")]
        assert len(lines) == 1, self.err
        return lines[0]


def environment(**changes: str) -> dict[str, str]:
    """This process's environment without settings of evolve's, and with `changes`."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("EVOLVE_")}
    return kept | {"COLUMNS": "200"} | changes


def arguments(*words: str | Path) -> list[str]:
    """The command line as a list, for `subprocess`."""
    return [sys.executable, "-m", "evolve", *map(str, words)]


@cache
def _warm_server() -> WarmServer:
    return WarmServer()


def evolve(
    *words: str | Path,
    cwd: Path,
    timeout: float = 120.0,
    also: Mapping[str, str] | None = None,
    **changes: str,
) -> Finished:
    """Run `evolve` with these words and wait for its end; `changes`, and `also`, in its environment.

    What tells the interpreter something (PYTHONHASHSEED, PYTHONPATH) is for a fresh one to hear; so is a
    command while another one runs.
    """
    changed = dict(also or {}) | changes
    server = _warm_server()
    if not any(name.startswith("PYTHON") for name in changed) and server.lock.acquire(blocking=False):
        try:
            return Finished(*server.run(list(map(str, words)), cwd, environment(**changed), timeout))
        finally:
            server.lock.release()
    done = subprocess.run(
        arguments(*words),
        cwd=cwd,
        env=environment(**changed),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout,
    )
    return Finished(done.returncode, done.stdout, done.stderr)
