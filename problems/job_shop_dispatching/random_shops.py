"""The recipes of the random instances for train and validation."""

from collections.abc import Sequence
from itertools import cycle, islice

from evaluators.shop.generator import Durations, RandomShop, Routes

OTHER_KINDS = (
    (Durations.BIMODAL, Routes.RANDOM),
    (Durations.JOB_CORRELATED, Routes.RANDOM),
    (Durations.GEOMETRIC, Routes.RANDOM),
    (Durations.MACHINE_CORRELATED, Routes.RANDOM),
    (Durations.UNIFORM, Routes.TWO_SETS),
)
"""What one shop in so many has in the place of uniform durations and random routes, in turn."""
ONE_IN = 10


def recipes(shapes: Sequence[tuple[int, int]], count: int, first_seed: int) -> tuple[RandomShop, ...]:
    """Shops of these shapes (jobs, machines) in turn, most of them like the published benchmarks."""
    found: list[RandomShop] = []
    kinds = cycle(OTHER_KINDS)
    for number, (jobs, machines) in enumerate(islice(cycle(shapes), count)):
        kind = next(kinds) if number % ONE_IN == ONE_IN - 1 else (Durations.UNIFORM, Routes.RANDOM)
        found.append(RandomShop(jobs, machines, first_seed + number, *kind))
    return tuple(found)


TRAIN = recipes(
    [
        *((15, 10), (20, 8), (15, 12), (20, 10), (12, 12), (24, 8), (18, 12)),
        *((25, 10), (15, 15), (20, 15), (30, 8), (16, 8), (22, 11)),
    ],
    63,
    1001,
)
"""From square to four jobs for each machine; any first few are a fair sample.

Each is quick to simulate. There are this many because the makespan of a rule on one shop is largely luck:
of what a linear rule with tuned weights gained on 36 such shops, a third was not there on others.
"""

VALIDATION = recipes(
    [
        *((15, 15), (20, 12), (20, 15), (20, 20), (25, 15), (30, 8), (30, 15), (40, 10), (40, 15)),
        *((50, 15), (100, 20)),
    ],
    44,
    2001,
)
"""Other seeds, and larger: what was found on small shops need not hold on large ones."""
