"""Synthetic expert loads: heavy-tailed, drifting, with sudden shifts.

A model and not a measurement. It has the traits for which expert placement is hard. A few experts of each
layer take much of the load, and which these are differs by layer. Popularity drifts from window to window,
and is seen through the noise of the requests that happen to be there. At times the traffic changes, and with
it the popularity of many experts.
"""

from enum import StrEnum

import msgspec
import numpy as np

from evaluators.moe.loads import ExpertLoads
from evolve.problem import Floats


class Popularity(StrEnum):
    """How the experts of a layer share its load, before drift."""

    LOG_NORMAL = "log_normal"
    ZIPF = "zipf"


class LoadModel(msgspec.Struct, frozen=True, kw_only=True):
    """Parameters of the generator."""

    layers: int
    experts: int
    windows: int
    tokens: int
    """Tokens routed in each layer and window; a token counts once for each expert that it activates."""
    popularity: Popularity = Popularity.LOG_NORMAL
    skew: float
    """Log-normal: standard deviation of the logarithm. Zipf: the exponent."""
    drift: float
    """Stationary standard deviation of the AR(1) process that is added to the logarithm."""
    persistence: float
    """Coefficient of the AR(1) process, per window; below 1."""
    burst: float = 0.0
    """Standard deviation of noise in the logarithm that lasts one window: a request brings its tokens in a
    bunch, so counts vary more than independent tokens would."""
    shifts: int = 0
    """Windows at whose start the traffic changes."""
    shift_share: float = 0.5
    """Share of a layer's experts that trade places in a shift."""
    idle: float = 0.0
    """Share of a layer's experts that receive nothing; which they are changes in a shift."""


def generate_loads(model: LoadModel, seed: int) -> ExpertLoads:
    """Loads drawn from `model`; the same for the same seed.

    Uses NumPy's legacy generator, whose stream is frozen for good (NEP 19), so that instances do not change
    with the version of NumPy.
    """
    stream = np.random.RandomState(seed)
    base = _base_logarithms(model, stream)
    shifts = set((stream.permutation(model.windows - 1)[: model.shifts] + 1).tolist())
    deviation = model.drift * stream.standard_normal(base.shape)
    innovation = model.drift * np.sqrt(1.0 - model.persistence**2)
    windows = np.empty((model.windows, *base.shape))
    for window in range(model.windows):
        if window:
            deviation = model.persistence * deviation + innovation * stream.standard_normal(base.shape)
        if window in shifts:
            _shift(base, model.shift_share, stream)
        noise = model.burst * stream.standard_normal(base.shape)
        for layer, share in enumerate(_shares(base + deviation + noise)):
            windows[window, layer] = stream.multinomial(model.tokens, share)
    return ExpertLoads.of(windows)


def _base_logarithms(model: LoadModel, stream: np.random.RandomState) -> Floats:
    """Logarithm of each expert's popularity [layers, experts]; minus infinity where it is idle."""
    shape = (model.layers, model.experts)
    if model.popularity is Popularity.ZIPF:
        ranks = np.array([stream.permutation(model.experts) for _ in range(model.layers)])
        base = -model.skew * np.log(1.0 + ranks)
    else:
        base = model.skew * stream.standard_normal(shape)
    for layer in base:
        layer[stream.permutation(model.experts)[: int(model.idle * model.experts)]] = -np.inf
    return base


def _shift(base: Floats, share: float, stream: np.random.RandomState) -> None:
    """Let a share of each layer's experts trade their popularities, in place."""
    experts = base.shape[1]
    for layer in base:
        chosen = stream.permutation(experts)[: int(share * experts)]
        layer[chosen] = layer[stream.permutation(chosen)]


def _shares(logarithms: Floats) -> Floats:
    """Probabilities over the last axis.

    Weights are rounded to a grid much coarser than a double, so that the last bit of `exp`, which differs
    between processors, does not reach the instances.
    """
    weights = np.rint(np.exp(logarithms - logarithms.max(axis=1, keepdims=True)) * 2.0**24)
    shares: Floats = weights / weights.sum(axis=1, keepdims=True)
    return shares
