import math
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evolve.config import (
    CHOICE_WITH_MODELS,
    DEFAULT_ARCHIVE,
    DEFAULT_LLM_OPERATORS,
    DEFAULT_OPERATORS,
    LAG_WITH_MODELS,
    Budget,
    Course,
    ModelSettings,
    Resources,
    Settings,
    all_models,
    available_cores,
    fingerprint,
    make_settings,
    read_config,
    setting_names,
)
from evolve.errors import UserError


@pytest.fixture(autouse=True)
def _no_archive_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EVOLVE_ARCHIVE", raising=False)


def _file(folder: Path, text: str) -> Path:
    path = folder / "settings.toml"
    path.write_text(text)
    return path


def test_defaults() -> None:
    settings = make_settings()
    assert settings == Settings(Course(operators=DEFAULT_OPERATORS), Budget(), Resources())
    assert settings.course.operators == DEFAULT_OPERATORS
    assert settings.resources.workers == available_cores() >= 1


def test_defaults_are_not_shared_between_settings() -> None:
    assert make_settings().course.operators is not make_settings().course.operators


def test_later_layers_win_and_none_gives_nothing() -> None:
    settings = make_settings(
        {"seed": 1, "lag": 3, "max_time": 60}, {"seed": 2, "lag": None}, {"strategy": "best_of_n"}
    )
    assert (settings.course.seed, settings.course.lag) == (2, 3)
    assert settings.course.strategy == "best_of_n"
    assert settings.budget.max_time == 60.0


@pytest.mark.parametrize(
    ("layer", "lag"),
    [
        ({}, 12),
        ({"models": {"openai/gpt-5-mini": {}}}, LAG_WITH_MODELS),
        ({"strong_model": "openai/gpt-5"}, LAG_WITH_MODELS),
        ({"models": {"openai/gpt-5-mini": {}}, "lag": 12}, 12),
    ],
)
def test_a_run_with_models_looks_further_ahead(layer: dict[str, Any], lag: int) -> None:
    assert make_settings(layer).course.lag == lag


@pytest.mark.parametrize(
    ("layer", "choice"),
    [
        ({}, "rates"),
        ({"models": {"openai/gpt-5-mini": {}}}, CHOICE_WITH_MODELS),
        ({"models": {"openai/gpt-5-mini": {}}, "choice": "bandit"}, "bandit"),
        ({"choice": "weights"}, "weights"),
    ],
)
def test_a_run_with_models_uses_them_by_weight(layer: dict[str, Any], choice: str) -> None:
    assert make_settings(layer).course.choice == choice


