"""The published rule for the makespan of an order, written out slowly and as it is defined.

Each key has a list of its accesses, roughly in the order of time. The start of a transaction looks at the
last entry of the list only, or, for a read after reads, back to the last write. New entries are inserted
behind the last one that is neither later in its start nor in its end.
"""

from collections.abc import Sequence
from itertools import permutations

from evaluators.database.transactions import Workload

Entry = tuple[bool, int, int]
"""Whether it is a write, and its first and last tick, which are the same in this use."""


def published_makespan(workload: Workload, order: Sequence[int]) -> int:
    lists: dict[int, list[Entry]] = {}
    makespan = 0
    for number in order:
        transaction = workload.transactions[number]
        start = 1
        for access in transaction.accesses:
            entries = lists.get(access.key)
            if entries:
                start = max(start, key_start(entries, access.write) - access.position + 1)
        makespan = max(makespan, start + transaction.length - 1)
        for access in transaction.accesses:
            tick = start + access.position - 1
            insert(lists.setdefault(access.key, []), (access.write, tick, tick))
    return makespan


def key_start(entries: list[Entry], write: bool) -> int:
    if write or entries[-1][0]:
        return entries[-1][2] + 1
    for is_write, _, end in reversed(entries):
        if is_write:
            return end + 1
    return 0


def insert(entries: list[Entry], new: Entry) -> None:
    _, start, end = new
    for place in range(len(entries) - 1, -1, -1):
        if entries[place][1] <= start:
            entries.insert(place + 1, new)
            return
    if not entries or (end < entries[0][2] and start < entries[0][1]):
        entries.insert(0, new)
    else:
        entries.append(new)


def shortest_makespan(workload: Workload) -> int:
    """By trying all orders."""
    return min(
        published_makespan(workload, order) for order in permutations(range(len(workload.transactions)))
    )
