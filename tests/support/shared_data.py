"""Real data that lies beside the checkout and is never part of it."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def shared_data(relative: str) -> Path:
    """The path of a file of real data; skips the test where it is absent, except in CI."""
    path = ROOT.parent / "shared" / "data" / relative
    if not path.exists():
        message = f"needs ../shared/data/{relative} beside the checkout"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    return path
