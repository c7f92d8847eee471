"""Fleets of models to be placed: those of the published benchmark, and others of more kinds."""

from enum import StrEnum

import msgspec
import numpy as np

from evaluators.serving.model_placement import Fleet, Model

PUBLISHED_MEMORY = 80.0
"""GB of a GPU in the published benchmark."""

_PUBLISHED_SEED = 42
_PUBLISHED_COUNT = 50


class Sizes(StrEnum):
    """How large the models are."""

    UNIFORM = "uniform"
    """10 to 29 GB, as published."""
    CATALOGUE = "catalogue"
    """Weights of 1 to 32 billion parameters with 2 bytes each, in the steps in which open models come."""


class Rates(StrEnum):
    """How many requests the models get."""

    UNIFORM = "uniform"
    """1 to 9 requests/s, as published."""
    ZIPF = "zipf"
    """Inversely proportional to the rank of the model: few are popular."""


class Objectives(StrEnum):
    """What latency the requests are promised."""

    UNIFORM = "uniform"
    """5 to 9 s, as published."""
    CLASSES = "classes"
    """2 s, 5 s or 20 s: chat, assistance, batches."""


_CATALOGUE_GB = (2, 3, 6, 8, 14, 16, 18, 26, 28, 40, 54, 64)
_CATALOGUE_SHARES = (0.06, 0.08, 0.12, 0.08, 0.16, 0.16, 0.08, 0.08, 0.08, 0.04, 0.03, 0.03)
_CLASSES_S = (2, 5, 20)
_ZIPF_PEAK = 60


class RandomFleet(msgspec.Struct, frozen=True, kw_only=True):
    """Parameters of the generator."""

    seed: int
    gpus: int
    models: int
    memory: float = PUBLISHED_MEMORY
    sizes: Sizes = Sizes.UNIFORM
    rates: Rates = Rates.UNIFORM
    objectives: Objectives = Objectives.UNIFORM

    def generate(self) -> Fleet:
        """The fleet; the same for the same parameters.

        Uses NumPy's legacy generator, whose stream is frozen for good (NEP 19). All numbers are whole.
        """
        stream = np.random.RandomState(self.seed)
        sizes, rates, slos = _sizes(self, stream), _rates(self, stream), _slos(self, stream)
        models = (
            Model(float(size), float(rate), float(slo))
            for size, rate, slo in zip(sizes, rates, slos, strict=True)
        )
        return Fleet(self.gpus, self.memory, tuple(models))


def published_fleets() -> tuple[Fleet, ...]:
    """The 50 fleets of the published benchmark, drawn in the published order from the published seed."""
    stream = np.random.RandomState(_PUBLISHED_SEED)
    fleets = []
    for _ in range(_PUBLISHED_COUNT):
        gpus = int(stream.randint(5, 10))
        models = tuple(
            Model(float(stream.randint(10, 30)), float(stream.randint(1, 10)), float(stream.randint(5, 10)))
            for _ in range(2 * gpus)
        )
        fleets.append(Fleet(gpus, PUBLISHED_MEMORY, models))
    return tuple(fleets)


def _sizes(model: RandomFleet, stream: np.random.RandomState) -> list[int]:
    if model.sizes is Sizes.UNIFORM:
        return [int(size) for size in stream.randint(10, 30, model.models)]
    shares = np.cumsum(_CATALOGUE_SHARES)
    drawn = np.searchsorted(shares / shares[-1], stream.random_sample(model.models), "right")
    return [_CATALOGUE_GB[int(number)] for number in drawn]


def _rates(model: RandomFleet, stream: np.random.RandomState) -> list[int]:
    if model.rates is Rates.UNIFORM:
        return [int(rate) for rate in stream.randint(1, 10, model.models)]
    return [max(1, _ZIPF_PEAK // (1 + int(rank))) for rank in stream.permutation(model.models)]


def _slos(model: RandomFleet, stream: np.random.RandomState) -> list[int]:
    if model.objectives is Objectives.UNIFORM:
        return [int(slo) for slo in stream.randint(5, 10, model.models)]
    return [_CLASSES_S[int(number)] for number in stream.randint(0, len(_CLASSES_S), model.models)]
