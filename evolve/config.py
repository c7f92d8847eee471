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
DEFAULT_OPERATORS = {
    "constants": 0.5,
    "expressions": 3.0,
    "macros": 0.5,
    "simplify": 1.0,
    "statements": 1.0,
    "tuning": 3.0,
}
"""Where no model is configured."""
DEFAULT_LLM_OPERATORS = {"edit": 4.0, "rewrite": 2.0, "crossover": 1.0}
"""Where one is."""
CHOICES = ("weights", "rates", "bandit")
MAX_LAG = 1024
MIN_PROMPT_TOKENS = 4096
"""What a model's context has to leave to the prompt."""


def available_cores() -> int:
    """How many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class ModelSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a model is asked."""

    weight: float = 1.0
    """How often it is chosen, against the other models."""
    temperature: float | None = None
    """None leaves it to the provider."""
    effort: str | None = None
    """How much it is to reason; None leaves it to the provider."""
    max_output_tokens: int = 16_384
    """For one answer, reasoning included."""
    context_tokens: int = 128_000
    """Prompt and answer together; longer prompts are cut."""


CHOICE_WITH_MODELS = "weights"
LAG_WITH_MODELS = 24
"""What keeps 8 calls in flight when their latency varies: three times as many (docs/models.md)."""


class Course(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What decides the course of a run."""

    seed: int = 0
    strategy: str = "pareto"
    operators: dict[str, float] = {}
    """Names and weights; if there are none, those that fit: `DEFAULT_OPERATORS`, or with models others."""
    models: dict[str, ModelSettings] = {}
    """By name, `provider/model`."""
    strong_model: str | None = None
    """The one of the models that is kept for new directions and for reflection."""
    choice: str = "rates"
    """How operators and models are chosen: by their `weights`; by `rates`, which lean from the weights to
    what has made the best programs; or by a `bandit` that learns what pays. A run with models that is not
    given one has `CHOICE_WITH_MODELS`, so that models are used as much as their weights say."""
    repair: bool = True
    """Whether a program that failed is given back to a model once, with the reason. Needs a model."""
    direction_after: int = 60
    """Proposals without a better program after which a model is asked for a new direction; 0 is never."""
    reflect_every: int = 50
    """Commits between two reflections of a model on what works; 0 is never."""
    prompts: dict[str, str] = {}
    """Templates by name, in place of those of the problem and of the project."""
    lag: int = 12
    """Proposal n is selected from the archive as it stood after commit n - lag. A run with models that is not
    given one has `LAG_WITH_MODELS`, since waiting for them takes longer than everything else."""
    race: bool = True
    """Whether a program that is clearly worse than its parent on a few instances is spared the rest."""


class Budget(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When a run ends. None is no limit."""

    max_evaluations: int | None = None
    max_time: float | None = None
    """Seconds of wall time, over all continuations of the run."""
    max_cost: float | None = None
    """US dollars spent on models, over all continuations of the run."""
    max_tokens: int | None = None
    """Tokens of models, input and output, over all continuations of the run."""
    target: float | None = None
    """A score on train that is good enough."""


class Endpoint(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a provider is reached, and how hard it may be pressed."""

    api_base: str | None = None
    """Where it is; None is where its SDK looks for it."""
    requests_per_minute: float | None = None
    tokens_per_minute: float | None = None
    concurrency: int = 16
    """Calls at the same time."""
    timeout: float = 600.0
    """Seconds for one attempt."""
    retries: int = 5
    """How often a call is tried again after a trouble on the way."""


class Price(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """US dollars for a million tokens."""

    input: float
    output: float
    cached: float | None = None
    """For input that the provider had cached; None is the full price."""
    cache_write: float | None = None
    """For input that the provider writes into its cache; None is the full price, and nothing is marked to be
    cached."""


class Resources(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where a run runs; changes nothing but how long it takes."""

    archive: str = DEFAULT_ARCHIVE
    executor: str = "local"
    workers: int = msgspec.field(default_factory=available_cores)
    min_isolation: str | None = None
    """The weakest isolation to accept; None is what this system should be able to give."""
    providers: dict[str, Endpoint] = {}
    """By the part of a model's name before the first slash."""
    prices: dict[str, Price] = {}
    """By model; before what litellm's table says."""
    allow_unpriced: bool = False
    """Whether a model may be used whose price is not known; it then counts as nothing."""
    prompt_text: bool = True
    """Whether prompts and answers are kept; if not, their hashes are."""
    transcript: str | None = None
    """A file with recorded answers, which are then used in place of any provider."""


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
    course = _with_operators(parts["course"])
    if "lag" not in merged and all_models(course):
        course = msgspec.structs.replace(course, lag=LAG_WITH_MODELS)
    if "choice" not in merged and all_models(course):
        course = msgspec.structs.replace(course, choice=CHOICE_WITH_MODELS)
    settings = Settings(**{**parts, "course": course})
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


def _with_operators(course: Course) -> Course:
    """The course with the operators that it has if none are given."""
    if course.operators:
        return course
    operators = DEFAULT_LLM_OPERATORS if all_models(course) else DEFAULT_OPERATORS
    return msgspec.structs.replace(course, operators=dict(operators))


def all_models(course: Course) -> dict[str, ModelSettings]:
    """The models of a course by name, the strong one included."""
    strong = course.strong_model
    extra = {} if strong is None or strong in course.models else {strong: ModelSettings()}
    return {**course.models, **extra}


def _check(settings: Settings) -> None:
    _check_course(settings.course)
    _check_models(settings.course)
    _check_budget(settings.budget, bool(all_models(settings.course)))
    _check_resources(settings.resources)


def _require(holds: bool, name: str, complaint: str) -> None:
    if not holds:
        raise UserError(f"setting '{name}' {complaint}")


def _check_course(course: Course) -> None:
    _require(-(2**63) <= course.seed < 2**63, "seed", "has to fit into 64 bits")
    _require(1 <= course.lag <= MAX_LAG, "lag", f"has to be from 1 to {MAX_LAG}")
    _require(
        all(0 < weight < math.inf for weight in course.operators.values()),
        "operators",
        "has a weight that is not a positive finite number",
    )
    _require(course.choice in CHOICES, "choice", f"has to be one of {', '.join(CHOICES)}")
    _require(course.direction_after >= 0, "direction_after", "has to be at least 0")
    _require(course.reflect_every >= 0, "reflect_every", "has to be at least 0")


def _check_models(course: Course) -> None:
    if course.strong_model is not None:
        _require("/" in course.strong_model, "strong_model", "has to be PROVIDER/MODEL")
    for name, model in all_models(course).items():
        where = f"models.{name}"
        _require("/" in name.strip("/"), where, "has to be named PROVIDER/MODEL, such as openai/gpt-5-mini")
        _require(0 < model.weight < math.inf, where, "has a weight that is not a positive finite number")
        _require(model.max_output_tokens >= 256, where, "has fewer than 256 max_output_tokens")
        _require(
            model.context_tokens >= model.max_output_tokens + MIN_PROMPT_TOKENS,
            where,
            f"leaves less than {MIN_PROMPT_TOKENS} of its context_tokens to the prompt",
        )
        _require(
            model.temperature is None or 0 <= model.temperature <= 2, where, "has a temperature beyond 0 to 2"
        )


def _check_budget(budget: Budget, has_models: bool) -> None:
    _require(
        budget.max_evaluations is None or budget.max_evaluations >= 1,
        "max_evaluations",
        "has to be at least 1",
    )
    _require(
        budget.max_time is None or 0 < budget.max_time < math.inf,
        "max_time",
        "has to be more than 0 seconds, and finite",
    )
    _require(
        budget.max_cost is None or 0 < budget.max_cost < math.inf,
        "max_cost",
        "has to be more than 0 dollars, and finite",
    )
    _require(budget.max_tokens is None or budget.max_tokens >= 1, "max_tokens", "has to be at least 1")
    for name, limit in (("max_cost", budget.max_cost), ("max_tokens", budget.max_tokens)):
        _require(limit is None or has_models, name, "has no effect without a model; give one with --model")
    _require(budget.target is None or math.isfinite(budget.target), "target", "has to be a finite number")


def _check_resources(resources: Resources) -> None:
    _require(resources.workers >= 1, "workers", "has to be at least 1")
    for name, endpoint in resources.providers.items():
        where = f"providers.{name}"
        _require("/" not in name, where, "has to be the part of a model's name before the first slash")
        _require(endpoint.concurrency >= 1, where, "has a concurrency below 1")
        _require(0 < endpoint.timeout < math.inf, where, "has a timeout that is not positive and finite")
        _require(0 <= endpoint.retries <= 100, where, "has retries beyond 0 to 100")
        for limit in (endpoint.requests_per_minute, endpoint.tokens_per_minute):
            _require(limit is None or limit > 0, where, "has a limit per minute that is not positive")
    for name, price in resources.prices.items():
        given = (price.input, price.output, price.cached or 0.0, price.cache_write or 0.0)
        _require(all(0 <= one < math.inf for one in given), f"prices.{name}", "has a price below 0")
