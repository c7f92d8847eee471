"""The problem `bins` of the tests, whose programs have several files."""

from pathlib import Path

FOLDER = Path(__file__).parent / "problems" / "bins"
SEED = FOLDER / "seed"
BEST_FIT = FOLDER / "baselines" / "best_fit_decreasing"
