"""How much better one program is than another, from instances on which both were measured.

Every figure is about ratios, so everything is computed on their logarithms: there, swapping the two programs
is a change of sign, and the mean stands for the geometric mean that scores are made of.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from statistics import NormalDist

import msgspec
import numpy as np
from numpy.typing import NDArray

from evolve.problem import Floats
from evolve.randomness import stream

RESAMPLES = 10_000
DEFAULT_LEVEL = 95.0
"""Per cent."""
TIE = 1e-9
"""Two scores whose ratio is this close to 1 differ by rounding only."""

_FEWEST_IN_TAIL = 10
_CHUNK = 2**21
_LARGE_FREEDOM = 1000


class Method(StrEnum):
    """Where an interval comes from."""

    BOOTSTRAP = "bootstrap"
    STUDENT_T = "student-t"


class Interval(msgspec.Struct, frozen=True):
    """A two-sided confidence interval of a ratio."""

    low: float
    high: float
    method: Method


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """The paired difference of two programs over instances."""

    ratio: float
    """Geometric mean of the first program's score over the second's; above 1 the first is better."""
    interval: Interval | None
    """None where there is but one instance."""
    level: float
    """Of the interval, per cent."""
    won: int
    lost: int
    tied: int
    p_value: float
    """Two-sided, of the exact sign test: how likely a fair coin gives won and lost as uneven as these."""

    @property
    def instances(self) -> int:
        """On how many instances it rests."""
        return self.won + self.lost + self.tied


def paired_difference(
    first: Mapping[str, float], second: Mapping[str, float], level: float = DEFAULT_LEVEL
) -> Difference:
    """Compare two programs by their scores on the same instances.

    Args:
        first: Positive scores by the instance's name; higher is better.
        second: The other program's, on the same instances.
        level: Of the interval, per cent.

    Raises:
        ValueError: The instances are not the same, there is none, or a score is not a positive finite number.
    """
    if first.keys() != second.keys() or not first:
        raise ValueError("a paired difference needs the same instances, at least one, on both sides")
    # By name, so that the order in which they were measured changes nothing.
    logs = [log_ratio(first[name], second[name]) for name in sorted(first)]
    won, lost = sum(one > 0.0 for one in logs), sum(one < 0.0 for one in logs)
    return Difference(
        ratio=_exp(math.fsum(logs) / len(logs)),
        interval=mean_interval(logs, level),
        level=level,
        won=won,
        lost=lost,
        tied=len(logs) - won - lost,
        p_value=sign_test(won, lost),
    )


def log_ratio(first: float, second: float) -> float:
    """The logarithm of first / second, exactly 0 for a tie.

    Raises:
        ValueError: One of them is not a positive finite number.
    """
    if not (0.0 < first < math.inf and 0.0 < second < math.inf):
        raise ValueError(f"no ratio can be formed of {first:g} and {second:g}")
    difference = math.log(first) - math.log(second)
    return 0.0 if abs(difference) <= TIE else difference


def mean_interval(logs: Sequence[float], level: float = DEFAULT_LEVEL) -> Interval | None:
    """The interval of the geometric mean of ratios, given their logarithms; None for fewer than two.

    The percentile bootstrap, expanded: its tails are chosen such that for symmetric data it is as wide as
    Student's interval. Plain percentile and BCa intervals of a mean cover too rarely when there are few
    instances (Hesterberg, arXiv:1411.5279; Owen, arXiv:2508.10083 on BCa), and a studentised bootstrap has
    no width to speak of when most instances are ties. Where the expanded tails would hold fewer than ten of
    the resamples, which at 95 % is with fewer than six instances, it is Student's interval itself, as
    Georges, Buytaert and Eeckhout (OOPSLA 2007) advise for few measurements.
    """
    count = len(logs)
    if count < 2:
        return None
    if min(logs) == max(logs):
        ratio = _exp(logs[0])
        return Interval(ratio, ratio, Method.BOOTSTRAP)
    quantile = student_quantile(0.5 + level / 200.0, count - 1)
    tail = NormalDist().cdf(-quantile * math.sqrt(count / (count - 1)))
    if tail * RESAMPLES < _FEWEST_IN_TAIL:
        mean = math.fsum(logs) / count
        deviation = math.sqrt(math.fsum((one - mean) ** 2 for one in logs) / (count - 1))
        margin = quantile * deviation / math.sqrt(count)
        return Interval(_exp(mean - margin), _exp(mean + margin), Method.STUDENT_T)
    return _percentiles(_resampled(logs, lambda drawn: drawn.mean(axis=1)), tail)


def median_interval(logs: Sequence[float], level: float = DEFAULT_LEVEL) -> Interval | None:
    """The interval of the median of ratios, given their logarithms: the percentile bootstrap's.

    None where there are so few that even from the least to the greatest of them the median is missed more
    often than the level allows: with n, in 2^(1-n) of all cases; for 95 %, fewer than 6.
    """
    if 2.0 ** (1 - len(logs)) > 1.0 - level / 100.0:
        return None
    medians = _resampled(logs, lambda drawn: np.median(drawn, axis=1))
    return _percentiles(medians, (1.0 - level / 100.0) / 2.0)


def sign_test(won: int, lost: int) -> float:
    """The exact two-sided p-value of the sign test; ties are left out, as is usual."""
    count = won + lost
    at_most = sum(math.comb(count, one) for one in range(min(won, lost) + 1))
    return min(1.0, float(2 * at_most / 2**count))


def student_quantile(probability: float, freedom: int) -> float:
    """The quantile of Student's t distribution, for a probability of at least one half.

    Solves the finite sums of Abramowitz and Stegun, 26.7.3 and 26.7.4, by bisection on the angle; beyond
    1,000 degrees of freedom their expansion 26.7.5 is exact to six digits.
    """
    if freedom > _LARGE_FREEDOM:
        normal = NormalDist().inv_cdf(probability)
        return normal + (normal**3 + normal) / (4 * freedom)
    low, high = 0.0, math.pi / 2
    while (middle := (low + high) / 2) not in (low, high):
        if 0.5 + _central_probability(middle, freedom) / 2 < probability:
            low = middle
        else:
            high = middle
    return math.tan(low) * math.sqrt(freedom)


def _central_probability(angle: float, freedom: int) -> float:
    """How likely |t| is below tan(angle) * sqrt(freedom)."""
    sine, cosine = math.sin(angle), math.cos(angle)
    odd = freedom % 2 == 1
    term = cosine if odd else 1.0
    total = 0.0
    for step in range(2 + odd, freedom + 1, 2):
        total += term
        term *= cosine * cosine * (step - 1) / step
    return 2.0 / math.pi * (angle + sine * total) if odd else sine * total


def _resampled(values: Sequence[float], statistic: Callable[[Floats], Floats]) -> Floats:
    """The statistic of `RESAMPLES` samples of the values, sorted.

    What is drawn depends on the number of values only, so that the same programs give the same interval,
    and swapped programs the mirrored one.
    """
    data = np.asarray(values, np.float64)
    count = len(data)
    random = stream(0, "bootstrap", count)
    rows = max(1, _CHUNK // count)
    found: list[Floats] = []
    for start in range(0, RESAMPLES, rows):
        shape = min(rows, RESAMPLES - start), count
        words = np.frombuffer(random.randbytes(4 * shape[0] * count), "<u4")
        # The high half of a 64-bit product: any of the `count` indices, to within 2^-32 equally often.
        drawn: NDArray[np.uint64] = (words.astype(np.uint64) * np.uint64(count)) >> np.uint64(32)
        found.append(statistic(data[drawn.reshape(shape)]))
    return np.sort(np.concatenate(found))


def _percentiles(ordered: Floats, tail: float) -> Interval:
    """The values that leave the same number of resamples out at either end."""
    left_out = int(tail * len(ordered))
    return Interval(_exp(float(ordered[left_out])), _exp(float(ordered[-1 - left_out])), Method.BOOTSTRAP)


def _exp(value: float) -> float:
    try:
        return math.exp(value)
    except OverflowError:
        return math.inf
