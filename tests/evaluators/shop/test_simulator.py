from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluators.shop.generator import Durations, RandomShop
from evaluators.shop.instance import JobShopInstance, job_shop
from evaluators.shop.schedule import makespan
from evaluators.shop.simulator import Schedule, simulate
from evolve.problem import CandidateFailure, Floats, Instance, InvalidDecision, Status, Table
from tests.evaluators.shop.reference_simulator import ReferenceSimulator, Rule
from tests.evaluators.shop.shops import job_shops
from tests.support.direct_candidate import DirectCandidate

RULES = [
    "-operation.duration",
    "operation.work_remaining",
    "0.0",
    "(operation.duration * 7 + operation.waiting * 3 + operation.next_queue_work * 5 + state.time) % 11",
    "(operation.arrival * 5 - operation.next_machine_ready + state.machine_work * operation.work_done) % 7",
]


class RecordingCandidate(DirectCandidate):
    """Keeps the fields of every call, the operation's before the state's."""

    def __init__(self, expression: str) -> None:
        super().__init__(f"def priority(operation, state):\n    return {expression}\n")
        self.seen: list[list[float]] = []

    def lockstep(self, function: str, *tables: Table) -> Floats:
        rows = [table.rows if table.index is None else table.rows[table.index] for table in tables]
        self.seen += np.hstack(rows).tolist()
        return super().lockstep(function, *tables)


def named(shops: Sequence[JobShopInstance]) -> list[Instance[JobShopInstance]]:
    return [Instance(f"shop-{number}", shop) for number, shop in enumerate(shops)]


def run(shops: Sequence[JobShopInstance], expression: str) -> list[Schedule]:
    return simulate(named(shops), RecordingCandidate(expression), "priority")


def as_rule(expression: str) -> Rule:
    rule: Rule = eval(f"lambda operation, state: {expression}")
    return rule


@settings(max_examples=60, deadline=None)
@given(st.lists(job_shops(), min_size=1, max_size=4), st.sampled_from(RULES))
def test_schedules_and_all_that_rules_see_are_those_of_the_reference(
    shops: list[JobShopInstance], expression: str
) -> None:
    candidate = RecordingCandidate(expression)
    schedules = simulate(named(shops), candidate, "priority")
    references = [ReferenceSimulator(shop, as_rule(expression)) for shop in shops]
    for schedule, reference, shop in zip(schedules, references, shops, strict=True):
        assert schedule.starts.tolist() == reference.run()
        assert schedule.decisions == reference.decisions
        assert makespan(shop, schedule.starts) >= shop.lower_bound
    assert sorted(candidate.seen) == sorted(row for reference in references for row in reference.seen)


@pytest.mark.parametrize("durations", list(Durations))
def test_larger_shops_agree_with_the_reference(durations: Durations) -> None:
    shop = RandomShop(12, 6, 321, durations).generate()
    candidate = RecordingCandidate(RULES[3])
    schedule = simulate([Instance("large", shop)], candidate, "priority")[0]
    reference = ReferenceSimulator(shop, as_rule(RULES[3]))
    assert schedule.starts.tolist() == reference.run()
    assert sorted(candidate.seen) == sorted(reference.seen)
    assert reference.decisions > 20


@settings(max_examples=25, deadline=None)
@given(st.lists(job_shops(), min_size=2, max_size=5), st.sampled_from(RULES))
def test_instances_do_not_influence_each_other(shops: list[JobShopInstance], expression: str) -> None:
    together = run(shops, expression)
    alone = [run([shop], expression)[0] for shop in shops]
    assert [s.starts.tolist() for s in together] == [s.starts.tolist() for s in alone]
    assert [s.decisions for s in together] == [s.decisions for s in alone]


def test_the_highest_priority_starts_and_the_lower_job_wins_a_tie() -> None:
    shop = job_shop([[3], [1], [3], [2]], [[0]] * 4)
    assert run([shop], "operation.duration")[0].starts.ravel().tolist() == [0, 8, 3, 6]
    assert run([shop], "1.0")[0].starts.ravel().tolist() == [0, 3, 4, 7]


def test_infinities_are_ordered_like_any_priority() -> None:
    shop = job_shop([[3], [1], [2]], [[0]] * 3)
    minus_first = "float('-inf') if operation.duration == 3 else -operation.duration"
    assert run([shop], minus_first)[0].starts.ravel().tolist() == [3, 0, 1]
    assert run([shop], "float('inf') * (operation.duration - 1.5)")[0].starts.ravel().tolist() == [0, 5, 3]


def test_nothing_to_simulate() -> None:
    assert run([], "0.0") == []


def test_a_queue_of_one_is_no_decision() -> None:
    candidate = RecordingCandidate("0.0")
    schedule = simulate([Instance("chain", job_shop([[3, 4, 5]], [[0, 1, 2]]))], candidate, "priority")[0]
    assert schedule.starts.tolist() == [[0, 3, 7]]
    assert (schedule.decisions, candidate.round_trips) == (0, 0)


def test_instances_that_decide_at_the_same_moment_share_a_round_trip() -> None:
    shop = RandomShop(8, 4, 17).generate()
    alone, together = RecordingCandidate("-operation.duration"), RecordingCandidate("-operation.duration")
    simulate([Instance("one", shop)], alone, "priority")
    simulate([Instance(f"copy-{k}", shop) for k in range(10)], together, "priority")
    assert together.round_trips == alone.round_trips
    assert together.calls == 10 * alone.calls


def test_nan_is_an_invalid_decision_of_its_instance() -> None:
    shops = [job_shop([[3, 1]], [[0, 1]]), job_shop([[2, 2], [2, 2], [1, 9]], [[0, 1], [0, 1], [1, 0]])]
    expression = "float('nan') if state.time == 2 and operation.arrival == 1 else operation.duration"
    assert run(shops, "operation.duration")[1].decisions == 2
    with pytest.raises(InvalidDecision) as caught:
        run(shops, expression)
    assert caught.value.row == 1
    assert caught.value.feedback == "instance shop-1, time 2: NaN as priority of job 2 on machine 0"


def test_a_crash_is_put_down_to_its_instance() -> None:
    shops = [job_shop([[3], [4]], [[0], [0]]), job_shop([[5], [5], [6]], [[0]] * 3)]
    with pytest.raises(CandidateFailure) as caught:
        run(shops, "1 / (operation.duration - 6)")
    assert (caught.value.status, caught.value.row) == (Status.CRASHED, 1)
