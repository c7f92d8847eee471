"""Paired differences in words, so that a person reads what was shown and no more."""

from enum import StrEnum

from evolve.archive.records import ScoredEvaluation
from evolve.problem import Status
from results.statistics import Difference, Interval


class Verdict(StrEnum):
    """What a paired difference shows about the first of two programs."""

    BETTER = "better"
    WORSE = "worse"
    UNDECIDED = "undecided"
    """The interval holds 1, or there is none."""
    SAME = "same"
    """The scores are equal on every instance."""


def verdict_of(difference: Difference) -> Verdict:
    """What a difference shows, at its level of confidence."""
    interval = difference.interval
    if difference.tied == difference.instances:
        return Verdict.SAME
    if interval is None:
        return Verdict.UNDECIDED
    if interval.low > 1.0:
        return Verdict.BETTER
    return Verdict.WORSE if interval.high < 1.0 else Verdict.UNDECIDED


def sentence(difference: Difference, first: str, second: str, split: str) -> str:
    """What a difference between two named programs on a split shows, in one sentence."""
    verdict, interval = verdict_of(difference), difference.interval
    better = better_or_worse(difference.ratio)
    if verdict is Verdict.SAME:
        return f"{first} and {second} are equally good on {counted(difference.instances)} of {split}"
    if interval is None:
        return (
            f"{first} is {better} than {second} on the only instance of {split}; one instance gives no"
            " interval, so nothing is known of others"
        )
    if verdict is Verdict.UNDECIDED:
        return (
            f"no difference between {first} and {second} that these instances of {split} can show:"
            f" {first} is {better}, {_evidence(difference, interval)}"
        )
    return f"{first} is {better} than {second} on {split}, {_evidence(difference, interval)}"


def report_sentence(difference: Difference, baseline: str, split: str) -> str:
    """Whether a run's champion beats the best baseline of a split, in one sentence."""
    verdict, interval = verdict_of(difference), difference.interval
    best = f"{baseline}, the best baseline on {split}"
    if verdict is Verdict.SAME:
        return f"The champion is exactly as good as {best}, on {counted(difference.instances)}."
    if interval is None:
        return (
            f"The champion cannot be told from {best}: one instance gives no interval"
            f" (it is {better_or_worse(difference.ratio)} there)."
        )
    opening = {
        Verdict.BETTER: f"The champion beats {best}, beyond the interval",
        Verdict.WORSE: f"The champion is worse than {best}, beyond the interval",
        Verdict.UNDECIDED: f"The champion cannot be told from {best}",
    }[verdict]
    return f"{opening}: it is {better_or_worse(difference.ratio)}, {_evidence(difference, interval)}."


def no_score(name: str, evaluation: ScoredEvaluation) -> str:
    """Why an evaluation has no score that can be believed, and on which instance that was."""
    failed = next((one for one in evaluation.outcomes if one.status is not Status.OK), None)
    if failed is None:
        return f"{name} was not evaluated to the end ({evaluation.status.value})"
    reason = failed.feedback.strip().partition("\n")[0]
    return f"{name} is '{failed.status.value}' on {failed.instance}{': ' if reason else ''}{reason}"


def better_or_worse(ratio: float) -> str:
    """A ratio of scores as a person says it: `3.2 % better`."""
    return f"{_per_cent(ratio)} % {'worse' if ratio < 1.0 else 'better'}"


def counted(instances: int) -> str:
    """`all 84 instances`, or `the only instance`."""
    return "the only instance" if instances == 1 else f"all {instances} instances"


def _evidence(difference: Difference, interval: Interval) -> str:
    return (
        f"{difference.level:g} % interval {interval_in_words(interval)}, {difference.instances} instances:"
        f" won {difference.won}, lost {difference.lost}, tied {difference.tied}"
        f" (sign test p = {difference.p_value:.2g})"
    )


def interval_in_words(interval: Interval) -> str:
    """An interval of a ratio of scores: `2.1 to 4.4 % better`, or `1.0 % worse to 0.3 % better`."""
    low, high = interval.low, interval.high
    if low < 1.0 < high:
        return f"{better_or_worse(low)} to {better_or_worse(high)}"
    near, far = (low, high) if low >= 1.0 else (high, low)
    return f"{_per_cent(near)} to {better_or_worse(far)}"


def _per_cent(ratio: float) -> str:
    """How far a ratio is from 1, in per cent, with two digits at least."""
    distance = abs(ratio - 1.0) * 100.0
    if distance >= 100.0:
        return f"{distance:.0f}"
    return f"{distance:.1f}" if distance >= 1.0 or distance == 0.0 else f"{distance:.2g}"
