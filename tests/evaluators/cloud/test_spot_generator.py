import numpy as np
import pytest

from evaluators.cloud.spot_generator import MARKETS, MarketModel, Runs, generate_availability, generate_prices


@pytest.mark.parametrize("market", MARKETS)
def test_availability_and_runs_are_those_of_the_model(market: str) -> None:
    model = MARKETS[market]
    ticks = 400_000
    available = generate_availability(model, ticks, np.random.RandomState(7))
    assert available.mean() == pytest.approx(model.availability, abs=0.06)
    changes = np.flatnonzero(np.diff(available.astype(int)))
    cycle = ticks / (len(changes) / 2)
    assert cycle == pytest.approx(model.up.mean + model.down.mean, rel=0.12)


def test_windows_begin_in_steady_state() -> None:
    model = MarketModel(600, Runs(0.5, 0.5, 0.01), Runs(0.9, 0.5, 0.02))
    stream = np.random.RandomState(3)
    windows = np.array([generate_availability(model, 40, stream) for _ in range(3000)])
    means = windows.mean(axis=0)
    assert means == pytest.approx(np.full(40, model.availability), abs=0.04)


def test_a_trace_is_the_same_for_the_same_seed() -> None:
    """The numbers themselves, since instances have to be the same on every machine and with every NumPy."""
    available = generate_availability(MARKETS["us-west-2a_v100_8"], 30, np.random.RandomState(1))
    assert "".join(str(int(one)) for one in available) == "101010111111111111111111111111"


def test_prices_move_in_steps_and_stay_near_their_base() -> None:
    prices = np.array(generate_prices(100, 20_000, 10, np.random.RandomState(1)))
    steps = np.abs(np.diff(np.rint(100 * prices)))
    assert {int(step) for step in steps} == {0, 2}
    assert 0.8 <= prices.min() < 0.9 < 1.1 < prices.max() <= 1.2
    assert (steps > 0).mean() == pytest.approx(2 / 3 / 10, rel=0.2)