def test_a_file_gives_settings_of_every_kind(tmp_path: Path) -> None:
    path = _file(
        tmp_path,
        'seed = 7\nmax_evaluations = 50\nworkers = 3\narchive = "sqlite:///a.db"\n'
        "\n[operators]\nconstants = 2\n",
    )
    settings = make_settings(read_config(path))
    assert settings.course == Course(seed=7, operators={"constants": 2.0})
    assert settings.budget == Budget(max_evaluations=50)
    assert (settings.resources.workers, settings.resources.archive) == (3, "sqlite:///a.db")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sed = 1", r"settings\.toml: unknown setting 'sed'; did you mean 'seed'\?"),
        ("max_evaluation = 1", "did you mean 'max_evaluations'"),
        ("[course]\nseed = 1", "unknown setting 'course'"),
        ("seed = 1\nlag 3", r"settings\.toml is not valid TOML: .*line 2"),
        ("seed = 1\nseed = 2", "is not valid TOML"),
    ],
)
def test_faulty_file(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        read_config(_file(tmp_path, text))


def test_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"cannot read .*absent\.toml: No such file"):
        read_config(tmp_path / "absent.toml")
    with pytest.raises(UserError, match="cannot read"):
        read_config(tmp_path)
    binary = tmp_path / "binary.toml"
    binary.write_bytes(b"seed = 1 # \xff")
    with pytest.raises(UserError, match="not valid TOML"):
        read_config(binary)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("seed", "one", r"setting 'seed': expected `int`, got `str`"),
        ("seed", True, "'seed'"),
        ("seed", 2**63, "'seed' has to fit into 64 bits"),
        ("seed", -(2**63) - 1, "'seed' has to fit into 64 bits"),
        ("strategy", 3, "'strategy'"),
        ("lag", 0, "'lag' has to be from 1 to 1024"),
        ("lag", 1025, "'lag' has to be from 1 to 1024"),
        ("lag", 1.5, "'lag'"),
        ("operators", ["constants"], "'operators'"),
        ("operators", {"constants": "much"}, "operators"),
        ("operators", {"constants": 0.0}, "'operators' has a weight"),
        ("operators", {"constants": -1.0}, "'operators' has a weight"),
        ("operators", {"constants": math.nan}, "'operators' has a weight"),
        ("operators", {"constants": math.inf}, "'operators' has a weight"),
        ("workers", 0, "'workers' has to be at least 1"),
        ("max_evaluations", 0, "'max_evaluations' has to be at least 1"),
        ("max_time", 0.0, "'max_time' has to be more than 0"),
        ("max_time", math.nan, "'max_time'"),
        ("max_time", math.inf, "'max_time'"),
        ("target", math.nan, "'target' has to be a finite number"),
        ("max_cost", 1.0, "'max_cost' has no effect without a model"),
        ("max_tokens", 1, "'max_tokens' has no effect without a model"),
        ("models", {"gpt": {}}, "'models.gpt' has to be named PROVIDER/MODEL"),
        ("models", {"a/b": {"weight": 0.0}}, "'models.a/b' has a weight"),
        ("models", {"a/b": {"weigth": 1.0}}, "weigth"),
        ("models", {"a/b": {"context_tokens": 1000}}, "'models.a/b' leaves less than"),
        ("models", {"a/b": {"max_output_tokens": 1}}, "'models.a/b' has fewer than"),
        ("models", {"a/b": {"temperature": 3.0}}, "'models.a/b' has a temperature"),
        ("strong_model", "gpt", "'strong_model' has to be PROVIDER/MODEL"),
        ("choice", "best", "'choice' has to be one of weights, rates, bandit"),
        ("direction_after", -1, "'direction_after' has to be at least 0"),
        ("reflect_every", -1, "'reflect_every' has to be at least 0"),
        ("providers", {"a/b": {}}, "'providers.a/b' has to be the part"),
        ("providers", {"a": {"concurrency": 0}}, "'providers.a' has a concurrency"),
        ("providers", {"a": {"timeout": 0.0}}, "'providers.a' has a timeout"),
        ("providers", {"a": {"retries": -1}}, "'providers.a' has retries"),
        ("providers", {"a": {"requests_per_minute": 0.0}}, "'providers.a' has a limit per minute"),
        ("prices", {"a/b": {"input": -1.0, "output": 1.0}}, "'prices.a/b' has a price below 0"),
        ("prices", {"a/b": {"input": 1.0}}, "output"),
        ("archive", 1, "'archive'"),
    ],
)
def test_wrong_type_or_range_names_the_setting(name: str, value: Any, message: str) -> None:
    with pytest.raises(UserError, match=message):
        make_settings({name: value})


def test_archive_from_the_environment_gives_way_to_a_given_one(monkeypatch: pytest.MonkeyPatch) -> None:
    assert make_settings().resources.archive == DEFAULT_ARCHIVE
    monkeypatch.setenv("EVOLVE_ARCHIVE", "sqlite:///environment.db")
    assert make_settings().resources.archive == "sqlite:///environment.db"
    assert make_settings({"archive": None}).resources.archive == "sqlite:///environment.db"
    assert make_settings({"archive": "sqlite:///given.db"}).resources.archive == "sqlite:///given.db"
    monkeypatch.setenv("EVOLVE_ARCHIVE", "")
    assert make_settings().resources.archive == DEFAULT_ARCHIVE


