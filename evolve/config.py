"""Everything that can be configured, with its default. There is no second place for either.

A setting is given on the command line, in a TOML file (`--config`), or not at all. What decides the course of
a run is part of its fingerprint; budgets and the machine's resources are not, so that a run can be continued
with a larger budget or on more cores.
"""

import hashlib
import math
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from evolve.errors import UserError, unknown

DEFAULT_ARCHIVE = "sqlite:///evolve.db"
DEFAULT_OPERATORS = {"constants": 1.0, "expressions": 3.0, "statements": 1.0}


def available_cores() -> int:
    """How many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class Course(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What decides the course of a run."""

    seed: int = 0
    strategy: str = "islands"
    operators: dict[str, float] = msgspec.field(default_factory=lambda: dict(DEFAULT_OPERATORS))
    lag: int = 12
    """Proposal n is selected from the archive as it stood after commit n - lag."""
    race: bool = True
    """Whether a program that is clearly worse than its parent on a few instances is spared the rest."""


class Budget(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When a run ends. None is no limit."""

    max_evaluations: int | None = None
    max_time: float | None = None
    """Seconds of wall time, over all continuations of the run."""
    target: float | None = None
    """A score on train that is good enough."""


class Resources(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where a run runs; changes nothing but how long it takes."""

    archive: str = DEFAULT_ARCHIVE
    executor: str = "local"
    workers: int = msgspec.field(default_factory=available_cores)
    min_isolation: str | None = None
    """The weakest isolation to accept; None is what this system should be able to give."""


DEFAULT_EVALUATIONS = 2000
"""The budget of a run that is given none."""


class Settings(msgspec.Struct, frozen=True):
    """All settings of a run."""

    course: Course
    budget: Budget
    resources: Resources


_PARTS: dict[str, type[msgspec.Struct]] = {"course": Course, "budget": Budget, "resources": Resources}


def read_config(path: Path) -> dict[str, Any]:
    """The settings in a TOML file, by name.

    Raises:
        UserError: The file cannot be read, or names something that is no setting.
    """
    try:
        with path.open("rb") as file:
            values = tomllib.load(file)
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{path} is not valid TOML: {error}") from error
    known = setting_names()
    for key in values:
        if key not in known:
            raise UserError(f"{path}: {unknown('setting', key, known)}")
    return values


def setting_names() -> list[str]:
    """The names of all settings, sorted."""
    return sorted(field for part in _PARTS.values() for field in part.__struct_fields__)


def make_settings(*layers: Mapping[str, Any]) -> Settings:
    """Settings from layers of values by name, the later ones winning; the rest are defaults.

    None in a layer stands for a setting that the layer does not give.

    Raises:
        UserError: A value is of the wrong type or out of range.
    """
    merged: dict[str, Any] = {}
    for layer in layers:
        merged.update((name, value) for name, value in layer.items() if value is not None)
    archive = os.environ.get("EVOLVE_ARCHIVE")
    if archive:
        merged.setdefault("archive", archive)
    parts = {name: _convert(part, merged) for name, part in _PARTS.items()}
    settings = Settings(**parts)
    _check(settings)
    return settings


def fingerprint(problem: str, version: str, seed_program: str, course: Course) -> str:
    """What makes two runs the same run: problem, configuration and seed."""
    content = [problem, version, seed_program, msgspec.to_builtins(course)]
    encoded = msgspec.json.encode(content, order="deterministic")
    return hashlib.sha256(encoded).hexdigest()[:16]


def _convert(part: type[msgspec.Struct], values: Mapping[str, Any]) -> Any:
    own = {name: values[name] for name in part.__struct_fields__ if name in values}
    try:
        return msgspec.convert(own, part)
    except msgspec.ValidationError as error:
        raise UserError(f"setting {_where(str(error))}") from error


def _where(message: str) -> str:
    what, _, path = message.partition(" - at `$.")
    return f"'{path.rstrip('`')}': {what[:1].lower()}{what[1:]}" if path else message


def _check(settings: Settings) -> None:
    course, budget, resources = settings.course, settings.budget, settings.resources
    checks = (
        (-(2**63) <= course.seed < 2**63, "seed", "has to fit into 64 bits"),
        (course.lag >= 1, "lag", "has to be at least 1"),
        (bool(course.operators), "operators", "names no operator"),
        (
            all(0 < weight < math.inf for weight in course.operators.values()),
            "operators",
            "has a weight that is not a positive finite number",
        ),
        (resources.workers >= 1, "workers", "has to be at least 1"),
        (
            budget.max_evaluations is None or budget.max_evaluations >= 1,
            "max_evaluations",
            "has to be at least 1",
        ),
        (
            budget.max_time is None or 0 < budget.max_time < math.inf,
            "max_time",
            "has to be more than 0 seconds, and finite",
        ),
        (budget.target is None or math.isfinite(budget.target), "target", "has to be a finite number"),
    )
    for holds, name, complaint in checks:
        if not holds:
            raise UserError(f"setting '{name}' {complaint}")
