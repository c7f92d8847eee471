"""Models that share GPUs: what is placed where, and the pressure that it puts on the KV caches."""

import math
from collections.abc import Sequence

import msgspec

from evaluators.checks import integer_array
from evolve.problem import InvalidDecision


class Model(msgspec.Struct, frozen=True):
    """A model to be served."""

    size: float
    """Memory of its weights, GB."""
    rate: float
    """Requests/s."""
    slo: float
    """Service level objective, the latency that its requests are promised, s."""

    @property
    def demand(self) -> float:
        """Rate over objective: what the model asks of the KV cache of its GPU."""
        return self.rate / self.slo


class Fleet(msgspec.Struct, frozen=True):
    """Models to be placed on GPUs of one kind; each on exactly one of them.

    Raises:
        ValueError: There is nothing to place, or nothing to place it on; the message says what.
    """

    gpus: int
    memory: float
    """Of each GPU, GB."""
    models: tuple[Model, ...]

    def __post_init__(self) -> None:
        if self.gpus < 1 or not 0.0 < self.memory < math.inf:
            raise ValueError("there has to be at least one GPU with memory")
        if not self.models:
            raise ValueError("there are no models")
        for number, model in enumerate(self.models):
            if not 0.0 < model.size < self.memory:
                raise ValueError(
                    f"model {number}: its size {model.size:g} GB is not above 0 and below the"
                    f" {self.memory:g} GB of a GPU"
                )
            if not (0.0 < model.rate < math.inf and 0.0 < model.slo < math.inf):
                raise ValueError(f"model {number}: its rate and objective have to be finite and above 0")
        if math.isinf(self.fractional_pressure):
            raise ValueError(
                f"the models fill all memory of {self.gpus} GPUs; some has to be left for KV caches"
            )

    @property
    def fractional_pressure(self) -> float:
        """The pressure if models could be divided among GPUs at will; no placement has less.

        The most pressed GPU has at least the ratio of all demand to all memory that weights leave free,
        because that is a weighted mean of the GPUs' ratios. Infinite where no memory is left.
        """
        free = self.gpus * self.memory - math.fsum(model.size for model in self.models)
        demand = math.fsum(model.demand for model in self.models)
        return demand / free if free > 0.0 else math.inf


def gpu_pressures(fleet: Fleet, placement: Sequence[int]) -> list[float]:
    """KV-cache pressure ratio of each GPU: demand of its models over the GB that their weights leave free.

    Infinite where nothing is left free.
    """
    demand = [0.0] * fleet.gpus
    size = [0.0] * fleet.gpus
    for model, gpu in zip(fleet.models, placement, strict=True):
        demand[gpu] += model.demand
        size[gpu] += model.size
    return [
        used / (fleet.memory - weights) if weights < fleet.memory else math.inf
        for used, weights in zip(demand, size, strict=True)
    ]


def max_pressure(fleet: Fleet, placement: Sequence[int]) -> float:
    """The largest KV-cache pressure ratio of a GPU; 1/(s GB) times requests. Infinite where one is full."""
    return max(gpu_pressures(fleet, placement))


def checked_placement(answer: object, fleet: Fleet) -> list[int]:
    """The placement in a candidate's answer: for each model, in order, the number of its GPU.

    Raises:
        InvalidDecision: It is anything else, or leaves a GPU no memory for a KV cache.
    """
    shape = (len(fleet.models),)
    placement: list[int] = integer_array(answer, "placement", shape, 0, fleet.gpus, ("model",)).tolist()
    for gpu, pressure in enumerate(gpu_pressures(fleet, placement)):
        if math.isinf(pressure):
            there = [number for number, place in enumerate(placement) if place == gpu]
            size = sum(fleet.models[number].size for number in there)
            raise InvalidDecision(
                f"GPU {gpu} has {fleet.memory:g} GB and gets models {there} of {size:g} GB together; some of"
                " its memory has to stay free for the KV cache"
            )
    return placement
