"""Finds operators, strategies, executors and providers by name.

Whatever can be plugged in is either a file of this project or an entry point of an installed distribution.
Problems, which may also be folders, are found by `evolve.loading`.
"""

import functools
import importlib
import pkgutil
import sys
from collections.abc import Mapping
from importlib.metadata import EntryPoint, EntryPoints, entry_points
from types import ModuleType
from typing import Any

import msgspec

from evolve.errors import UserError, unknown


class PluginKind(msgspec.Struct, frozen=True):
    """A kind of thing that is found by name: where its files are and which attribute they define."""

    label: str
    package: str
    attribute: str
    group: str


OPERATOR = PluginKind("operator", "evolve.operators", "operator", "evolve.operators")
STRATEGY = PluginKind("strategy", "evolve.search", "strategy", "evolve.strategies")
EXECUTOR = PluginKind("executor", "evolve.execution", "executor", "evolve.executors")
PROVIDER = PluginKind("provider", "evolve.llm.providers", "provider", "evolve.providers")


def names(kind: PluginKind) -> list[str]:
    """The names of everything of a kind that can be found here, sorted."""
    return sorted({*_modules(kind), *installed_plugins(kind.group)})


def find(kind: PluginKind, name: str) -> Any:
    """What is registered under `name`.

    Raises:
        UserError: There is no such thing, and the message names the nearest one; or it cannot be loaded.
    """
    installed = installed_plugins(kind.group)
    if name in installed:
        return _load(kind, installed[name])
    package = importlib.import_module(kind.package)
    if name in [info.name for info in pkgutil.iter_modules(package.__path__)]:
        module = importlib.import_module(f"{kind.package}.{name}")
        if hasattr(module, kind.attribute):
            return getattr(module, kind.attribute)
    raise unknown(kind.label, name, names(kind))


def _load(kind: PluginKind, point: EntryPoint) -> Any:
    try:
        return point.load()
    except (ImportError, AttributeError) as error:
        origin = f" of {point.dist.name}" if point.dist is not None else ""
        raise UserError(
            f"the {kind.label} '{point.name}'{origin} cannot be loaded from {point.value}: {error}"
        ) from error


def _modules(kind: PluginKind) -> dict[str, ModuleType]:
    package = importlib.import_module(kind.package)
    found = {}
    for info in pkgutil.iter_modules(package.__path__):
        module = importlib.import_module(f"{kind.package}.{info.name}")
        if hasattr(module, kind.attribute):
            found[info.name] = module
    return found


def installed_plugins(group: str) -> Mapping[str, EntryPoint]:
    """What installed distributions offer in an entry point group, by name."""
    return {point.name: point for point in entry_points_on(tuple(sys.path), group)}


@functools.lru_cache(maxsize=32)
def entry_points_on(path: tuple[str, ...], group: str) -> EntryPoints:
    """The entry points of a group on a path. Reading them takes milliseconds, so it is done once for each."""
    return entry_points(group=group)
