"""Several instances laid end to end in flat arrays, and all that a simulation of them never changes."""

from collections.abc import Sequence
from functools import lru_cache
from itertools import accumulate, pairwise

import numpy as np
from numpy.typing import NDArray

from evaluators.shop.features import OPERATION, STATE
from evaluators.shop.instance import Integers, JobShopInstance
from evolve.problem import Floats

NO_OPERATION = -1
"""The successor of the last operation of a job."""


class Layout:
    """Instances side by side; operations, jobs and machines are numbered through all of them.

    Operations are in the order of jobs, and within a job in the order in which they are processed, so that of
    two operations in one queue the one with the lower number belongs to the lower job.

    Attributes:
        operations: For each instance, its operations.
        first_operations: For each instance, the first operation of each of its jobs.
        first_job: intp, the first job of each instance.
        first_machine: intp, the first machine of each instance.
        machines: The number of machines. This number also stands for "no machine" in `next_machine`.
        duration: Duration of each operation, in time units.
        machine: Machine of each operation.
        job: Job of each operation.
        successor: The operation that follows in the job, or `NO_OPERATION`.
        next_machine: intp, the machine of the successor of each operation.
        job_work: Sum of the durations of each job, in time units.
        machine_work: Sum of the durations on each machine, in time units.
        operation_rows: Rows of `OPERATION` with the fields that do not change; the others are 0.
        instance_rows: The first fields of `STATE`, those before `queue_length`, in the same way.
    """

    def __init__(self, instances: Sequence[JobShopInstance]) -> None:
        operation_ends = list(accumulate((i.operations for i in instances), initial=0))
        job_ends = list(accumulate((i.jobs for i in instances), initial=0))
        machine_ends = list(accumulate((i.machines for i in instances), initial=0))
        self.operations = [range(a, b) for a, b in pairwise(operation_ends)]
        self.first_operations = [
            list(operations[:: instance.machines])
            for operations, instance in zip(self.operations, instances, strict=True)
        ]
        self.first_job = np.array(job_ends[:-1], dtype=np.intp)
        self.first_machine = np.array(machine_ends[:-1], dtype=np.intp)
        self.machines = machine_ends[-1]
        order = [i.order + first for i, first in zip(instances, machine_ends[:-1], strict=True)]
        self.duration: list[int] = _flat([i.durations for i in instances]).tolist()
        self.machine: list[int] = _flat(order).tolist()
        self.job: list[int] = np.repeat(
            np.arange(job_ends[-1]), [i.machines for i in instances for _ in range(i.jobs)]
        ).tolist()
        successors = [
            _shifted(np.array(operations).reshape(instance.order.shape), NO_OPERATION)
            for operations, instance in zip(self.operations, instances, strict=True)
        ]
        self.successor: list[int] = _flat(successors).tolist()
        self.next_machine = _flat([_shifted(rows, self.machines) for rows in order]).astype(np.intp)
        self.job_work = np.concatenate([i.durations.sum(axis=1) for i in instances]).astype(np.float64)
        self.machine_work = np.concatenate([i.machine_work for i in instances]).astype(np.float64)
        self.operation_rows = np.concatenate([_operation_rows(i) for i in instances])
        self.instance_rows = np.array([_instance_row(i) for i in instances], dtype=np.float64)


@lru_cache(maxsize=16)
def layout_of(instances: tuple[JobShopInstance, ...]) -> Layout:
    """The layout of these instances, made once for the same objects."""
    return Layout(instances)


def _operation_rows(instance: JobShopInstance) -> Floats:
    """Rows of `OPERATION` for each operation of an instance; what changes in a simulation is 0."""
    durations = instance.durations
    ends = np.cumsum(durations, axis=1)
    position = np.broadcast_to(np.arange(instance.machines), durations.shape)
    fixed = {
        "duration": durations,
        "work_remaining": ends[:, -1:] - ends + durations,
        "work_done": ends - durations,
        "operations_remaining": instance.machines - position,
        "operations_done": position,
        "next_duration": _shifted(durations, 0),
        "longest_remaining": np.maximum.accumulate(durations[:, ::-1], axis=1)[:, ::-1],
    }
    rows = np.zeros((instance.operations, len(OPERATION.fields)))
    for name, values in fixed.items():
        rows[:, OPERATION.fields.index(name)] = values.ravel()
    return rows


def _instance_row(instance: JobShopInstance) -> list[float]:
    fixed = {
        "jobs": instance.jobs,
        "machines": instance.machines,
        "mean_duration": float(instance.durations.mean()),
        "lower_bound": instance.lower_bound,
    }
    return [fixed.get(field, 0.0) for field in STATE.fields[: STATE.fields.index("queue_length")]]


def _shifted(rows: Integers, last: int) -> Integers:
    """Each row moved one place to the left, with `last` at its end."""
    return np.concatenate([rows[:, 1:], np.full((len(rows), 1), last)], axis=1)


def _flat(arrays: Sequence[Integers]) -> NDArray[np.int64]:
    return np.concatenate([array.ravel() for array in arrays])
