"""The workloads of the problem: what is generated for each split."""

from functools import cache
from typing import TypeAlias

from evaluators.database.transactions import Workload
from evaluators.database.transactions_generator import CrossedKeys, HotRows, OrderedKeys, Reporting
from evolve.problem import Instance, Split

_Recipe: TypeAlias = OrderedKeys | HotRows | CrossedKeys | Reporting

_SEARCH_RECIPES: tuple[tuple[str, _Recipe], ...] = (
    ("ordered-60", OrderedKeys(transactions=60)),
    ("crossed-60", CrossedKeys(transactions=60, shuffled=True)),
    ("hot-60", HotRows(transactions=60, shuffled=True)),
    ("ordered-80", OrderedKeys(transactions=80, write_percent=40)),
    ("crossed-80", CrossedKeys(transactions=80, group=4, shuffled=True)),
    ("hot-80", HotRows(transactions=80, hot_keys=5, shuffled=True)),
    ("ordered-50", OrderedKeys(transactions=50, length=12, keys=80, flatness=2, swaps=6)),
    ("crossed-50", CrossedKeys(transactions=50, length=7, shuffled=True)),
    ("hot-50", HotRows(transactions=50, hot_keys=3, long=15, shuffled=True)),
)
"""Recipes of `train` and `validation`; any first few are a fair sample."""

_TEST_RECIPES: tuple[tuple[str, _Recipe], ...] = (
    ("ordered-100", OrderedKeys(transactions=100)),
    ("hot-100", HotRows(transactions=100)),
    ("crossed-100", CrossedKeys(transactions=100)),
    ("reporting-100", Reporting(transactions=100)),
    ("ordered-120", OrderedKeys(transactions=120, length=24, keys=300, flatness=3, write_percent=20)),
    ("reporting-150", Reporting(transactions=150, keys=40, report_every=8, scan=12, updates=3)),
    ("crossed-140", CrossedKeys(transactions=140, group=8, length=14, shuffled=True)),
    ("hot-140", HotRows(transactions=140, hot_keys=8, other_keys=20, long=30, short=7)),
)
"""The published sizes and order of listing; longer and read-heavier workloads; and another kind."""

_FIRST_SEED = {Split.TRAIN: 11000, Split.VALIDATION: 12000, Split.TEST: 13000}


@cache
def generated_workloads(split: Split) -> tuple[Instance[Workload], ...]:
    """The generated workloads of a split; their names say kind and number of transactions."""
    recipes = _TEST_RECIPES if split is Split.TEST else _SEARCH_RECIPES
    return tuple(
        Instance(f"{split.value}-{name}", recipe.generate(_FIRST_SEED[split] + number))
        for number, (name, recipe) in enumerate(recipes)
    )
