from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path
from typing import Any

import pytest

from evolve import registry
from evolve.errors import UserError
from evolve.registry import EXECUTOR, OPERATOR, STRATEGY, PluginKind, find, names
from evolve.search.best_of_n import BestOfN
from evolve.search.islands import Islands


def _install(monkeypatch: pytest.MonkeyPatch, *points: EntryPoint) -> None:
    def entry_points(*, group: str) -> EntryPoints:
        return EntryPoints(points).select(group=group)

    monkeypatch.setattr(registry, "entry_points", entry_points)
    monkeypatch.setattr(registry, "entry_points_on", registry.entry_points_on.__wrapped__)


def test_shipped_plugins_are_found() -> None:
    assert {"best_of_n", "islands"} <= {*names(STRATEGY)}
    assert find(STRATEGY, "islands") is Islands
    assert find(STRATEGY, "best_of_n") is BestOfN
    assert "local" in names(EXECUTOR)


@pytest.mark.parametrize("kind", [OPERATOR, STRATEGY, EXECUTOR])
def test_every_name_leads_to_something(kind: PluginKind) -> None:
    assert names(kind) == sorted(names(kind))
    for name in names(kind):
        assert find(kind, name) is not None


def test_module_without_the_attribute_is_no_plugin() -> None:
    assert "base" not in names(STRATEGY)
    with pytest.raises(UserError, match="unknown strategy 'base'"):
        find(STRATEGY, "base")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("island", r"unknown strategy 'island'; did you mean 'islands'\?"),
        ("annealing!", r"unknown strategy 'annealing!'; there is adaptive, best_of_n"),
        ("", "unknown strategy ''"),
        ("base.Setup", "unknown strategy"),
        ("../islands", "did you mean 'islands'"),
    ],
)
def test_misspelt_name(name: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        find(STRATEGY, name)


def test_installed_plugin_is_found_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    _install(monkeypatch, EntryPoint("yardstick", "evolve.search.best_of_n:BestOfN", STRATEGY.group))
    assert find(STRATEGY, "yardstick") is BestOfN
    assert "yardstick" in names(STRATEGY)
    assert "yardstick" not in names(OPERATOR)
    with pytest.raises(UserError, match="unknown operator 'yardstick'"):
        find(OPERATOR, "yardstick")


@pytest.mark.parametrize("value", ["evolve.search.absent:strategy", "evolve.search.base:absent"])
def test_installed_plugin_that_cannot_be_loaded(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    _install(monkeypatch, EntryPoint("broken", value, STRATEGY.group))
    with pytest.raises(UserError, match=rf"strategy 'broken' cannot be loaded from {value}: .*absent"):
        find(STRATEGY, "broken")


def test_new_file_in_the_package_is_a_plugin(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import evolve.search

    (tmp_path / "strategy_of_a_test.py").write_text("strategy: object = 'found'\n")
    path: list[Any] = [*evolve.search.__path__, str(tmp_path)]
    monkeypatch.setattr(evolve.search, "__path__", path)
    assert "strategy_of_a_test" in names(STRATEGY)
    assert find(STRATEGY, "strategy_of_a_test") == "found"
