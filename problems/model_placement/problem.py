"""The problem `model_placement`: which models share a GPU."""

from collections.abc import Mapping, Sequence
from functools import cache, lru_cache
from pathlib import Path
from typing import ClassVar, TypeAlias

from evaluators.serving.model_placement import (
    Fleet,
    checked_placement,
    gpu_pressures,
)
from evaluators.serving.model_placement_files import read_fleets
from evaluators.serving.model_placement_generator import RandomFleet
from evaluators.serving.model_placement_optimum import optimum
from evaluators.serving.model_placement_published import (
    LEADERBOARD_METRIC,
    PRESSURE_METRIC,
    leaderboard_score,
)
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
    Value,
)
from problems.model_placement.fleets import TEST, TRAIN, VALIDATION

FleetInstance: TypeAlias = Instance[Fleet]


class ModelPlacement(Problem[Fleet]):
    """Place models on GPUs so that none of the GPUs' KV caches is pressed more than it need be."""

    name: ClassVar[str] = "model_placement"
    summary: ClassVar[str] = "which models share a GPU, so that no KV cache is pressed more than need be"
    entry_point: ClassVar[EntryPoint] = EntryPoint(
        "compute_model_placement", ("gpu_num", "models", "gpu_memory")
    )
    objectives: ClassVar[tuple[Objective, ...]] = (
        Objective(PRESSURE_METRIC, "1/(s^2 GB)", Direction.MINIMISE),
    )
    baselines: ClassVar[Mapping[str, str]] = {
        "greedy": "baselines/greedy.py",
        "round robin": "baselines/round_robin.py",
        "best fit": "baselines/best_fit.py",
        "MULTIFIT": "baselines/multifit.py",
    }
    bound_name: ClassVar[str] = "optimum"
    features: ClassVar[tuple[Feature, ...]] = (
        Feature("gpu_num", "1", "GPUs"),
        Feature("gpu_memory", "GB", "memory of each GPU"),
        Feature("len(models)", "1", "models to be placed"),
    )
    limits: ClassVar[Limits] = Limits()
    needs_numpy: ClassVar[bool] = True

    def instances(self, split: Split) -> Sequence[FleetInstance]:
        """The generated fleets of a split; the published ones are in the file `published.json`."""
        return _instances(split)

    def read_instances(self, path: Path) -> Sequence[FleetInstance]:
        """Read fleets from JSON.

        Raises:
            InstanceFileError: The file is not in the format of `read_fleets`.
        """
        return [Instance(name, fleet) for name, fleet in read_fleets(path).items()]

    def evaluate(self, instance: FleetInstance, candidate: Candidate) -> Outcome:
        """Ask for a placement, check it and compute the pressures."""
        fleet = instance.payload
        answer = candidate.call(self.entry_point.function, fleet.gpus, visible_models(fleet), fleet.memory)
        placement = checked_placement(answer, fleet)
        pressures = gpu_pressures(fleet, placement)
        largest = max(pressures)
        return Outcome(
            instance=instance.name,
            value=largest,
            metrics={PRESSURE_METRIC: largest, LEADERBOARD_METRIC: leaderboard_score(fleet, largest)},
            feedback=_feedback(fleet, placement, pressures),
        )

    def bound(self, instance: FleetInstance) -> float:
        """The proven optimum; for a user's fleets that are too large for a proof, the best bound found."""
        return _bound(instance.payload)


def visible_models(fleet: Fleet) -> list[Value]:
    """The models as a program sees them, new at each call, with the published names."""
    return [
        {
            "model_name": f"model_{number}",
            "model_size": model.size,
            "req_rate": model.rate,
            "slo": model.slo,
        }
        for number, model in enumerate(fleet.models)
    ]


def _feedback(fleet: Fleet, placement: Sequence[int], pressures: Sequence[float]) -> str:
    worst = max(range(fleet.gpus), key=lambda gpu: pressures[gpu])
    there = [number for number, gpu in enumerate(placement) if gpu == worst]
    size = sum(fleet.models[number].size for number in there)
    demand = sum(fleet.models[number].demand for number in there)
    return (
        f"{len(fleet.models)} models on {fleet.gpus} GPUs of {fleet.memory:g} GB: pressure"
        f" {pressures[worst]:.5f}, {fleet.fractional_pressure:.5f} if models could be divided; GPU {worst} is"
        f" the most pressed, models {there} of {size:g} GB ask for {demand:.3f}"
    )


@lru_cache(maxsize=256)
def _bound(fleet: Fleet) -> float:
    return optimum(fleet).bound


@cache
def _instances(split: Split) -> tuple[FleetInstance, ...]:
    recipes = {Split.TRAIN: TRAIN, Split.VALIDATION: VALIDATION, Split.TEST: TEST}[split]
    fleets = {
        _name(split, number, recipe): recipe.generate() for number, recipe in enumerate(recipes, start=1)
    }
    return tuple(Instance(name, fleet) for name, fleet in fleets.items())


def _name(split: Split, number: int, recipe: RandomFleet) -> str:
    """Split, number, size and kinds: 'train-02-20-on-8-catalogue-uniform-uniform'."""
    kinds = f"{recipe.sizes.value}-{recipe.rates.value}-{recipe.objectives.value}"
    return f"{split.value}-{number:02d}-{recipe.models}-on-{recipe.gpus}-{kinds}"


problem = ModelPlacement()
