"""What the shipped programs do: valid, below the bound, the same every time, and not all alike."""

import asyncio
import math
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from evolve.checking.bench import WORKERS, Bench, EvaluatorError, Timed
from evolve.checking.findings import Check, Finding
from evolve.checking.instances import Splits, beaten
from evolve.loading import LoadedProblem
from evolve.problem import Instance, Outcome, Split, Status
from evolve.scoring import Reference, ScoreError, choose_reference

_SHARE_OF_LIMIT = 0.8
_FEWEST_PER_HOUR = 60.0
_ALIKE = 1e-9


class Results(msgspec.Struct):
    """Valid evaluations of the shipped programs."""

    timed: dict[str, dict[Split, Timed]] = {}
    """By program and split; only where all of the split is valid."""
    findings: list[Finding] = []
    worker_of: dict[str, int] = {}
    """Which worker evaluated a program."""
    faulty: set[str] = set()
    """Programs with a finding; what they do on later splits is not looked at."""
    broken: bool = False
    """Whether the evaluator itself failed, so that nothing more can be evaluated."""

    def values(self, split: Split) -> dict[str, dict[str, float]]:
        """The values of all programs that are valid on a split, by program and instance."""
        return {
            name: {one.instance: one.value for one in found[split].outcomes if one.value is not None}
            for name, found in self.timed.items()
            if split in found
        }

    def reference(self, loaded: LoadedProblem, split: Split) -> Reference | None:
        """The baseline that is best on a split; None where none is valid or no ratio can be formed."""
        values = self.values(split)
        baselines = {name: values[name] for name in loaded.baselines if name in values}
        try:
            return choose_reference(baselines, loaded.problem.objective.direction)
        except ScoreError:
            return None


async def evaluate_shipped(bench: Bench, programs: Mapping[str, str], splits: Splits) -> Results:
    """Evaluate every program on every split, programs side by side, and judge what comes out."""
    cases = [(name, split) for name in programs for split in splits.by_split]
    worker_of = {name: number % WORKERS for number, name in enumerate(programs)}
    found = await asyncio.gather(
        *(
            bench.evaluate(programs[name], split, [one.name for one in splits[split]], worker_of[name])
            for name, split in cases
        ),
        return_exceptions=True,
    )
    results = Results(worker_of=worker_of)
    for (name, split), timed in zip(cases, found, strict=True):
        if isinstance(timed, EvaluatorError):
            fix = "let `evaluate` raise InvalidDecision where the program is at fault, and nothing else"
            what = f"`evaluate` raises {timed}"
            results.findings.append(Finding(Check.PROGRAMS, f"{name} on {split.value}", what, fix))
            results.broken = True
            break
        if isinstance(timed, BaseException):
            raise timed
        if name in results.faulty:
            continue
        finding = _judge(bench.loaded, name, split, splits[split], timed.outcomes)
        if finding is None:
            results.timed.setdefault(name, {})[split] = timed
        else:
            results.findings.append(finding)
            results.faulty.add(name)
    return results


def _judge(
    loaded: LoadedProblem,
    name: str,
    split: Split,
    instances: Sequence[Instance[Any]],
    outcomes: list[Outcome],
) -> Finding | None:
    """What is wrong with the outcomes of a shipped program on a split; the first thing only."""
    metric = loaded.problem.objective.metric
    for instance, outcome in zip(instances, outcomes, strict=False):
        where = f"{name} on {instance.name} of {split.value}"
        if outcome.status is Status.SUSPECT:
            bound = beaten(loaded, instance, outcome.value or 0.0)
            what = f"its value {outcome.value:g} beats the bound {bound}"
            return Finding(
                Check.BOUND, where, what, "prove the bound again, or find what the evaluator misses"
            )
        if outcome.status is not Status.OK:
            what = f"{outcome.status.value}: {(outcome.feedback.strip() or 'no feedback').splitlines()[-1]}"
            fix = "correct the program, or widen the limits"
            return Finding(Check.PROGRAMS, where, what, fix)
        if outcome.instance != instance.name:
            fix = "return Outcome(instance=instance.name, ...)"
            return Finding(Check.PROGRAMS, where, f"the outcome is called {outcome.instance!r}", fix)
        value = outcome.value
        if value is None or not 0.0 < value < math.inf:
            what = f"its value is {value}, of which no ratio can be formed"
            return Finding(
                Check.PROGRAMS, where, what, "measure something that is always positive and finite"
            )
        if outcome.metrics.get(metric, value) != value:
            what = f"its value is {value:g} and its metric {metric} {outcome.metrics[metric]:g}"
            return Finding(Check.PROGRAMS, where, what, "make them the same: the first objective is scored")
    if len(outcomes) != len(instances):
        what = f"{len(outcomes)} outcomes for {len(instances)} instances"
        return Finding(
            Check.PROGRAMS, f"{name} on {split.value}", what, "return one outcome for each instance"
        )
    return None


