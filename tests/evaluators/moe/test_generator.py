import hashlib

import msgspec
import numpy as np
import pytest

from evaluators.moe.generator import LoadModel, Popularity, generate_loads
from evaluators.moe.loads import ExpertLoads, LoadError

MODEL = LoadModel(
    layers=4,
    experts=32,
    windows=20,
    tokens=50_000,
    skew=1.0,
    drift=0.2,
    persistence=0.95,
    burst=0.1,
    idle=0.1,
)


def test_same_seed_same_loads_for_good() -> None:
    loads = generate_loads(MODEL, 7)
    np.testing.assert_array_equal(loads.windows, generate_loads(MODEL, 7).windows)
    digest = hashlib.sha256(loads.windows.astype("<f8").tobytes()).hexdigest()
    assert digest == "17c0bb1e4fab6e303991ba4d0529b4cee3d3a0d7496d67235aecab00cfd50b1f"
    assert not np.array_equal(loads.windows, generate_loads(MODEL, 8).windows)


def test_counts_are_tokens_of_which_none_is_lost() -> None:
    windows = generate_loads(MODEL, 7).windows
    assert windows.shape == (20, 4, 32)
    assert (windows.sum(axis=2) == MODEL.tokens).all()
    assert (windows == np.floor(windows)).all()


def test_idle_experts_get_nothing_while_there_is_no_shift() -> None:
    windows = generate_loads(MODEL, 7).windows
    assert ((windows == 0).all(axis=0).sum(axis=1) == 3).all()  # a tenth of 32, rounded down


def test_zipf_shares_fall_with_the_rank() -> None:
    model = LoadModel(
        layers=1,
        experts=16,
        windows=2,
        tokens=10**7,
        popularity=Popularity.ZIPF,
        skew=1.0,
        drift=0.0,
        persistence=0.9,
    )
    shares = np.sort(generate_loads(model, 3).windows[0, 0])[::-1] / model.tokens
    harmonic = 1.0 / np.arange(1, 17)
    np.testing.assert_allclose(shares, harmonic / harmonic.sum(), rtol=0.02)


def test_log_normal_spread_is_the_skew() -> None:
    model = msgspec.structs.replace(
        MODEL, layers=200, windows=2, tokens=10**6, idle=0.0, drift=0.0, burst=0.0
    )
    logarithms = np.log(generate_loads(model, 3).windows[0])
    assert logarithms.std(axis=1).mean() == pytest.approx(model.skew, rel=0.05)


def _change(model: LoadModel) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Share of the tokens that move from one window to the next."""
    windows = generate_loads(model, 11).windows
    change: np.ndarray[tuple[int], np.dtype[np.float64]] = (
        np.abs(np.diff(windows, axis=0)).sum(axis=(1, 2)) / 2 / model.tokens / model.layers
    )
    return change


def test_shifts_stand_out_from_drift() -> None:
    change = np.sort(_change(msgspec.structs.replace(MODEL, shifts=3)))
    assert change[-3] > 2 * change[-4]
    assert _change(MODEL).max() < change[-3]


def test_what_moves_the_loads_moves_more_of_them() -> None:
    still = msgspec.structs.replace(MODEL, drift=0.0, burst=0.0)
    assert _change(still).mean() < 0.02
    assert _change(msgspec.structs.replace(still, drift=0.5)).mean() > 0.04
    assert _change(msgspec.structs.replace(still, burst=0.3)).mean() > 0.08


def test_loads_are_read_only_copies() -> None:
    numbers = np.ones((2, 1, 3))
    loads = ExpertLoads.of(numbers)
    numbers[0, 0, 0] = 9.0
    assert loads.windows[0, 0, 0] == 1.0
    with pytest.raises(ValueError, match="read-only"):
        loads.windows[0, 0, 0] = 2.0
    assert (loads.num_windows, loads.num_layers, loads.num_experts) == (2, 1, 3)


@pytest.mark.parametrize(
    ("windows", "message"),
    [
        (np.ones((2, 3)), "found shape [2, 3]"),
        (np.ones((2, 0, 3)), "found shape [2, 0, 3]"),
        (np.ones((1, 2, 3)), "there is one window"),
        (np.array([[[1.0, 2.0]], [[1.0, -1.0]]]), "window 1, layer 0, expert 1: load -1"),
        (np.array([[[1.0, np.nan]], [[1.0, 1.0]]]), "window 0, layer 0, expert 1: load nan"),
        (np.array([[[1.0, np.inf]], [[1.0, 1.0]]]), "load inf"),
        (np.array([[[1.0, 1.0]], [[0.0, 0.0]]]), "window 1 has no load at all"),
    ],
)
def test_numbers_that_are_no_loads_are_refused(
    windows: np.ndarray[tuple[int, ...], np.dtype[np.float64]], message: str
) -> None:
    with pytest.raises(LoadError) as error:
        ExpertLoads.of(windows)
    assert message in str(error.value)
