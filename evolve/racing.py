"""Racing: a program that is clearly worse than its parent on the first instances is not run on the rest.

The test is Fisher's randomisation test on the paired logarithms of the scores of child and parent: among
all ways to flip the signs of the differences, in how large a share is their sum as low as it is? It is
exact for any number of instances and assumes nothing about how scores are distributed. A program is stopped
when that share is at most `LEVEL` and it is also worse by more than `MARGIN` in the geometric mean, so that
small losses, which a population may well want, are not raced out.

Racing saves time and changes what is known of the worst programs only; it is off for splits of fewer than
`SMALLEST_SPLIT` instances, where no few of them could show anything.
"""

import itertools
import math
import operator
from collections.abc import Mapping, Sequence

LEVEL = 0.05
"""The share of sign flips up to which a difference counts as clear."""
MARGIN = 0.01
"""How much worse a program has to be: 1 %."""
SMALLEST_SPLIT = 10
"""The smallest split on which programs race."""
_FEWEST, _MOST = 5, 10


def races(instances: Sequence[str]) -> bool:
    """Whether programs race on a split of these instances."""
    return len(instances) >= SMALLEST_SPLIT


def first_stage(instances: Sequence[str]) -> tuple[str, ...]:
    """The instances to run first: about a third, spread over the split; all of a small split."""
    count = len(instances)
    if not races(instances):
        return tuple(instances)
    size = min(_MOST, max(_FEWEST, math.ceil(count / 3)))
    return tuple(instances[position * count // size] for position in range(size))


def clearly_worse(scores: Mapping[str, float], rival: Mapping[str, float]) -> bool:
    """Whether `scores` are clearly worse than a rival's on the instances that both have."""
    differences = [math.log(scores[name] / rival[name]) for name in scores if name in rival]
    if not differences or math.fsum(differences) / len(differences) >= math.log1p(-MARGIN):
        return False
    return _share_as_low(differences) <= LEVEL


def _share_as_low(differences: Sequence[float]) -> float:
    """The share of sign flips that give a sum as low as the observed one, which is one of them."""
    observed = math.fsum(differences)
    sizes = [abs(difference) for difference in differences]
    tolerance = 1e-12 * math.fsum(sizes)
    as_low = sum(
        math.fsum(map(operator.mul, signs, sizes)) <= observed + tolerance
        for signs in itertools.product((-1.0, 1.0), repeat=len(sizes))
    )
    return as_low / float(2 ** len(sizes))
