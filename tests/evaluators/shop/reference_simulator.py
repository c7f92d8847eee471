"""A slow simulator that follows the definitions word by word, to compare the fast one with."""

from collections.abc import Callable
from types import SimpleNamespace

from evaluators.shop.features import OPERATION, STATE
from evaluators.shop.instance import JobShopInstance

Rule = Callable[[SimpleNamespace, SimpleNamespace], float]


class ReferenceSimulator:
    """One instance; every figure is worked out anew from the start times so far."""

    def __init__(self, shop: JobShopInstance, rule: Rule) -> None:
        self.durations, self.order = shop.durations.tolist(), shop.order.tolist()
        self.lower_bound = shop.lower_bound
        self.jobs, self.machines = range(shop.jobs), range(shop.machines)
        self.rule = rule
        self.starts: list[list[int]] = [[] for _ in self.jobs]
        self.time = 0
        self.decisions = 0
        self.seen: list[list[float]] = []
        """The fields of every call of the rule, the operation's before the state's."""

    def run(self) -> list[list[int]]:
        """Simulate to the end and return the start times."""
        while self._left(self.jobs):
            chosen = [job for machine in self.machines if (job := self._choice(machine)) is not None]
            for job in chosen:
                self.starts[job].append(self.time)
            if not chosen:
                self.time = min(end for job in self.jobs if (end := self._end(job)) > self.time)
        return self.starts

    def _choice(self, machine: int) -> int | None:
        waiting = self._waiting(machine)
        if not waiting or self._busy_until(machine) > self.time:
            return None
        if len(waiting) == 1:
            return waiting[0]
        self.decisions += 1
        state = self._state(machine)
        priorities = []
        for job in waiting:
            operation = self._operation(job)
            self.seen.append(
                [vars(operation)[f] for f in OPERATION.fields] + [vars(state)[f] for f in STATE.fields]
            )
            priorities.append(self.rule(operation, state))
        return next(
            job for job, priority in zip(waiting, priorities, strict=True) if priority == max(priorities)
        )

    def _end(self, job: int) -> int:
        """When the operation of a job that started last ends."""
        done = len(self.starts[job])
        return self.starts[job][-1] + self.durations[job][done - 1] if done else 0

    def _waiting(self, machine: int) -> list[int]:
        """The jobs whose next operation waits for a machine."""
        return [
            job for job in self.jobs if self._next_machine(job, 0) == machine and self._end(job) <= self.time
        ]

    def _next_machine(self, job: int, ahead: int) -> int | None:
        position = len(self.starts[job]) + ahead
        return self.order[job][position] if position < len(self.machines) else None

    def _busy_until(self, machine: int) -> int:
        ends = [
            start + duration
            for job in self.jobs
            for start, duration, on in zip(
                self.starts[job], self.durations[job], self.order[job], strict=False
            )
            if on == machine
        ]
        return max(ends, default=0)

    def _left(self, jobs: range | list[int]) -> list[tuple[int, int]]:
        """Machine and duration of all operations of these jobs that have not started."""
        return [
            (self.order[job][k], self.durations[job][k])
            for job in jobs
            for k in range(len(self.starts[job]), len(self.machines))
        ]

    def _machine_work(self, machine: int) -> int:
        return sum(duration for on, duration in self._left(self.jobs) if on == machine)

    def _queue_work(self, machine: int) -> int:
        return sum(self.durations[job][len(self.starts[job])] for job in self._waiting(machine))

    def _state(self, machine: int) -> SimpleNamespace:
        every = [duration for row in self.durations for duration in row]
        return SimpleNamespace(
            jobs=len(self.jobs),
            machines=len(self.machines),
            mean_duration=sum(every) / len(every),
            lower_bound=self.lower_bound,
            time=self.time,
            operations_unstarted=len(self._left(self.jobs)),
            longest_work_remaining=max(sum(d for _, d in self._left([job])) for job in self.jobs),
            bottleneck_work=max(self._machine_work(other) for other in self.machines),
            queue_length=len(self._waiting(machine)),
            queue_work=self._queue_work(machine),
            machine_work=self._machine_work(machine),
        )

    def _operation(self, job: int) -> SimpleNamespace:
        position = len(self.starts[job])
        durations = self.durations[job]
        follower = self._next_machine(job, 1)
        return SimpleNamespace(
            duration=durations[position],
            work_remaining=sum(durations[position:]),
            work_done=sum(durations[:position]),
            operations_remaining=len(durations) - position,
            operations_done=position,
            next_duration=0 if follower is None else durations[position + 1],
            longest_remaining=max(durations[position:]),
            arrival=self._end(job),
            waiting=self.time - self._end(job),
            next_queue_length=0 if follower is None else len(self._waiting(follower)),
            next_queue_work=0 if follower is None else self._queue_work(follower),
            next_machine_work=0 if follower is None else self._machine_work(follower),
            next_machine_ready=0 if follower is None else max(0, self._busy_until(follower) - self.time),
        )
