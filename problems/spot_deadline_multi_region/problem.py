"""The problem `spot_deadline_multi_region`: when, where and on what a job with a deadline runs."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import ClassVar

from evaluators.cloud.spot import HOUR, SpotWorkload
from evaluators.cloud.spot_archives import is_archive, read_multi_region
from evaluators.cloud.spot_bound import offline_optimum
from evaluators.cloud.spot_files import read_json, read_own_market
from evaluators.cloud.spot_job import JobRun
from evaluators.cloud.spot_published import score
from evaluators.cloud.spot_regions_simulator import FEATURES, simulate
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
from problems.spot_deadline_multi_region.workloads import generated_workloads


class SpotDeadlineMultiRegion(Problem[SpotWorkload]):
    """Evolve `decide(state, spot, prices)`: for each tick a region, and idle, spot or on-demand."""

    name: ClassVar[str] = "spot_deadline_multi_region"
    summary: ClassVar[str] = "Which region, and spot, on-demand or wait? The cheapest way to meet a deadline."
    entry_point: ClassVar[EntryPoint] = EntryPoint("decide", ("state", "spot", "prices"))
    objectives: ClassVar[tuple[Objective, ...]] = (Objective("cost", "USD", Direction.MINIMISE),)
    baselines: ClassVar[Mapping[str, str]] = {
        "on-demand": "baselines/on_demand.py",
        "greedy": "baselines/greedy.py",
        "time-sliced": "baselines/time_sliced.py",
        "Uniform Progress": "baselines/uniform_progress.py",
        "round robin": "baselines/round_robin.py",
    }
    bound_name: ClassVar[str] = "offline optimum"
    features: ClassVar[tuple[Feature, ...]] = FEATURES
    limits: ClassVar[Limits] = Limits(cpu_seconds=10.0)

    def instances(self, split: Split) -> Sequence[Instance[SpotWorkload]]:
        """The generated workloads of a split."""
        return generated_workloads(split)

    def read_instances(self, path: Path) -> Sequence[Instance[SpotWorkload]]:
        """Read the benchmark's archive, or a market of one's own; each of its jobs is an instance.

        Raises:
            InstanceFileError: The file is neither.
        """
        if is_archive(path):
            return [Instance(name, workload) for name, workload in read_multi_region(path).items()]
        document = read_json(path)
        if isinstance(document, dict) and "data" in document:
            raise InstanceFileError(
                f"{path} is the trace of one region; give a JSON file with gap_seconds, on_demand_price,"
                " regions and jobs, as docs/problems/spot_deadline_multi_region.md shows"
            )
        own = read_own_market(document, path)
        if len(own.jobs) == 1:
            return [Instance(path.stem, own)]
        return [
            Instance(f"{path.stem}-{number}", SpotWorkload(own.market, (job,)))
            for number, job in enumerate(own.jobs)
        ]

    def evaluate(self, instance: Instance[SpotWorkload], candidate: Candidate) -> Outcome:
        """Run the job; the value is its cost."""
        workload = instance.payload
        run = simulate(workload, candidate, self.entry_point.function)
        hours = [ticks * workload.market.gap / HOUR for ticks in run.ticks]
        return Outcome(
            instance=instance.name,
            value=run.cost,
            metrics={
                "cost": run.cost,
                "published_cost": run.published_cost,
                "published_score": score(run.published_cost),
                "spot_hours": hours[1],
                "on_demand_hours": hours[2],
                "restarts": float(run.restarts),
                "late_seconds": float(run.late),
            },
            feedback=_told(run, workload, hours),
        )

    def bound(self, instance: Instance[SpotWorkload]) -> float:
        """The least cost with all availability and prices known beforehand, in USD."""
        return _offline_optimum(instance.payload)


@lru_cache(maxsize=1024)
def _offline_optimum(workload: SpotWorkload) -> float:
    return offline_optimum(workload.market, workload.jobs[0])


def _told(run: JobRun, workload: SpotWorkload, hours: Sequence[float]) -> str:
    """What happened, in two lines for the author of a program."""
    available = workload.market.available[:, : run.end]
    shares = ", ".join(f"{share:.0%}" for share in available.mean(axis=1))
    return (
        f"{run.job.name}: {run.cost:.2f} USD; {hours[1]:.1f} h spot, {hours[2]:.1f} h on demand,"
        f" {hours[0]:.1f} h idle; {run.restarts} starts, {run.preemptions} preemptions.\n"
        f"There was spot in {shares} of the time by region, in {available.any(axis=0).mean():.0%} somewhere."
    )


problem = SpotDeadlineMultiRegion()
