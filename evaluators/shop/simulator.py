"""Non-delay job-shop simulation under a priority rule, for many instances in lockstep.

Non-delay, in the textbook sense: no machine stands idle while an operation waits for it. When a machine is
free and operations wait, the one with the highest priority starts; of equals, that of the lower job. All
decisions of an instance at one simulated time see the shop as it was before any start at that time. A queue
of one is no decision.

Each instance is a coroutine that runs ahead through all that is forced and stops where there is something to
decide. One lockstep call then answers for every instance that has stopped.
"""

from bisect import insort
from collections.abc import Generator, Sequence
from heapq import heappop, heappush
from itertools import accumulate
from typing import cast

import msgspec
import numpy as np

from evaluators.shop.features import OPERATION, STATE
from evaluators.shop.instance import Integers, JobShopInstance
from evaluators.shop.layout import NO_OPERATION, Layout, layout_of
from evolve.problem import Candidate, CandidateFailure, Floats, Instance, InvalidDecision, Table

_ARRIVAL = OPERATION.fields.index("arrival")
_WAITING = OPERATION.fields.index("waiting")
_NEXT_MACHINE = slice(OPERATION.fields.index("next_queue_length"), len(OPERATION.fields))
_NEXT_READY = OPERATION.fields.index("next_machine_ready")
_TIME = STATE.fields.index("time")
_UNSTARTED = STATE.fields.index("operations_unstarted")
_LONGEST = STATE.fields.index("longest_work_remaining")
_BOTTLENECK = STATE.fields.index("bottleneck_work")
_MACHINE = slice(STATE.fields.index("queue_length"), len(STATE.fields))

# Columns of _Shop.machine_rows, in the order of OPERATION.fields[_NEXT_MACHINE] and of
# STATE.fields[_MACHINE].
_QUEUE_LENGTH, _QUEUE_WORK, _MACHINE_WORK, _FREE_AT = range(4)

_Coroutine = Generator[list[int], list[int], None]
"""Yields the machines that have a choice, is sent the operation that each shall start."""


class Schedule(msgspec.Struct, frozen=True):
    """What a rule made of one instance.

    `starts` is int64 of shape (jobs, machines): when each operation starts, in time units. `decisions` counts
    the choices among two or more operations.
    """

    starts: Integers
    decisions: int


def simulate(
    instances: Sequence[Instance[JobShopInstance]], candidate: Candidate, function: str
) -> list[Schedule]:
    """Simulate every instance under the rule that `function` of the candidate computes.

    Args:
        instances: The instances, which do not influence each other.
        candidate: A program; `function(operation, state)` is the priority of one waiting operation, with the
            fields of `features.OPERATION` and `features.STATE`. Infinities are ordered like any other
            priority.
        function: The name of the function.

    Raises:
        CandidateFailure: The candidate failed or answered NaN; `row` is the position of the instance at
            fault, where that is known.
    """
    if not instances:
        return []
    shop = _Shop(layout_of(tuple(instance.payload for instance in instances)))
    decisions = [0] * len(instances)
    coroutines = [shop.run(position) for position in range(len(instances))]
    pending = _advance([(position, coroutine, None) for position, coroutine in enumerate(coroutines)])
    while pending:
        request = _Request(shop, [(position, machines) for position, _, machines in pending])
        chosen = request.ask(instances, candidate, function)
        answers = []
        first = 0
        for position, coroutine, machines in pending:
            last = first + len(machines)
            answers.append((position, coroutine, chosen[first:last]))
            decisions[position] += last - first
            first = last
        pending = _advance(answers)
    starts = np.array(shop.start, dtype=np.int64)
    return [
        Schedule(starts[operations.start : operations.stop].reshape(instance.payload.order.shape), count)
        for instance, operations, count in zip(instances, shop.layout.operations, decisions, strict=True)
    ]


def _advance(
    answers: Sequence[tuple[int, _Coroutine, list[int] | None]],
) -> list[tuple[int, _Coroutine, list[int]]]:
    """Run each instance to its next decision; those that are finished drop out."""
    pending = []
    for position, coroutine, chosen in answers:
        try:
            machines = next(coroutine) if chosen is None else coroutine.send(chosen)
        except StopIteration:
            continue
        pending.append((position, coroutine, machines))
    return pending


