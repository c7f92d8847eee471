"""The check of a finished schedule, which knows nothing of how it was made."""

import numpy as np

from evaluators.shop.instance import Integers, JobShopInstance


class InvalidScheduleError(ValueError):
    """A schedule breaks a rule of the job shop; the message says which, and where."""


def makespan(instance: JobShopInstance, starts: Integers) -> int:
    """Validate a schedule and return its makespan, in time units.

    Args:
        instance: The job shop.
        starts: int64, shape (jobs, machines). `starts[j, k]` is when operation k of job j starts, in time
            units.

    Raises:
        InvalidScheduleError: An operation starts before time 0 or before its predecessor in the job ends, or
            a machine works on two operations at once.
    """
    if starts.shape != instance.durations.shape:
        raise InvalidScheduleError(f"starts have shape {starts.shape}, durations {instance.durations.shape}")
    if starts.min() < 0:
        job, operation = np.argwhere(starts < 0)[0]
        raise InvalidScheduleError(f"job {job}, operation {operation} starts before time 0")
    ends = starts + instance.durations
    early = np.argwhere(starts[:, 1:] < ends[:, :-1])
    if len(early):
        job, operation = early[0]
        raise InvalidScheduleError(f"job {job}, operation {operation + 1} starts before its predecessor ends")
    _check_machines(instance, starts.ravel(), ends.ravel())
    return int(ends.max())


def _check_machines(instance: JobShopInstance, starts: Integers, ends: Integers) -> None:
    machines = instance.order.ravel()
    by_machine = np.lexsort((ends, starts, machines))
    first, second = by_machine[:-1], by_machine[1:]
    clash = np.flatnonzero((machines[first] == machines[second]) & (starts[second] < ends[first]))
    if len(clash):
        jobs = first[clash[0]] // instance.machines, second[clash[0]] // instance.machines
        raise InvalidScheduleError(
            f"machine {machines[first[clash[0]]]} works on jobs {jobs[0]} and {jobs[1]} at once, "
            f"from time {starts[second[clash[0]]]}"
        )
