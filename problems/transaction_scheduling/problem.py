"""The problem `transaction_scheduling`: the order of transactions with the shortest makespan."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import ClassVar

from evaluators.database.transactions import Workload, checked_order, diagnosis, timetable, visible
from evaluators.database.transactions_bound import makespan_bound
from evaluators.database.transactions_files import read_workloads
from evaluators.database.transactions_published import leaderboard_score, skydiscover_score
from evolve.problem import (
    Candidate,
    Direction,
    EntryPoint,
    Feature,
    Instance,
    Limits,
    Objective,
    Outcome,
    Problem,
    Split,
)
from problems.transaction_scheduling.workloads import generated_workloads


class TransactionScheduling(Problem[Workload]):
    """Evolve `schedule(transactions)`, which puts transactions into the order in which they run."""

    name: ClassVar[str] = "transaction_scheduling"
    summary: ClassVar[str] = "In which order do conflicting transactions finish soonest? Shortest makespan."
    entry_point: ClassVar[EntryPoint] = EntryPoint("schedule", ("transactions",))
    objectives: ClassVar[tuple[Objective, ...]] = (Objective("makespan", "ticks", Direction.MINIMISE),)
    baselines: ClassVar[Mapping[str, str]] = {
        "sequential": "baselines/sequential.py",
        "random": "baselines/random_order.py",
        "SMF": "baselines/smf.py",
    }
    bound_name: ClassVar[str] = "critical path"
    features: ClassVar[tuple[Feature, ...]] = (
        Feature("len(transactions)", "1", "transactions in the workload"),
        Feature("len(transactions[0])", "ticks", "length of the transaction that is listed first"),
        Feature("max(map(len, transactions))", "ticks", "length of the longest transaction"),
    )
    limits: ClassVar[Limits] = Limits(cpu_seconds=10.0)

    def instances(self, split: Split) -> Sequence[Instance[Workload]]:
        """The generated workloads of a split."""
        return generated_workloads(split)

    def read_instances(self, path: Path) -> Sequence[Instance[Workload]]:
        """Read workloads in the JSON of the ADRS benchmark.

        Raises:
            InstanceFileError: The file is not in that format.
        """
        return [Instance(name, workload) for name, workload in read_workloads(path).items()]

    def evaluate(self, instance: Instance[Workload], candidate: Candidate) -> Outcome:
        """Ask for an order and run the transactions in it."""
        workload = instance.payload
        answer = candidate.call(self.entry_point.function, visible(workload))
        table = timetable(workload, checked_order(answer, len(workload.transactions)))
        sequential = _sequential_makespan(workload)
        return Outcome(
            instance=instance.name,
            value=float(table.makespan),
            metrics={
                "makespan": float(table.makespan),
                "published_score": leaderboard_score(table.makespan, sequential, workload.longest),
                "skydiscover_score": skydiscover_score(table.makespan),
                "sequential_makespan": float(sequential),
                "longest_transaction": float(workload.longest),
            },
            feedback=diagnosis(workload, table, _bound(workload)),
        )

    def bound(self, instance: Instance[Workload]) -> float:
        """The critical path through the most contended key, or the longest transaction, in ticks."""
        return float(_bound(instance.payload))


@lru_cache(maxsize=256)
def _sequential_makespan(workload: Workload) -> int:
    return timetable(workload, range(len(workload.transactions))).makespan


@lru_cache(maxsize=256)
def _bound(workload: Workload) -> int:
    return makespan_bound(workload)


problem = TransactionScheduling()
