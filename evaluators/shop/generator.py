"""Seeded random job shops of any size, with durations and routes of several kinds.

Everything is drawn with `LehmerGenerator`, in integers only, so an instance is the same on every platform.
"""

from collections.abc import Callable
from enum import StrEnum

import msgspec

from evaluators.shop.instance import JobShopInstance, job_shop
from evaluators.shop.lehmer import LehmerGenerator

_DISCARDED = 8
"""Draws that are thrown away at the start, because the first ones of neighbouring seeds are alike."""


class Durations(StrEnum):
    """How durations are distributed; all lie between 1 and 99, but the geometric ones have no upper end."""

    UNIFORM = "uniform"
    """1 … 99, all equally likely, as in Taillard's instances."""
    BIMODAL = "bimodal"
    """Three of four are 1 … 20, the others 60 … 99."""
    JOB_CORRELATED = "job-correlated"
    """Each job has a centre of its own, and its durations lie within 9 of it.

    In the manner of J.-P. Watson, L. Barbulescu, L. D. Whitley, A. E. Howe, "Contrasting structured and
    random permutation flow-shop scheduling problems", INFORMS Journal on Computing 14 (2002), 98-123.
    """
    MACHINE_CORRELATED = "machine-correlated"
    """Each machine has a centre of its own, in the same manner."""
    GEOMETRIC = "geometric"
    """Many short and few very long ones, with mean 30."""


class Routes(StrEnum):
    """In which order jobs visit the machines."""

    RANDOM = "random"
    """Any order, all equally likely."""
    TWO_SETS = "two-sets"
    """Every job visits the first half of the machines before the second.

    As in R. H. Storer, S. D. Wu, R. Vaccari, "New search spaces for sequencing problems with application to
    job shop scheduling", Management Science 38 (1992), 1495-1509.
    """


class RandomShop(msgspec.Struct, frozen=True):
    """The recipe of a random instance; equal recipes make equal instances.

    `seed` is from 1 to 2**31 - 2.
    """

    jobs: int
    machines: int
    seed: int
    durations: Durations = Durations.UNIFORM
    routes: Routes = Routes.RANDOM

    def generate(self) -> JobShopInstance:
        """Make the instance."""
        stream = LehmerGenerator(self.seed)
        for _ in range(_DISCARDED):
            stream.uniform(0, 1)
        order = [_route(self.routes, self.machines, stream) for _ in range(self.jobs)]
        draw = _duration_source(self, stream)
        return job_shop([[draw(job, machine) for machine in row] for job, row in enumerate(order)], order)


def _route(routes: Routes, machines: int, stream: LehmerGenerator) -> list[int]:
    if routes is Routes.RANDOM:
        return stream.permutation(machines)
    half = machines // 2
    return stream.permutation(half) + [half + machine for machine in stream.permutation(machines - half)]


def _duration_source(shop: RandomShop, stream: LehmerGenerator) -> Callable[[int, int], int]:
    """A function that draws the duration of a job on a machine."""
    match shop.durations:
        case Durations.UNIFORM:
            return lambda job, machine: stream.uniform(1, 99)
        case Durations.BIMODAL:
            return lambda job, machine: (
                stream.uniform(1, 20) if stream.uniform(1, 4) < 4 else stream.uniform(60, 99)
            )
        case Durations.JOB_CORRELATED:
            centre = [stream.uniform(10, 90) for _ in range(shop.jobs)]
            return lambda job, machine: centre[job] + stream.uniform(-9, 9)
        case Durations.MACHINE_CORRELATED:
            centre = [stream.uniform(10, 90) for _ in range(shop.machines)]
            return lambda job, machine: centre[machine] + stream.uniform(-9, 9)
        case Durations.GEOMETRIC:
            return lambda job, machine: _trials(stream, 30)


def _trials(stream: LehmerGenerator, mean: int) -> int:
    """How often to draw from 1 … mean until the first 1: geometric with that mean."""
    trials = 1
    while stream.uniform(1, mean) > 1:
        trials += 1
    return trials
