"""Instances: there, the same at every call, and those of `test` out of sight."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from evolve.checking.findings import Check, Finding
from evolve.checking.payloads import Contents, contents
from evolve.loading import LoadedProblem
from evolve.problem import Floats, Instance, Split
from evolve.scoring import beats


class Splits(msgspec.Struct, frozen=True):
    """The instances of all splits, and what their payloads hold."""

    by_split: dict[Split, tuple[Instance[Any], ...]]
    contents: dict[str, Contents]
    """By the instance's name."""

    def __getitem__(self, split: Split) -> tuple[Instance[Any], ...]:
        return self.by_split[split]


_SHORTEST_TEXT = 12
_WINDOW = 8
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?")


def load_splits(loaded: LoadedProblem) -> tuple[list[Finding], Splits | None]:
    """The instances of all splits; None where a finding makes it impossible to evaluate on them."""
    findings: list[Finding] = []
    by_split: dict[Split, tuple[Instance[Any], ...]] = {}
    known: dict[str, Contents] = {}
    for split in Split:
        try:
            first, second = list(loaded.instances(split)), list(loaded.instances(split))
        except Exception as error:  # noqa: BLE001 - whatever a plug-in raises is what is looked for here
            what = f"reading them raises {type(error).__name__}: {error}"
            findings.append(Finding(Check.INSTANCES, split.value, what, "correct `instances`"))
            continue
        inside = [contents(one.payload) for one in first]
        findings += _split_findings(split, first, second, inside)
        by_split[split] = tuple(first)
        known.update((one.name, each) for one, each in zip(first, inside, strict=True))
    if not findings:
        findings = _names(by_split)
    return findings, None if findings else Splits(by_split, known)


def _split_findings(
    split: Split,
    first: Sequence[Instance[Any]],
    second: Sequence[Instance[Any]],
    inside: Sequence[Contents],
) -> list[Finding]:
    if not first:
        what, fix = "the split is empty", "return at least one instance, better eight"
        return [Finding(Check.INSTANCES, split.value, what, fix)]
    if [one.name for one in first] != [one.name for one in second] or any(
        one.payload is not other.payload and each.digest != contents(other.payload).digest
        for one, other, each in zip(first, second, inside, strict=True)
    ):
        what, fix = (
            "two calls of `instances` differ",
            "make them from fixed seeds, with a generator of their own",
        )
        return [Finding(Check.INSTANCES, split.value, what, fix)]
    return []


def _names(by_split: Mapping[Split, Sequence[Instance[Any]]]) -> list[Finding]:
    owner: dict[str, Split] = {}
    for split, instances in by_split.items():
        for instance in instances:
            other = owner.setdefault(instance.name, split)
            if other is not split or sum(one.name == instance.name for one in instances) > 1:
                both = f"{other.value} and {split.value}" if other is not split else f"{split.value} twice"
                fix = "give each instance a name of its own, such as one that begins with its split"
                return [Finding(Check.INSTANCES, instance.name, f"the name stands in {both}", fix)]
    return []


def check_workloads_differ(splits: Splits) -> list[Finding]:
    """No workload may be in two splits: what was searched on proves nothing."""
    owner: dict[str, tuple[str, Split]] = {}
    for split in Split:
        for instance in splits[split]:
            digest = splits.contents[instance.name].digest
            name, other = owner.setdefault(digest, (instance.name, split))
            if other is not split:
                what = f"it is the same workload as {name} of {other.value}"
                fix = "make it from another seed and, for test, another distribution"
                return [Finding(Check.HIDDEN, f"{instance.name} of {split.value}", what, fix)]
    return []


def check_bounds(loaded: LoadedProblem, splits: Splits) -> list[Finding]:
    """A bound is None or a finite number, and always the same one."""
    for instances in splits.by_split.values():
        for instance in instances:
            try:
                bounds = [loaded.problem.bound(instance) for _ in range(2)]
            except Exception as error:  # noqa: BLE001 - whatever a plug-in raises is what is looked for here
                what = f"`bound` raises {type(error).__name__}: {error}"
                return [Finding(Check.BOUND, instance.name, what, "return None where no bound is known")]
            bound = bounds[0]
            if bounds[0] != bounds[1]:
                fix = "let it depend on the instance alone, or return None"
                return [Finding(Check.BOUND, instance.name, f"it is {bounds[0]}, then {bounds[1]}", fix)]
            if bound is not None and not np.isfinite(bound):
                fix = "return a finite number, or None where no bound is known"
                return [Finding(Check.BOUND, instance.name, f"it is {bound}", fix)]
    return []


def check_hidden(splits: Splits, told: Mapping[str, str]) -> list[Finding]:
    """Nothing of the split test may stand in what programs' authors are told.

    `told` holds texts by what they are. Looked for are the names of instances, and longer texts and runs of
    numbers that are in the payloads of `test` and in no other.
    """
    elsewhere = [
        splits.contents[one.name] for split in (Split.TRAIN, Split.VALIDATION) for one in splits[split]
    ]
    common = {text for one in elsewhere for text in one.texts}
    shown = {where: np.array(_NUMBER.findall(text), dtype=np.float64) for where, text in told.items()}
    known = np.unique(np.concatenate([*shown.values(), np.empty(0)]))
    others = set().union(*(_runs(one.numbers, known) for one in elsewhere))
    hidden = {one.name: _runs(splits.contents[one.name].numbers, known) for one in splits[Split.TEST]}
    findings = []
    for where, text in told.items():
        runs = [run for run in _runs(shown[where], known) if run not in others]
        for instance in splits[Split.TEST]:
            run = next((run for run in runs if run in hidden[instance.name]), None)
            what = _leak(instance.name, splits.contents[instance.name], text, common, run)
            if what:
                fix = "take it out: nothing of the split test may reach a prompt"
                findings.append(
                    Finding(Check.HIDDEN, where, f"it {what} of the test instance {instance.name}", fix)
                )
                break
    return findings


def _leak(name: str, inside: Contents, text: str, common: set[str], run: tuple[float, ...] | None) -> str:
    """What of an instance stands in a text; empty where nothing does. `run` is of numbers in both."""
    if re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", text):
        return "holds the name"
    for piece in inside.texts:
        if len(piece) >= _SHORTEST_TEXT and piece not in common and piece in text:
            return f"holds the text {piece[:40]!r}"
    return "" if run is None else f"holds the numbers {', '.join(f'{number:g}' for number in run)}"


def _runs(numbers: Floats, known: Floats) -> dict[tuple[float, ...], None]:
    """Consecutive numbers, not all alike, that are all among those `known`; in order."""
    if len(numbers) < _WINDOW:
        return {}
    windows = sliding_window_view(numbers, _WINDOW)
    windows = windows[sliding_window_view(np.isin(numbers, known), _WINDOW).all(axis=1)]
    steps = np.diff(np.sort(windows, axis=1), axis=1)
    varied = windows[np.count_nonzero(steps, axis=1) >= _WINDOW // 2]
    return dict.fromkeys(map(tuple, varied.tolist()))


def beaten(loaded: LoadedProblem, instance: Instance[Any], value: float) -> float | None:
    """The bound of an instance, where a value beats it."""
    bound = loaded.problem.bound(instance)
    if bound is None or not beats(value, bound, loaded.problem.objective.direction):
        return None
    return bound
