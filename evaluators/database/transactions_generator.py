"""Synthetic workloads, three kinds after the workloads of the ADRS benchmark and one of another shape.

Everything is drawn as integers from NumPy's legacy generator, whose stream is frozen (NEP 19), so a workload
is the same on every machine.
"""

from collections.abc import Sequence

import msgspec
import numpy as np

from evaluators.database.transactions import Access, Transaction, Workload

_Step = tuple[bool, int] | None
"""One tick of a transaction: whether it writes, and the key; None for a tick without an access."""


class OrderedKeys(msgspec.Struct, frozen=True, kw_only=True):
    """Transactions that touch popular keys in nearly the same order, as the benchmark's first workload does.

    Every transaction accesses `length` different keys, drawn with weights 1 / (rank + `flatness`), in an
    order that all transactions share but for `swaps` exchanges of neighbours.
    """

    transactions: int
    length: int = 16
    keys: int = 165
    flatness: int = 1
    write_percent: int = 56
    swaps: int = 4

    def generate(self, seed: int) -> Workload:
        """The workload of a seed."""
        stream = np.random.RandomState(seed)
        weights = [2**20 // (rank + self.flatness) for rank in range(self.keys)]
        place = stream.permutation(self.keys).tolist()
        found = []
        for _ in range(self.transactions):
            chosen = _distinct(stream, weights, self.length)
            chosen.sort(key=place.__getitem__)
            for _ in range(self.swaps):
                at = stream.randint(self.length - 1)
                chosen[at], chosen[at + 1] = chosen[at + 1], chosen[at]
            found.append(_transaction([(_percent(stream, self.write_percent), key) for key in chosen]))
        return Workload(tuple(found))


class HotRows(msgspec.Struct, frozen=True, kw_only=True):
    """Long readers and short writers of a few hot keys, as in the benchmark's second workload.

    Half of the transactions read a hot key, then read and write another key and work on for long; the other
    half read and write a hot key, then another one. They are listed one half after the other, as published,
    or in random order of arrival.
    """

    transactions: int
    hot_keys: int = 4
    other_keys: int = 37
    long: int = 21
    short: int = 5
    shuffled: bool = False

    def generate(self, seed: int) -> Workload:
        """The workload of a seed."""
        stream = np.random.RandomState(seed)
        found = []
        for number in range(self.transactions):
            hot = int(stream.randint(self.hot_keys))
            other = self.hot_keys + int(stream.randint(self.other_keys))
            if number < self.transactions // 2:
                found.append(_transaction([(False, hot), (False, other), (True, other)], self.long))
            else:
                steps = [(False, hot), (True, hot), (False, other), (True, other)]
                found.append(_transaction(steps, self.short))
        return _listed(found, stream, self.shuffled)


class CrossedKeys(msgspec.Struct, frozen=True, kw_only=True):
    """Transactions that read a key first and write one last, as in the benchmark's third workload.

    One half read keys of one group and write keys of the other; the other half do it the other way round, so
    that the halves stand in each other's way. They are listed one half after the other, as published, or in
    random order of arrival.
    """

    transactions: int
    group: int = 5
    length: int = 9
    shuffled: bool = False

    def generate(self, seed: int) -> Workload:
        """The workload of a seed."""
        stream = np.random.RandomState(seed)
        found = []
        for number in range(self.transactions):
            low, high = int(stream.randint(self.group)), self.group + int(stream.randint(self.group))
            first, last = (low, high) if number < self.transactions // 2 else (high, low)
            found.append(
                _transaction([(False, first), *[None] * (self.length - 2), (True, last)], self.length)
            )
        return _listed(found, stream, self.shuffled)


class Reporting(msgspec.Struct, frozen=True, kw_only=True):
    """Long read-only transactions among short updates, in random order of arrival.

    One in `report_every` transactions reads `scan` neighbouring keys, one a tick; the others read and write
    `updates` keys drawn with weights 1 / (rank + `flatness`).
    """

    transactions: int
    keys: int = 60
    report_every: int = 5
    scan: int = 20
    updates: int = 2
    flatness: int = 4

    def generate(self, seed: int) -> Workload:
        """The workload of a seed."""
        stream = np.random.RandomState(seed)
        weights = [2**20 // (rank + self.flatness) for rank in range(self.keys)]
        found = []
        for _ in range(self.transactions):
            if stream.randint(self.report_every) == 0:
                first = int(stream.randint(self.keys - self.scan + 1))
                found.append(_transaction([(False, key) for key in range(first, first + self.scan)]))
            else:
                chosen = _distinct(stream, weights, self.updates)
                found.append(_transaction([(write, key) for key in chosen for write in (False, True)]))
        return Workload(tuple(found))


def _transaction(steps: Sequence[_Step], length: int = 0) -> Transaction:
    """A transaction of these steps, with ticks without an access after them up to `length`."""
    accesses = (
        Access(position, step[1], step[0]) for position, step in enumerate(steps, 1) if step is not None
    )
    return Transaction(max(length, len(steps)), tuple(accesses))


def _listed(found: list[Transaction], stream: np.random.RandomState, shuffled: bool) -> Workload:
    """The workload of these transactions, in this order or a random one."""
    order = stream.permutation(len(found)).tolist() if shuffled else range(len(found))
    return Workload(tuple(found[number] for number in order))


def _distinct(stream: np.random.RandomState, weights: Sequence[int], count: int) -> list[int]:
    """So many different numbers, drawn one after the other with these weights."""
    left = list(weights)
    drawn: list[int] = []
    for _ in range(count):
        at = int(stream.randint(sum(left)))
        number = 0
        while at >= left[number]:
            at -= left[number]
            number += 1
        drawn.append(number)
        left[number] = 0
    return drawn


def _percent(stream: np.random.RandomState, percent: int) -> bool:
    return bool(stream.randint(100) < percent)
