from evaluators.database.transactions import Workload
from evaluators.database.transactions_generator import CrossedKeys, HotRows, OrderedKeys, Reporting


def pattern(workload: Workload, number: int) -> list[tuple[int, bool]]:
    return [(access.position, access.write) for access in workload.transactions[number].accesses]


def test_a_workload_is_the_same_for_the_same_seed() -> None:
    for recipe in (OrderedKeys(transactions=9), Reporting(transactions=9)):
        assert recipe.generate(5) == recipe.generate(5) != recipe.generate(6)


def test_ordered_keys_are_different_and_the_popular_ones_are_everywhere() -> None:
    workload = OrderedKeys(transactions=100).generate(1)
    keys = [[access.key for access in one.accesses] for one in workload.transactions]
    assert all(len(found) == len(dict.fromkeys(found)) == 16 for found in keys)
    users = [sum(key in found for found in keys) for key in range(165)]
    assert max(users) > 90
    assert 0 < sum(users[100:]) < sum(users[:10])
    writes = sum(access.write for one in workload.transactions for access in one.accesses)
    assert 0.5 < writes / 1600 < 0.62


def test_hot_rows_have_the_published_shapes() -> None:
    workload = HotRows(transactions=100).generate(1)
    assert [one.length for one in workload.transactions] == [21] * 50 + [5] * 50
    assert pattern(workload, 0) == [(1, False), (2, False), (3, True)]
    assert pattern(workload, 99) == [(1, False), (2, True), (3, False), (4, True)]
    assert all(one.accesses[0].key < 4 <= one.accesses[-1].key for one in workload.transactions)


def test_crossed_keys_have_the_published_shape() -> None:
    workload = CrossedKeys(transactions=100).generate(1)
    assert {one.length for one in workload.transactions} == {9}
    assert pattern(workload, 7) == [(1, False), (9, True)]
    for number, one in enumerate(workload.transactions):
        first, last = one.accesses
        assert (first.key < 5 <= last.key) == (number < 50)


def test_shuffled_workloads_hold_the_same_in_another_order() -> None:
    pairs = [
        (HotRows(transactions=40).generate(3), HotRows(transactions=40, shuffled=True).generate(3)),
        (CrossedKeys(transactions=40).generate(3), CrossedKeys(transactions=40, shuffled=True).generate(3)),
    ]
    for listed, shuffled in pairs:
        assert listed != shuffled
        assert sorted(listed.transactions, key=repr) == sorted(shuffled.transactions, key=repr)


def test_reports_only_read() -> None:
    workload = Reporting(transactions=100).generate(1)
    reports = [one for one in workload.transactions if one.length == 20]
    assert 10 <= len(reports) <= 30
    assert not any(access.write for one in reports for access in one.accesses)
    assert pattern(workload, workload.transactions.index(reports[0]))[-1] == (20, False)
    updates = next(one for one in workload.transactions if one.length == 4)
    assert [access.write for access in updates.accesses] == [False, True, False, True]
