"""The scales on which results on the published fleets are told."""

import math
from collections.abc import Sequence

from evaluators.serving.model_placement import Fleet, max_pressure
from evolve.problem import Outcome

PRESSURE_METRIC = "max_kv_pressure"
LEADERBOARD_METRIC = "published_score"

_FULL = 1e6
"""The pressure of a GPU without free memory in the published evaluators."""


def round_robin_pressure(fleet: Fleet) -> float:
    """What the leaderboard measures from: model i on GPU i modulo the number of GPUs."""
    pressure = max_pressure(fleet, [number % fleet.gpus for number in range(len(fleet.models))])
    return _FULL if math.isinf(pressure) else pressure


def leaderboard_score(fleet: Fleet, pressure: float) -> float:
    """A fleet's score on the leaderboard; the published score is the mean over fleets.

    0 for round robin or worse, 100 for the pressure of models that could be divided at will; in between, the
    root of the share of the way.
    """
    base, ideal = round_robin_pressure(fleet), fleet.fractional_pressure
    if base <= ideal:
        return 100.0 if pressure <= ideal else 0.0
    return 100.0 * math.sqrt(min(max((base - pressure) / (base - ideal), 0.0), 1.0))


def skydiscover_score(outcomes: Sequence[Outcome]) -> float:
    """SkyDiscover's `combined_score` for valid outcomes: 1 / (mean pressure) and 1 for answering at all."""
    pressures = [outcome.metrics[PRESSURE_METRIC] for outcome in outcomes]
    return len(pressures) / math.fsum(pressures) + 1.0
