"""How short a makespan can be at best: the critical path through the most contended key."""

from heapq import heappop, heappush, heapreplace

from evaluators.database.transactions import Workload

_Job = tuple[int, int, int]
"""Head, hold and tail of a transaction on one key, in ticks."""


def makespan_bound(workload: Workload) -> int:
    """A number of ticks that no order can beat.

    Proof. No order is shorter than its longest transaction. Now take a key, and the transactions that write
    it. Let such a transaction access the key first in its tick f, write it last in its tick w, and have
    length L. Of two of them, the one that comes later in the order accesses the key only after the last
    write of the other (`timetable`: a read comes after every earlier write, a write after every earlier
    access). So they hold the key one after the other, each for w - f + 1 ticks without a pause; each gets it
    f - 1 ticks after the start of the schedule at the earliest, and runs for L - w ticks after it. That is
    one machine with heads f - 1, processing times w - f + 1 and tails L - w, and the schedule is as long as
    the last job on it, its tail included. Jackson's preemptive schedule gives the least value of that with
    interruptions allowed (J. Carlier, "The one-machine sequencing problem", European Journal of Operational
    Research 11, 1982), so no less is possible without.
    """
    jobs: dict[int, list[_Job]] = {}
    for transaction in workload.transactions:
        first: dict[int, int] = {}
        last_write: dict[int, int] = {}
        for access in transaction.accesses:
            first.setdefault(access.key, access.position)
            if access.write:
                last_write[access.key] = access.position
        for key, last in last_write.items():
            head = first[key] - 1
            jobs.setdefault(key, []).append((head, last - head, transaction.length - last))
    return max([workload.longest, *(_preemptive_one_machine(queue) for queue in jobs.values())])


def _preemptive_one_machine(jobs: list[_Job]) -> int:
    """The length of Jackson's preemptive schedule: at any time, of those released, the longest tail first."""
    pending = sorted(jobs, reverse=True)
    released: list[tuple[int, int]] = []
    time = length = 0
    while pending or released:
        if not released:
            time = max(time, pending[-1][0])
        while pending and pending[-1][0] <= time:
            _, hold, tail = pending.pop()
            heappush(released, (-tail, hold))
        negative_tail, hold = released[0]
        worked = min(hold, pending[-1][0] - time) if pending else hold
        time += worked
        if worked == hold:
            heappop(released)
            length = max(length, time - negative_tail)
        else:
            heapreplace(released, (negative_tail, hold - worked))
    return length
