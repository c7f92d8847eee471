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

from tests.support.warm import WarmProcess, WarmServer


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


def arguments(*words: str | Path, module: str = "evolve") -> list[str]:
    """The command line as a list, for `subprocess`."""
    return [sys.executable, "-m", module, *map(str, words)]


Running = WarmProcess | subprocess.Popen[str]
"""A command that was started and not yet waited for."""
MODULES_OF = {"evolve": (), "tests.support.hurried": ("httpx", "openai")}
"""What can be run as the command line, and what else is worth importing beforehand for it."""


@cache
def _warm_server(module: str) -> WarmServer:
    return WarmServer(*MODULES_OF[module])


def evolve(
    *words: str | Path,
    cwd: Path,
    timeout: float = 120.0,
    also: Mapping[str, str] | None = None,
    module: str = "evolve",
    **changes: str,
) -> Finished:
    """Run `evolve` with these words and wait for its end; `changes`, and `also`, in its environment.

    What tells the interpreter something (PYTHONHASHSEED, PYTHONPATH) is for a fresh one to hear.
    """
    changed = dict(also or {}) | changes
    if not _is_for_the_interpreter(changed):
        given = list(map(str, words))
        return Finished(*_warm_server(module).run(given, cwd, environment(**changed), timeout, module))
    done = subprocess.run(
        arguments(*words, module=module),
        cwd=cwd,
        env=environment(**changed),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout,
    )
    return Finished(done.returncode, done.stdout, done.stderr)


def start(
    *words: str | Path,
    cwd: Path,
    also: Mapping[str, str] | None = None,
    module: str = "evolve",
    **changes: str,
) -> Running:
    """Start `evolve` with these words, in a session of its own, with pipes to its outputs."""
    changed = dict(also or {}) | changes
    if not _is_for_the_interpreter(changed):
        given = list(map(str, words))
        return _warm_server(module).start(given, cwd, environment(**changed), module)
    return subprocess.Popen(
        arguments(*words, module=module),
        cwd=cwd,
        env=environment(**changed),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def _is_for_the_interpreter(changes: Mapping[str, str]) -> bool:
    return any(name.startswith("PYTHON") for name in changes)
