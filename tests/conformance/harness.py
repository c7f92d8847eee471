"""The configurations in which hostile programs are tried, and the handle on an evaluator in each."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import pytest

HERE = Path(__file__).resolve().parent
USER = 12345
IS_ROOT = os.geteuid() == 0
ENVIRONMENT = {"EXAMPLE_API_KEY": "key-5f2c9d71e8", "EXAMPLE_ARCHIVE": "password-93ab40c6"}
"""Secrets in the evaluator's environment."""


def require(condition: bool, what: str) -> None:
    """Skip where something is missing; in CI, fail."""
    if not condition:
        if os.environ.get("CI"):
            pytest.fail(f"needs {what}")
        pytest.skip(f"needs {what}")


@dataclass(frozen=True)
class Configuration:
    """Who evaluates, and with which layers."""

    name: str
    level: str
    namespaces: tuple[str, ...] = ("bubblewrap", "own", "none")
    as_user: bool = False
    refuse_namespaces: bool = False
    landlock: bool = True
    seccomp: bool = True
    needs_numpy: bool = False

    @property
    def boxed(self) -> bool:
        """Whether a mount namespace hides the machine's files."""
        return self.level == "full"

    def check_requirements(self) -> None:
        """Skip, or fail in CI, where this machine cannot have this configuration."""
        require(sys.platform == "linux", "Linux")
        if "bubblewrap" in self.namespaces:
            require(shutil.which("bwrap") is not None, "bubblewrap (tests/install_system_packages.sh)")
        require(self.as_user or IS_ROOT, "root")

    def command(self) -> list[str]:
        """What starts a driver so configured."""
        options = {
            "namespaces": self.namespaces,
            "landlock": self.landlock,
            "seccomp": self.seccomp,
            "needs_numpy": self.needs_numpy,
        }
        driver = [sys.executable, str(HERE / "driver.py"), json.dumps(options)]
        if not self.as_user and not self.refuse_namespaces:
            return driver
        switches = ["--uid", str(USER)] if self.as_user and IS_ROOT else []
        switches += ["--no-namespaces"] if self.refuse_namespaces else []
        return [sys.executable, str(HERE / "as_other.py"), *switches, "--", *driver]


CONFIGURATIONS = (
    Configuration("root-bubblewrap", "full", ("bubblewrap",)),
    Configuration("root-own", "full", ("own",)),
    Configuration("user-bubblewrap", "full", ("bubblewrap",), as_user=True),
    Configuration("user-own", "full", ("own",), as_user=True),
    Configuration("root-no-namespaces", "compute", refuse_namespaces=True),
    Configuration("user-no-namespaces", "compute", as_user=True, refuse_namespaces=True),
    Configuration("root-no-landlock", "compute-preload", ("none",), landlock=False),
    Configuration("user-no-landlock", "compute-preload", ("none",), as_user=True, landlock=False),
)


@dataclass(frozen=True)
class Attempt:
    """How a program ended."""

    status: str
    feedback: str
    values: list[Any]
    row: int | None = None
    cpu: float = 0.0
    wall: float = 0.0
    memory: int = 0
    output: str = ""

    @property
    def value(self) -> Any:
        """The answer to the only call."""
        assert self.status == "ok", f"{self.status}: {self.feedback}"
        return self.values[-1]


@dataclass
class Driver:
    """An evaluator in a process of its own."""

    configuration: Configuration
    state: dict[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        self._process = subprocess.Popen(
            self.configuration.command(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **ENVIRONMENT},
        )
        self.state = self._answer()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def attempt(self, source: str, *arguments: Any, calls: Any = None, **limits: float) -> Attempt:
        """Open a program; without `calls`, call its function `attack` with `arguments`."""
        calls = [["call", "attack", arguments]] if calls is None else calls
        limits = {"cpu_seconds": 5.0, "wall_seconds": 20.0, **limits}
        self._send({"source": source, "calls": calls, "limits": limits})
        return Attempt(**self._answer())

    def refresh(self) -> dict[str, Any]:
        """The evaluator's state as it is now."""
        self._send({})
        self.state = self._answer()
        return self.state

    def _send(self, order: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, f"the evaluator died with {self._process.wait(5)}"
        answer: dict[str, Any] = json.loads(line)
        return answer

    def close(self) -> None:
        """End it."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(10)
