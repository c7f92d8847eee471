"""Transactions that read and write keys, and the time that an order of them takes.

The model is that of A. Cheng et al., "Towards Optimal Transaction Scheduling", PVLDB 17 (2024), as the ADRS
benchmark (problem txn_scheduling) computes it: a transaction runs without a pause, one operation a tick, and
starts as early as its conflicts with the transactions before it in the order allow.
"""

from collections.abc import Sequence

import msgspec

from evaluators.checks import integer_array
from evolve.problem import InvalidDecision, Value


class Access(msgspec.Struct, frozen=True):
    """One operation of a transaction: it uses `key` in the tick `position` of the transaction, from 1."""

    position: int
    key: int
    write: bool


class Transaction(msgspec.Struct, frozen=True):
    """A transaction of `length` ticks; in ticks without an access it works on nothing that is shared."""

    length: int
    accesses: tuple[Access, ...]


class Workload(msgspec.Struct, frozen=True):
    """Transactions that wait to be ordered."""

    transactions: tuple[Transaction, ...]

    @property
    def longest(self) -> int:
        """Ticks of the longest transaction: the makespan if nothing conflicted."""
        return max(transaction.length for transaction in self.transactions)


class Wait(msgspec.Struct, frozen=True):
    """What determined the start of a transaction: `key`, and the earlier transaction that used it."""

    key: int
    holder: int


class Timetable(msgspec.Struct, frozen=True):
    """What became of an order."""

    makespan: int
    """Ticks from the first start to the last end."""
    starts: tuple[int, ...]
    """First tick of each transaction, by its number in the workload; the earliest tick is 1."""
    waits: tuple[Wait | None, ...]
    """By the same number; None where a transaction started in tick 1 or just as early without the wait."""


def timetable(workload: Workload, order: Sequence[int]) -> Timetable:
    """Run transactions in an order in which each starts as early as it may.

    A write of a key comes at least one tick after every earlier access of the key, a read at least one tick
    after every earlier write. "Earlier" is by the order: a transaction never overtakes on a key.

    Args:
        workload: The transactions.
        order: A permutation of their numbers.
    """
    latest_access: dict[int, tuple[int, int]] = {}
    latest_write: dict[int, tuple[int, int]] = {}
    starts = [0] * len(workload.transactions)
    waits: list[Wait | None] = [None] * len(workload.transactions)
    makespan = 0
    for number in order:
        transaction = workload.transactions[number]
        start = 1
        for access in transaction.accesses:
            before = (latest_access if access.write else latest_write).get(access.key)
            if before is not None and before[0] + 2 - access.position > start:
                start = before[0] + 2 - access.position
                waits[number] = Wait(access.key, before[1])
        for access in transaction.accesses:
            tick = start + access.position - 1
            if tick > latest_access.get(access.key, (0, 0))[0]:
                latest_access[access.key] = (tick, number)
            if access.write and tick > latest_write.get(access.key, (0, 0))[0]:
                latest_write[access.key] = (tick, number)
        starts[number] = start
        makespan = max(makespan, start + transaction.length - 1)
    return Timetable(makespan, tuple(starts), tuple(waits))


def visible(workload: Workload) -> list[Value]:
    """A workload as programs see it: for each transaction what it does in each tick.

    `["r", key]` or `["w", key]`, or None in a tick without an access.
    """
    seen: list[Value] = []
    for transaction in workload.transactions:
        ticks: list[Value] = [None] * transaction.length
        for access in transaction.accesses:
            ticks[access.position - 1] = ["w" if access.write else "r", access.key]
        seen.append(ticks)
    return seen


def checked_order(answer: object, count: int) -> list[int]:
    """The order in a candidate's answer.

    Raises:
        InvalidDecision: It is no permutation of 0 … count - 1; the feedback says where.
    """
    order: list[int] = integer_array(answer, "the order", (count,), 0, count, ("transaction",)).tolist()
    places: dict[int, int] = {}
    for place, number in enumerate(order):
        if number in places:
            missing = min(set(range(count)).difference(order))
            raise InvalidDecision(
                f"the order[{place}] is {number}, as is the order[{places[number]}], and {missing} is missing"
                f"; each of the {count} transactions has to stand in the order once"
            )
        places[number] = place
    return order


def diagnosis(workload: Workload, table: Timetable, bound: int) -> str:
    """What made the makespan, in two lines for the author of a program."""
    ends = [
        start + transaction.length - 1
        for start, transaction in zip(table.starts, workload.transactions, strict=True)
    ]
    number = ends.index(table.makespan)
    chain = [number]
    keys: dict[int, int] = {}
    while (wait := table.waits[number]) is not None:
        keys[wait.key] = keys.get(wait.key, 0) + 1
        number = wait.holder
        chain.append(number)
    hottest = sorted(keys.items(), key=lambda item: (-item[1], item[0]))[:3]
    told = ", ".join(f"key {key} ({count} times)" for key, count in hottest) or "no key"
    return (
        f"{len(workload.transactions)} transactions: makespan {table.makespan}, bound {bound}.\n"
        f"It ends with a chain of {len(chain)} transactions that waited for each other, most often on {told}."
    )