def test_setting_names_are_unique() -> None:
    assert len(setting_names()) == len({*setting_names()})
    assert setting_names() == sorted(setting_names())


def test_operators_that_fit_are_chosen_where_none_are_given() -> None:
    assert make_settings().course.operators == DEFAULT_OPERATORS
    assert make_settings({"models": {"a/b": {}}}).course.operators == DEFAULT_LLM_OPERATORS
    assert make_settings({"strong_model": "a/b"}).course.operators == DEFAULT_LLM_OPERATORS
    given = make_settings({"models": {"a/b": {}}, "operators": {"constants": 2.0}})
    assert given.course.operators == {"constants": 2.0}


def test_strong_model_is_one_of_the_models() -> None:
    course = make_settings({"models": {"a/b": {"weight": 2.0}}, "strong_model": "c/d"}).course
    assert list(all_models(course)) == ["a/b", "c/d"]
    assert list(all_models(make_settings({"strong_model": "c/d", "models": {"c/d": {}}}).course)) == ["c/d"]


def test_stored_course_and_budget_make_the_same_settings() -> None:
    settings = make_settings({"seed": 5, "operators": {"b": 1, "a": 2.5}, "max_time": 10})
    course, budget = (msgspec.json.decode(msgspec.json.encode(x)) for x in (settings.course, settings.budget))
    again = make_settings(course, budget)
    assert (again.course, again.budget) == (settings.course, settings.budget)


def test_fingerprint_depends_on_problem_version_seed_program_and_every_setting_of_the_course() -> None:
    base = ("problem", "version", "seed program", Course())
    changed: list[tuple[str, str, str, Course]] = [
        ("other", *base[1:]),
        ("problem", "other", *base[2:]),
        ("problem", "version", "other", Course()),
        (*base[:3], Course(seed=1)),
        (*base[:3], Course(strategy="best_of_n")),
        (*base[:3], Course(operators={"constants": 1.0})),
        (*base[:3], Course(operators={**DEFAULT_OPERATORS, "constants": 2.0})),
        (*base[:3], Course(lag=2)),
        (*base[:3], Course(race=False)),
        (*base[:3], Course(models={"a/b": ModelSettings()})),
        (*base[:3], Course(models={"a/b": ModelSettings(weight=2.0)})),
        (*base[:3], Course(models={"a/b": ModelSettings(temperature=1.0)})),
        (*base[:3], Course(strong_model="a/b")),
        (*base[:3], Course(choice="bandit")),
        (*base[:3], Course(repair=False)),
        (*base[:3], Course(direction_after=1)),
        (*base[:3], Course(reflect_every=1)),
        (*base[:3], Course(prompts={"edit.md.jinja": "text"})),
        ("problemversion", "", *base[2:]),
    ]
    marks = [fingerprint(*base), *(fingerprint(*one) for one in changed)]
    assert len({*marks}) == len(marks)
    assert len(Course.__struct_fields__) == 12, "a new setting of the course belongs into this test"


def test_fingerprint_does_not_depend_on_budgets_resources_or_order() -> None:
    plain = make_settings({"operators": {"a": 1, "b": 2}})
    rich = make_settings(
        {"operators": {"b": 2.0, "a": 1.0}},
        {"max_evaluations": 9, "max_time": 3, "target": 2.0, "workers": 7, "archive": "sqlite:///x.db"},
    )
    assert fingerprint("p", "v", "s", plain.course) == fingerprint("p", "v", "s", rich.course)


@settings(deadline=None)
@given(st.integers(-(2**63), 2**63 - 1), st.integers(1, 1000))
def test_fingerprint_is_sixteen_hexadecimal_digits(seed: int, lag: int) -> None:
    mark = fingerprint("p", "v", "s", Course(seed=seed, lag=lag))
    assert len(mark) == 16
    assert int(mark, 16) >= 0
    assert mark == fingerprint("p", "v", "s", Course(seed=seed, lag=lag))
