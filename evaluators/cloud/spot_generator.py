"""Synthetic spot availability: runs of ticks with and without spot, short ones and long ones.

Real spot markets have heavy-tailed runs (Wu et al., NSDI 2024, section 3): many last for minutes, some for
days. Here a run is either short or long, each of geometric length. The shares and lengths in `MARKETS` were
fitted by expectation maximisation to the runs of public traces of AWS (skypilot-org/spot-traces, folder
availability); a model of the traces, and not the traces.

Only uniform numbers of NumPy's legacy generator, whose stream is frozen (NEP 19), are drawn and compared, so
that a trace is the same on every machine.
"""

import msgspec
import numpy as np

from evaluators.cloud.spot import Booleans


class Runs(msgspec.Struct, frozen=True):
    """Lengths of runs: the share of short ones, and the chance to end in each tick of both kinds."""

    short_share: float
    short_exit: float
    long_exit: float

    @property
    def mean(self) -> float:
        """Mean length in ticks."""
        return self.short_share / self.short_exit + (1.0 - self.short_share) / self.long_exit


class MarketModel(msgspec.Struct, frozen=True):
    """The runs of a market with spot (`up`) and without (`down`), in ticks of `gap` seconds."""

    gap: int
    up: Runs
    down: Runs

    @property
    def availability(self) -> float:
        """The share of time with spot."""
        return self.up.mean / (self.up.mean + self.down.mean)


MARKETS = {
    # availability/1-node/aws-10-26-2022
    "us-west-2a_k80_1": MarketModel(600, Runs(0.48, 0.438, 0.0210), Runs(0.94, 0.610, 0.0394)),
    "us-west-2a_k80_8": MarketModel(600, Runs(0.64, 0.254, 0.0526), Runs(0.79, 0.197, 0.0158)),
    "us-west-2a_v100_1": MarketModel(600, Runs(0.67, 0.344, 0.0165), Runs(0.71, 0.409, 0.0618)),
    "us-west-2a_v100_8": MarketModel(600, Runs(0.86, 0.479, 0.0264), Runs(0.75, 0.403, 0.0441)),
    "us-west-2b_k80_1": MarketModel(600, Runs(0.93, 0.184, 0.0142), Runs(0.81, 0.628, 0.0064)),
    "us-west-2b_k80_8": MarketModel(600, Runs(0.57, 0.352, 0.0882), Runs(0.48, 0.952, 0.0582)),
    "us-west-2b_v100_1": MarketModel(600, Runs(0.44, 0.330, 0.0375), Runs(0.62, 0.752, 0.0684)),
    "us-west-2b_v100_8": MarketModel(600, Runs(0.72, 0.562, 0.0862), Runs(0.80, 0.603, 0.0516)),
    # availability/1-node/aws-02-15-2023
    "us-east-1a": MarketModel(195, Runs(0.85, 0.121, 0.0243), Runs(0.64, 0.123, 0.0059)),
    "us-east-1c": MarketModel(195, Runs(0.78, 0.101, 0.0112), Runs(0.57, 0.119, 0.0162)),
    "us-east-1d": MarketModel(195, Runs(0.76, 0.098, 0.0104), Runs(0.70, 0.079, 0.0105)),
    "us-east-1f": MarketModel(195, Runs(0.68, 0.113, 0.0094), Runs(0.69, 0.129, 0.0133)),
    "us-east-2a": MarketModel(195, Runs(0.65, 0.068, 0.0038), Runs(0.63, 0.134, 0.0129)),
    "us-east-2b": MarketModel(195, Runs(0.55, 0.083, 0.0063), Runs(0.46, 0.138, 0.0162)),
    "us-west-2a": MarketModel(195, Runs(0.67, 0.060, 0.0034), Runs(0.85, 0.103, 0.0227)),
    "us-west-2b": MarketModel(195, Runs(0.65, 0.060, 0.0021), Runs(0.63, 0.120, 0.0246)),
    "us-west-2c": MarketModel(195, Runs(0.75, 0.049, 0.0024), Runs(0.79, 0.122, 0.0230)),
    # availability/16-node/aws-08-27-2023; available are 16 instances at once
    "us-east-2b_x16": MarketModel(300, Runs(0.79, 0.177, 0.0133), Runs(0.94, 0.151, 0.0044)),
    "us-west-2a_x16": MarketModel(300, Runs(0.92, 0.151, 0.0052), Runs(0.84, 0.103, 0.0075)),
    "us-west-2c_x16": MarketModel(300, Runs(0.97, 0.116, 0.0020), Runs(0.87, 0.082, 0.0056)),
}


def generate_availability(model: MarketModel, ticks: int, stream: np.random.RandomState) -> Booleans:
    """Whether there is spot in each of so many ticks, begun at a random time of a market in steady state."""
    up = _chance(stream, model.availability)
    runs = model.up if up else model.down
    # The run that is met at a random time is a long one more often than runs are.
    short = _chance(stream, runs.short_share / runs.short_exit / runs.mean)
    available = np.empty(ticks, dtype=np.bool_)
    for tick in range(ticks):
        available[tick] = up
        if _chance(stream, runs.short_exit if short else runs.long_exit):
            up = not up
            runs = model.up if up else model.down
            short = _chance(stream, runs.short_share)
    return available


def generate_prices(base: int, ticks: int, step_ticks: int, stream: np.random.RandomState) -> list[float]:
    """A spot price in USD/h for each tick: `base` cents, and a step of -2, 0 or 2 cents now and then.

    A step comes after `step_ticks` ticks on average. Prices stay within a fifth of `base`.
    """
    cents = base
    prices = []
    for _ in range(ticks):
        if _chance(stream, 1.0 / step_ticks):
            step = 2 * int(stream.randint(-1, 2))
            cents = min(max(cents + step, base - base // 5), base + base // 5)
        prices.append(cents / 100)
    return prices


def _chance(stream: np.random.RandomState, probability: float) -> bool:
    return bool(stream.random_sample() < probability)