class _Shop:
    """The changing state of all instances of a lockstep.

    What rules can read is kept in float64 rows, to be gathered by numpy. The simulation changes single
    numbers in them, through memoryviews of columns, which takes half the time that the arrays would.
    """

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.queue: list[list[int]] = [[] for _ in range(layout.machines)]
        self.idle = [True] * layout.machines
        self.start = [0] * len(layout.duration)
        self.operation_rows = layout.operation_rows.copy()
        self.instance_rows = layout.instance_rows.copy()
        self.machine_rows = np.zeros((layout.machines + 1, 4))
        self.machine_rows[:-1, _MACHINE_WORK] = layout.machine_work
        self.job_work_left = layout.job_work.copy()
        self.arrival = _column(self.operation_rows, _ARRIVAL)
        self.time = _column(self.instance_rows, _TIME)
        self.unstarted = _column(self.instance_rows, _UNSTARTED)
        self.queue_length = _column(self.machine_rows, _QUEUE_LENGTH)
        self.queue_work = _column(self.machine_rows, _QUEUE_WORK)
        self.machine_work = _column(self.machine_rows, _MACHINE_WORK)
        self.free_at = _column(self.machine_rows, _FREE_AT)
        self.job_work = _column(self.job_work_left, 0)

    def run(self, position: int) -> _Coroutine:
        """Simulate the instance at a position of the layout."""
        machine, successor, queue, idle = self.layout.machine, self.layout.successor, self.queue, self.idle
        radix = len(self.start)
        events: list[int] = []  # a heap of end time x radix + operation
        unstarted = len(self.layout.operations[position])
        released = self.layout.first_operations[position]
        free: list[int] = []
        time = 0
        while True:
            for operation in released:
                self._release(operation, time)
                if idle[machine[operation]] and machine[operation] not in free:
                    free.append(machine[operation])
            starting: list[int] = []
            contested: list[int] = []
            for m in free:
                if len(queue[m]) > 1:
                    contested.append(m)
                else:
                    starting += queue[m]
            if contested:
                self.time[position] = time
                self.unstarted[position] = unstarted
                starting += yield contested
            for operation in starting:
                heappush(events, self._start(operation, time) * radix + operation)
            unstarted -= len(starting)
            if not events:
                return
            time = events[0] // radix
            released, free = [], []
            while events and events[0] // radix == time:
                operation = heappop(events) % radix
                idle[machine[operation]] = True
                free.append(machine[operation])
                if successor[operation] != NO_OPERATION:
                    released.append(successor[operation])

    def _release(self, operation: int, time: int) -> None:
        """Let an operation join the queue of its machine."""
        machine = self.layout.machine[operation]
        insort(self.queue[machine], operation)
        self.queue_length[machine] += 1
        self.queue_work[machine] += self.layout.duration[operation]
        self.arrival[operation] = time

    def _start(self, operation: int, time: int) -> int:
        """Move an operation from its queue to its machine and return when it will end."""
        machine, duration = self.layout.machine[operation], self.layout.duration[operation]
        self.queue[machine].remove(operation)
        self.idle[machine] = False
        self.queue_length[machine] -= 1
        self.queue_work[machine] -= duration
        self.machine_work[machine] -= duration
        self.job_work[self.layout.job[operation]] -= duration
        self.start[operation] = time
        self.free_at[machine] = time + duration
        return time + duration


class _Request:
    """One lockstep call: every waiting operation of every machine that has a choice, as rows.

    Args:
        shop: The state of all instances.
        contested: Position of each instance that has stopped, and its machines that have a choice.
    """

    def __init__(self, shop: _Shop, contested: Sequence[tuple[int, list[int]]]) -> None:
        self._shop = shop
        self._positions = [position for position, machines in contested for _ in machines]
        self._machines = [machine for _, machines in contested for machine in machines]
        queues = [shop.queue[machine] for machine in self._machines]
        self._operations = [operation for queue in queues for operation in queue]
        self._lengths = [len(queue) for queue in queues]

    def ask(
        self, instances: Sequence[Instance[JobShopInstance]], candidate: Candidate, function: str
    ) -> list[int]:
        """The operation that each contested machine shall start."""
        state = self._state_rows()
        index = np.repeat(np.arange(len(state), dtype=np.int32), self._lengths)
        operations = self._operation_rows(state[:, _TIME].take(index))
        try:
            priorities = candidate.lockstep(
                function, Table(OPERATION, operations), Table(STATE, state, index)
            )
        except CandidateFailure as failure:
            if failure.row is not None:
                failure.row = self._positions[index[failure.row]]
            raise
        if np.isnan(priorities).any():
            row = int(np.isnan(priorities).argmax())
            raise self._nan(instances, row, int(index[row]))
        return self._highest(priorities.tolist())

    def _state_rows(self) -> Floats:
        shop = self._shop
        rows = shop.instance_rows
        rows[:, _LONGEST] = np.maximum.reduceat(shop.job_work_left, shop.layout.first_job)
        rows[:, _BOTTLENECK] = np.maximum.reduceat(
            shop.machine_rows[:-1, _MACHINE_WORK], shop.layout.first_machine
        )
        state = np.empty((len(self._machines), len(STATE.fields)))
        state[:, : _MACHINE.start] = rows.take(self._positions, axis=0)
        state[:, _MACHINE] = shop.machine_rows.take(self._machines, axis=0)[:, :_FREE_AT]
        return state

    def _operation_rows(self, time: Floats) -> Floats:
        """Rows of the waiting operations; `time` is the simulated time in the instance of each."""
        shop = self._shop
        operations = np.array(self._operations)
        rows = shop.operation_rows.take(operations, axis=0)
        next_machine = shop.layout.next_machine.take(operations)
        rows[:, _NEXT_MACHINE] = shop.machine_rows.take(next_machine, axis=0)
        np.subtract(time, rows[:, _ARRIVAL], out=rows[:, _WAITING])
        ready = rows[:, _NEXT_READY]
        np.subtract(ready, time, out=ready)
        np.maximum(ready, 0.0, out=ready)
        return rows

    def _highest(self, priorities: list[float]) -> list[int]:
        """Each machine's first operation of the highest priority, which is that of the lowest job."""
        chosen = []
        for last, length in zip(accumulate(self._lengths), self._lengths, strict=True):
            first = last - length
            queue = priorities[first:last]
            chosen.append(self._operations[first + queue.index(max(queue))])
        return chosen

    def _nan(
        self, instances: Sequence[Instance[JobShopInstance]], row: int, decision: int
    ) -> InvalidDecision:
        layout, position = self._shop.layout, self._positions[decision]
        job = layout.job[self._operations[row]] - layout.first_job[position]
        machine = self._machines[decision] - layout.first_machine[position]
        time = self._shop.time[position]
        return InvalidDecision(
            f"instance {instances[position].name}, time {time:g}: "
            f"NaN as priority of job {job} on machine {machine}",
            position,
        )


def _column(rows: Floats, column: int) -> "memoryview[float]":
    """A view of one column through which single numbers are read and written as Python floats."""
    flat = cast("memoryview[float]", rows.reshape(-1).data)
    return flat[column :: rows[0].size]
