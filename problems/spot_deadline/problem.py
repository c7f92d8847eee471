"""The problem `spot_deadline`: when to use spot, when to wait, and when to pay for on-demand."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import ClassVar

from evaluators.cloud.spot import HOUR, Booleans, SpotWorkload, single_market
from evaluators.cloud.spot_archives import is_archive, read_single_region
from evaluators.cloud.spot_bound import offline_optimum
from evaluators.cloud.spot_files import built, is_trace, read_json, read_own_market, read_public_trace
from evaluators.cloud.spot_job import JobRun
from evaluators.cloud.spot_published import JOBS, ON_DEMAND_PRICE, SPOT_PRICE, score
from evaluators.cloud.spot_simulator import FEATURES, simulate
from evolve.problem import (
    Candidate,
    Direction,
    EntryPoint,
    Feature,
    Instance,
    InstanceFileError,
    Limits,
    Objective,
    Outcome,
    Problem,
    Split,
)
from problems.spot_deadline.workloads import generated_workloads


class SpotDeadline(Problem[SpotWorkload]):
    """Evolve `decide(state)`, which picks idle, spot or on-demand for every tick of a job with a deadline."""

    name: ClassVar[str] = "spot_deadline"
    summary: ClassVar[str] = "Spot, on-demand or wait? The cheapest way for a job to meet its deadline."
    entry_point: ClassVar[EntryPoint] = EntryPoint("decide", ("state",))
    objectives: ClassVar[tuple[Objective, ...]] = (Objective("cost", "USD", Direction.MINIMISE),)
    baselines: ClassVar[Mapping[str, str]] = {
        "on-demand": "baselines/on_demand.py",
        "greedy": "baselines/greedy.py",
        "time-sliced": "baselines/time_sliced.py",
        "Uniform Progress": "baselines/uniform_progress.py",
        "Uniform Progress (no hysteresis)": "baselines/uniform_progress_no_hysteresis.py",
    }
    bound_name: ClassVar[str] = "offline optimum"
    features: ClassVar[tuple[Feature, ...]] = FEATURES
    limits: ClassVar[Limits] = Limits(cpu_seconds=10.0)

    def instances(self, split: Split) -> Sequence[Instance[SpotWorkload]]:
        """The generated workloads of a split."""
        return generated_workloads(split)

    def read_instances(self, path: Path) -> Sequence[Instance[SpotWorkload]]:
        """Read the benchmark's archive, a public trace, or a market of one's own.

        A public trace is cut into windows that are as long as the published jobs need.

        Raises:
            InstanceFileError: The file is none of these.
        """
        if is_archive(path):
            return [Instance(name, workload) for name, workload in read_single_region(path).items()]
        document = read_json(path)
        if is_trace(document):
            gap, available = read_public_trace(document, path)
            return _windows(path, gap, available)
        workload = read_own_market(document, path)
        if workload.market.regions != 1:
            raise InstanceFileError(f"{path}: {workload.market.regions} regions; this problem has one")
        return [Instance(path.stem, workload)]

    def evaluate(self, instance: Instance[SpotWorkload], candidate: Candidate) -> Outcome:
        """Run all jobs of the workload; the value is their mean cost."""
        runs = simulate(instance.payload, candidate, self.entry_point.function)
        cost = sum(run.cost for run in runs) / len(runs)
        hours = [
            sum(run.ticks[kind] for run in runs) * instance.payload.market.gap / HOUR / len(runs)
            for kind in range(3)
        ]
        return Outcome(
            instance=instance.name,
            value=cost,
            metrics={
                "cost": cost,
                "published_score": score(cost),
                "spot_hours": hours[1],
                "on_demand_hours": hours[2],
                "restarts": sum(run.restarts for run in runs) / len(runs),
            },
            feedback="\n".join(_told(run, instance.payload) for run in runs),
        )

    def bound(self, instance: Instance[SpotWorkload]) -> float:
        """The mean over the jobs of the least cost with all availability known beforehand, in USD."""
        return _offline_optimum(instance.payload)


@lru_cache(maxsize=1024)
def _offline_optimum(workload: SpotWorkload) -> float:
    costs = [offline_optimum(workload.market, job) for job in workload.jobs]
    return sum(costs) / len(costs)


def _told(run: JobRun, workload: SpotWorkload) -> str:
    idle, spot, on_demand = (ticks * workload.market.gap / HOUR for ticks in run.ticks)
    share = float(workload.market.available[0, : run.end].mean())
    return (
        f"{run.job.name}: {run.cost:.2f} USD; {spot:.1f} h spot, {on_demand:.1f} h on demand, {idle:.1f} h"
        f" idle; {run.restarts} starts, {run.preemptions} preemptions; there was spot in {share:.0%} of it"
    )


def _windows(path: Path, gap: int, available: Booleans) -> list[Instance[SpotWorkload]]:
    length = max(job.ticks_left(0, gap) for job in JOBS) + 1
    if len(available) < length:
        raise InstanceFileError(
            f"{path}: {len(available)} ticks of {gap} s; the published jobs need at least {length}"
        )
    markets = [
        single_market(available[first : first + length], gap, SPOT_PRICE, ON_DEMAND_PRICE)
        for first in range(0, len(available) - length + 1, length)
    ]
    workloads = built(str(path), lambda: [SpotWorkload(market, JOBS) for market in markets])
    return [Instance(f"{path.stem}-{number}", workload) for number, workload in enumerate(workloads)]


problem = SpotDeadline()
