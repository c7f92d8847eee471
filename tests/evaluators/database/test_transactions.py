import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluators.database.transactions import (
    Access,
    Timetable,
    Transaction,
    Wait,
    Workload,
    checked_order,
    diagnosis,
    timetable,
    visible,
)
from evaluators.database.transactions_bound import makespan_bound
from evaluators.database.transactions_files import parse_transaction, read_workloads
from evaluators.database.transactions_published import leaderboard_score, skydiscover_score
from evolve.problem import InvalidDecision
from tests.evaluators.database.reference_transactions import published_makespan, shortest_makespan
from tests.support.shared_data import shared_data


def workload_of(*transactions: str) -> Workload:
    return Workload(tuple(parse_transaction(text) for text in transactions))


@st.composite
def workloads(draw: st.DrawFn, most: int = 12) -> Workload:
    """Few keys, so that there are conflicts; keys may repeat within a transaction."""
    operation = st.sampled_from(["*", *(f"{kind}-{key}" for kind in "rw" for key in range(4))])
    texts = draw(st.lists(st.lists(operation, min_size=1, max_size=6), min_size=1, max_size=most))
    return workload_of(*(" ".join([*operations, "r-9"]) for operations in texts))


@settings(max_examples=300, deadline=None)
@given(workloads(), st.randoms(use_true_random=False))
def test_the_makespan_is_the_published_one(workload: Workload, stream: random.Random) -> None:
    order = list(range(len(workload.transactions)))
    stream.shuffle(order)
    assert timetable(workload, order).makespan == published_makespan(workload, order)


@settings(max_examples=150, deadline=None)
@given(workloads(), st.randoms(use_true_random=False))
def test_conflicting_accesses_keep_the_order_and_no_start_could_be_earlier(
    workload: Workload, stream: random.Random
) -> None:
    order = list(range(len(workload.transactions)))
    stream.shuffle(order)
    table = timetable(workload, order)
    for place, later in enumerate(order):
        tight = table.starts[later] == 1
        for earlier in order[:place]:
            for one in workload.transactions[earlier].accesses:
                for other in workload.transactions[later].accesses:
                    if one.key == other.key and (one.write or other.write):
                        first = table.starts[earlier] + one.position
                        second = table.starts[later] + other.position
                        assert first < second
                        tight = tight or second == first + 1
        assert tight
        assert (table.waits[later] is None) == (table.starts[later] == 1)


@settings(max_examples=150, deadline=None)
@given(workloads(most=6))
def test_no_order_beats_the_bound(workload: Workload) -> None:
    assert makespan_bound(workload) <= shortest_makespan(workload)


def test_the_bound_is_met_by_a_queue_on_one_key() -> None:
    # Each holds key 1 for two ticks, between a head of one and a tail of two.
    workload = workload_of(*["r-5 r-1 w-1 * *"] * 4)
    assert makespan_bound(workload) == 1 + 4 * 2 + 2 == shortest_makespan(workload)


def test_the_bound_takes_the_longest_tail_first() -> None:
    workload = workload_of("w-1 * * *", "w-1", "* w-1")
    assert makespan_bound(workload) == 4 == timetable(workload, [0, 1, 2]).makespan


def test_readers_share_and_writers_wait() -> None:
    readers = workload_of("r-1 *", "r-1 *", "r-1 *")
    assert timetable(readers, [2, 0, 1]) == Timetable(2, (1, 1, 1), (None, None, None))
    mixed = workload_of("w-1 *", "r-1 *", "r-1 w-2")
    assert timetable(mixed, [0, 1, 2]) == Timetable(3, (1, 2, 2), (None, Wait(1, 0), Wait(1, 0)))


def test_what_programs_see() -> None:
    workload = Workload((Transaction(4, (Access(1, 7, False), Access(3, 8, True))),))
    assert visible(workload) == [[["r", 7], None, ["w", 8], None]]


@pytest.mark.parametrize(
    ("answer", "feedback"),
    [
        ([], "the order has 0 entries; must have 3, one for each transaction"),
        ([0, 1], "the order has 2 entries; must have 3, one for each transaction"),
        ([0, 1, 3], "the order[2] is 3; must be an integer in 0..2"),
        (
            [0, 1, 0],
            "the order[2] is 0, as is the order[0], and 2 is missing; each of the 3 transactions has to stand"
            " in the order once",
        ),
        ((17, [0, 1, 2]), "the order has 2 entries; must have 3, one for each transaction"),
        ("012", "the order is the text '012'; must be an array of 3 integers (transaction)"),
    ],
)
def test_what_is_no_order_is_refused(answer: object, feedback: str) -> None:
    with pytest.raises(InvalidDecision) as error:
        checked_order(answer, 3)
    assert error.value.feedback == feedback


def test_diagnosis_names_the_contended_key() -> None:
    workload = workload_of("w-1 w-2", "w-1 r-3", "w-1 r-3")
    told = diagnosis(workload, timetable(workload, [0, 1, 2]), 4)
    assert told.splitlines() == [
        "3 transactions: makespan 4, bound 4.",
        "It ends with a chain of 3 transactions that waited for each other, most often on key 1 (2 times).",
    ]


# --- The three workloads of the benchmark ---------------------------------------------------------------


def published() -> list[Workload]:
    return list(read_workloads(shared_data("txn_adrs/workloads.json")).values())


def smf(workload: Workload, sample: int, stream: random.Random) -> int:
    """The makespan of SMF, computed from whole beginnings of the order, as published programs do."""
    left = list(range(len(workload.transactions)))
    order = [left.pop(stream.randint(0, len(left) - 1))]
    while left:
        stream.random()
        drawn = [
            left.pop(stream.randint(0, len(left) - 1) if len(left) > 1 else 0)
            for _ in range(min(sample, len(left)))
        ]
        best = min(drawn, key=lambda number: timetable(workload, [*order, number]).makespan)
        order.append(best)
        drawn.remove(best)
        left += drawn
    return timetable(workload, order).makespan


def test_sequential_makespans_and_the_lower_anchor() -> None:
    found = published()
    sequential = [timetable(one, range(len(one.transactions))).makespan for one in found]
    assert sequential == [452, 38, 47]
    assert sum(sequential) == 537
    assert sum(one.longest for one in found) == 46


def test_smf_as_the_leaderboard_has_it() -> None:
    """352, where one random stream with the seed 42 goes through the three workloads."""
    stream = random.Random(42)
    makespans = [smf(workload, 10, stream) for workload in published()]
    assert makespans == [244, 55, 53]
    assert sum(makespans) == 352


def test_bounds_of_the_benchmark() -> None:
    """33 has been reached by a published program on the second workload, so its optimum is known."""
    assert [makespan_bound(workload) for workload in published()] == [66, 33, 25]


def test_published_scores_of_published_makespans() -> None:
    for makespan, score in [(352, 41.865), (243, 66.531), (226, 70.378), (223, 71.0568)]:
        assert leaderboard_score(makespan, 537, 46) == pytest.approx(score, abs=6e-4)
    for makespan, score in [(366, 2724.8), (229, 4347.83), (378, 2638.5)]:
        assert skydiscover_score(makespan) == pytest.approx(score, abs=0.05)
    assert leaderboard_score(600, 537, 46) == leaderboard_score(537, 537, 46) == 0.0
    assert leaderboard_score(60, 537, 46) == 100.0
    assert leaderboard_score(5, 5, 5) == 0.0
