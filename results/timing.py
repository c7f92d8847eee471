"""Measures two programs' CPU time in pairs.

CPU time of the same work moves by 10 to 25 % between one minute and the next, so two programs cannot be
timed one after the other. They are interleaved (A B B A A B ...), so that whatever drifts slowly is shared by
both halves of a pair and goes out of their ratio, and the median of the ratios is not moved by outliers.
"""

import math
import statistics
import time
from collections.abc import Sequence
from typing import Protocol

import msgspec

from evolve.errors import UserError
from evolve.loading import AnyProblem
from evolve.problem import InfrastructureError, LockstepProblem, Outcome, Split, Status
from results.statistics import Interval, log_ratio, median_interval

FEWEST_PAIRS = 16
MOST_PAIRS = 256
FEWEST_PAIRS_IF_SLOW = 6
"""With fewer, nothing can be said at 95 %."""
SECONDS = 20.0
"""Wall time after which slow programs are measured no further."""
NARROW = 0.01
"""An interval whose ends differ by less than this share needs no more pairs; stopping at a fixed width keeps
the coverage (Chow and Robbins, Annals of Mathematical Statistics 36, 1965)."""
NEGLIGIBLE = 0.001
"""Below so many CPU seconds for one opened program, the measure is mostly the noise of opening one: what that
costs, 1 to 1.6 ms, is subtracted."""

_CHECKED_EVERY = 8


class Evaluating(Protocol):
    """The part of an executor that measuring needs."""

    async def submit(self, source: str, split: Split, instances: Sequence[str]) -> list[Outcome]:
        """See `evolve.execution.base.Executor`."""
        ...


class TimingSample(msgspec.Struct, frozen=True):
    """CPU seconds of both programs, measured side by side: `first[i]` and `second[i]` are a pair."""

    first: tuple[float, ...]
    second: tuple[float, ...]
    opened: int
    """How many times one evaluation opens a program."""

    @property
    def negligible(self) -> bool:
        """Whether a program is too short for its ratio to be worth much."""
        shortest = min(statistics.median(self.first), statistics.median(self.second))
        return shortest < NEGLIGIBLE * self.opened

    def logs(self) -> list[float]:
        """The logarithms of the pairs' ratios, where both halves took any time."""
        pairs = zip(self.first, self.second, strict=True)
        return [log_ratio(one, other) for one, other in pairs if one > 0.0 and other > 0.0]


class TimeRatio(msgspec.Struct, frozen=True, kw_only=True):
    """How much more CPU time the first of two programs takes."""

    ratio: float | None
    """Median of the pairs' ratios; None where most pairs could not be measured."""
    interval: Interval | None
    level: float
    pairs: int
    unmeasurable: int
    """Pairs left out because a program took no time that can be told from opening it."""
    first_cpu_seconds: float
    """Median of one evaluation, on this machine, at this time."""
    second_cpu_seconds: float
    negligible: bool


async def measure_pairs(
    executor: Evaluating,
    sources: tuple[str, str],
    problem: AnyProblem,
    split: Split,
    level: float,
    *,
    instances: Sequence[str],
    seconds: float = SECONDS,
) -> TimingSample:
    """Evaluate two programs in turn until their ratio is known well enough, or `seconds` are spent.

    The executor has to have one worker, so that both run in the same place and never at the same time.

    Raises:
        UserError: A program fails.
        InfrastructureError: It could not be evaluated on this machine, after retries.
    """
    started_at = time.monotonic()
    for source in sources:  # once beforehand: the first evaluation also fills caches
        await _cpu_seconds(executor, source, split, instances)
    sample = TimingSample((), (), 1 if isinstance(problem, LockstepProblem) else len(instances))
    while not _enough(sample, level, time.monotonic() - started_at, seconds):
        order = (0, 1) if len(sample.first) % 2 == 0 else (1, 0)
        spent = {which: await _cpu_seconds(executor, sources[which], split, instances) for which in order}
        sample = TimingSample((*sample.first, spent[0]), (*sample.second, spent[1]), sample.opened)
    return sample


def time_ratio(sample: TimingSample, level: float) -> TimeRatio:
    """What a sample says; `level` in per cent."""
    logs = sample.logs()
    measured = 2 * len(logs) > len(sample.first)
    return TimeRatio(
        ratio=math.exp(statistics.median(logs)) if measured else None,
        interval=median_interval(logs, level) if measured else None,
        level=level,
        pairs=len(sample.first),
        unmeasurable=len(sample.first) - len(logs),
        first_cpu_seconds=statistics.median(sample.first),
        second_cpu_seconds=statistics.median(sample.second),
        negligible=sample.negligible,
    )


def time_sentence(found: TimeRatio, first: str, second: str, split: str) -> str:
    """A ratio of CPU times in words."""
    absolute = (
        f"{found.first_cpu_seconds:.4g} s against {found.second_cpu_seconds:.4g} s for all of {split};"
        " absolute CPU seconds are of this machine now"
    )
    if found.ratio is None:
        return f"{first} and {second} take too little CPU time to be measured ({absolute})"
    interval = found.interval
    evidence = f"median of {found.pairs - found.unmeasurable} pairs"
    if interval is not None:
        evidence = f"{found.level:g} % interval {interval.low:.3f} to {interval.high:.3f}, {evidence}"
    same = interval is None or interval.low <= 1.0 <= interval.high
    opening = (
        f"no difference in CPU time between {first} and {second} can be shown: {found.ratio:.3f} times"
        if same
        else f"{first} takes {found.ratio:.3f} times the CPU time of {second}"
    )
    caution = "; programs this short are mostly the noise of starting them" if found.negligible else ""
    return f"{opening} ({evidence}; {absolute}){caution}"


async def _cpu_seconds(executor: Evaluating, source: str, split: Split, instances: Sequence[str]) -> float:
    """CPU time of one evaluation."""
    outcomes = await executor.submit(source, split, instances)
    failed = next((one for one in outcomes if one.status not in (Status.OK, Status.SUSPECT)), None)
    if failed is None:
        return math.fsum(one.cpu_seconds for one in outcomes)
    if failed.status is Status.INFRASTRUCTURE:
        raise InfrastructureError(f"evaluations fail on this machine: {failed.feedback}")
    raise UserError(
        f"a program failed while it was timed: {failed.status.value} on {failed.instance}: {failed.feedback}"
    )


def _enough(sample: TimingSample, level: float, elapsed: float, seconds: float) -> bool:
    pairs = len(sample.first)
    if pairs >= MOST_PAIRS or (pairs >= FEWEST_PAIRS_IF_SLOW and elapsed >= seconds):
        return True
    if pairs < FEWEST_PAIRS or pairs % _CHECKED_EVERY:
        return False
    interval = median_interval(sample.logs(), level)
    narrow = interval is not None and interval.high / interval.low < 1.0 + NARROW
    return narrow or sample.negligible
