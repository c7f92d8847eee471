"""What a job-shop instance is, and how short its makespan can be at best."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

Integers = NDArray[np.int64]
MAX_DURATION = 10**9
"""So that every sum of durations is exact in float64, in which programs see them."""


@dataclass(frozen=True, eq=False)
class JobShopInstance:
    """Jobs that visit every machine once, each in an order of its own.

    Attributes:
        durations: int64, shape (jobs, machines). `durations[j, k]` is how long operation k of job j takes, in
            time units, from 0 to `MAX_DURATION`.
        order: int64, shape (jobs, machines). `order[j, k]` is the machine of operation k of job j; each row
            is a permutation.
        best_known_lower: The largest proven lower bound of the makespan, in time units, where one is
            published.
        best_known_upper: The shortest makespan that anybody has published. It is a proven optimum only where
            it equals `best_known_lower`.

    Raises:
        ValueError: The arrays do not describe a job shop; the message says where.
    """

    durations: Integers
    order: Integers
    best_known_lower: int | None = None
    best_known_upper: int | None = None

    def __post_init__(self) -> None:
        if self.durations.ndim != 2 or self.durations.size == 0:
            raise ValueError(f"durations: expected jobs x machines, got shape {self.durations.shape}")
        if self.order.shape != self.durations.shape:
            raise ValueError(f"machine order has shape {self.order.shape}, durations {self.durations.shape}")
        outside = np.argwhere((self.durations < 0) | (self.durations > MAX_DURATION))
        if len(outside):
            job, operation = outside[0]
            got = self.durations[job, operation]
            raise ValueError(
                f"job {job}, operation {operation}: duration {got} is not from 0 to {MAX_DURATION}"
            )
        wrong = np.flatnonzero((np.sort(self.order, axis=1) != np.arange(self.machines)).any(axis=1))
        if len(wrong):
            visited = self.order[wrong[0]].tolist()
            raise ValueError(
                f"job {wrong[0]}: expected each machine 0 … {self.machines - 1} once, got {visited}"
            )
        for array in (self.durations, self.order):
            array.flags.writeable = False

    @property
    def jobs(self) -> int:
        """The number of jobs."""
        return int(self.durations.shape[0])

    @property
    def machines(self) -> int:
        """The number of machines, which is also the number of operations in each job."""
        return int(self.durations.shape[1])

    @property
    def operations(self) -> int:
        """The number of operations in all jobs together."""
        return int(self.durations.size)

    @cached_property
    def machine_work(self) -> Integers:
        """The sum of the durations on each machine, in time units; shape (machines,)."""
        work = np.zeros(self.machines, dtype=np.int64)
        np.add.at(work, self.order, self.durations)
        return work

    @cached_property
    def lower_bound(self) -> int:
        """The job/machine bound of the makespan, in time units (Taillard 1993, section 3).

        No schedule is shorter than the longest job, nor than any machine's work with the shortest time that
        passes before the machine's first operation can start and the shortest that must pass after its last.
        """
        ends = np.cumsum(self.durations, axis=1)
        head = np.full(self.machines, np.iinfo(np.int64).max)
        tail = head.copy()
        np.minimum.at(head, self.order, ends - self.durations)
        np.minimum.at(tail, self.order, ends[:, -1:] - ends)
        return int(max(ends[:, -1].max(), (head + self.machine_work + tail).max()))

    @property
    def bound(self) -> int:
        """The best-known makespan where one is published, else the job/machine bound, in time units."""
        return self.lower_bound if self.best_known_upper is None else self.best_known_upper

    def with_bounds(self, lower: int | None, upper: int | None) -> "JobShopInstance":
        """The same instance with published bounds of its makespan, in time units."""
        return replace(self, best_known_lower=lower, best_known_upper=upper)


def job_shop(durations: ArrayLike, order: ArrayLike) -> JobShopInstance:
    """Make an instance from anything array-like, copied.

    Raises:
        ValueError: As for `JobShopInstance`.
    """
    return JobShopInstance(
        np.array(durations, dtype=np.int64, order="C"), np.array(order, dtype=np.int64, order="C")
    )