async def check_determinism(
    bench: Bench, programs: Mapping[str, str], results: Results, names: Sequence[str]
) -> list[Finding]:
    """The named programs on the same instances: again in reverse order, and in another process.

    On train, and the last of them on all splits in the other process. Where the second time is shorter it
    takes the place of the first in `results`.
    """
    for name in names:
        found = results.timed.get(name, {})
        for split, timed in found.items():
            if split is not Split.TRAIN and name != names[-1]:
                continue
            instances = [one.instance for one in timed.outcomes]
            worker = results.worker_of[name]
            where = f"{name} on {split.value}"
            if split is Split.TRAIN:
                again = await bench.evaluate(programs[name], split, instances[::-1], worker)
                # Warm and alone on the machine: the first time had to make the instances and their bounds.
                found[split] = Timed(timed.outcomes, min(timed.seconds, again.seconds))
                differing = _first_difference(timed, again)
                if differing:
                    what = f"evaluated again, and in reverse order, it differs: {differing}"
                    fix = (
                        "let `evaluate` depend on its arguments alone: no clock, no global state or generator"
                    )
                    return [Finding(Check.DETERMINISM, where, what, fix)]
            other = await bench.evaluate(programs[name], split, instances, (worker + 1) % WORKERS)
            differing = _first_difference(timed, other)
            if differing:
                what = f"in a process with another PYTHONHASHSEED it differs: {differing}"
                fix = "iterate over nothing whose order is a set's, and do not use hash() or id()"
                return [Finding(Check.DETERMINISM, where, what, fix)]
    return []


def _comparable(outcomes: Sequence[Outcome]) -> dict[str, Outcome]:
    """Outcomes without what is measured from outside."""
    return {one.instance: msgspec.structs.replace(one, cpu_seconds=0.0, isolation="") for one in outcomes}


def _first_difference(first: Timed, second: Timed) -> str:
    others = _comparable(second.outcomes)
    for name, outcome in _comparable(first.outcomes).items():
        other = others.get(name)
        if other is None:
            return f"{name} is missing"
        for field in outcome.__struct_fields__:
            a, b = getattr(outcome, field), getattr(other, field)
            if a != b and not (a != a and b != b):  # NaN is like NaN here
                return f"{field} of {name} is {str(a)[:60]} and then {str(b)[:60]}"
    return ""


def check_time(loaded: LoadedProblem, results: Results, per_hour: float | None) -> list[Finding]:
    """No shipped program near the limit, and evaluations that allow a search at all."""
    limit = loaded.problem.limits.cpu_seconds
    for name, found in results.timed.items():
        for split, timed in found.items():
            slowest = max(timed.outcomes, key=lambda one: one.cpu_seconds)
            if slowest.cpu_seconds > _SHARE_OF_LIMIT * limit:
                what = f"it takes {slowest.cpu_seconds:.2f} s of CPU, and the limit is {limit:g} s"
                fix = "raise cpu_seconds: on a slower machine it would run into the limit"
                return [Finding(Check.TIME, f"{name} on {slowest.instance} of {split.value}", what, fix)]
    if per_hour is not None and per_hour < _FEWEST_PER_HOUR:
        what = f"one core evaluates {per_hour:.0f} programs an hour"
        fix = "make train smaller, or the simulator faster"
        return [Finding(Check.TIME, "train", what, fix)]
    return []


def check_telling_apart(results: Results) -> list[Finding]:
    """Instances on which all shipped programs get the same value measure nothing."""
    findings = []
    for split in Split:
        values = list(results.values(split).values())
        if len(values) < 2:
            continue
        alike = [
            name
            for name in values[0]
            if max(one[name] for one in values) <= (1.0 + _ALIKE) * min(one[name] for one in values)
        ]
        if alike:
            shown = ", ".join(alike[:5]) + (f" and {len(alike) - 5} more" if len(alike) > 5 else "")
            what = f"all {len(values)} shipped programs get the same value on {shown}"
            fix = "replace these instances by ones that are harder, or drop them"
            findings.append(Finding(Check.TELLING_APART, split.value, what, fix))
    return findings
