"""`evolve lineage` through the real command line."""

import csv
import io
import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import curve
from tests.support.command import evolve


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("lineage")
    done = evolve("run", curve.FOLDER, "--name", "small", "--max-evaluations", "60", cwd=folder)
    assert done.code == 0, done.err
    yield folder


def test_a_lineage_leads_from_the_seed_to_the_program(folder: Path) -> None:
    best = evolve("top", "small", "-n", "1", "--format", "json", cwd=folder).json()[0]
    steps = evolve("lineage", best["program"], "--format", "json", cwd=folder).json()
    assert steps[-1]["program"] == best["program"]
    assert (steps[0]["proposal"], steps[0]["operator"], steps[0]["diff"]) == (0, "seed", "")
    for before, after in itertools.pairwise(steps):
        assert after["parents"][0] == before["program"]
        assert after["gain"] == pytest.approx(after["train"] - before["train"])
        shown = evolve("diff", after["program"], "--format", "json", cwd=folder).json()
        assert after["diff"] == shown["diff"]


def test_tables_and_csv_have_a_row_for_each_step(folder: Path) -> None:
    best = evolve("top", "small", "-n", "1", "--format", "json", cwd=folder).json()[0]["program"]
    steps = evolve("lineage", best, "--format", "json", cwd=folder).json()
    rows = list(csv.DictReader(io.StringIO(evolve("lineage", best, "--format", "csv", cwd=folder).out)))
    assert [row["program"] for row in rows] == [step["program"] for step in steps]
    assert [row["change"] for row in rows] == [step["change"] for step in steps]
    table = evolve("lineage", best[:8], cwd=folder).out
    assert all(step["program"][:12] in table for step in steps)
    assert "→" in table
    assert "model" not in table, "no step has one"


def test_a_baseline_is_its_own_lineage(folder: Path) -> None:
    steps = evolve("lineage", "line", "--format", "json", cwd=folder).json()
    assert [(step["baseline"], step["operator"], step["train"]) for step in steps] == [
        ("line", "baseline", 1.0)
    ]


def test_an_unknown_program_is_told_in_one_line(folder: Path) -> None:
    done = evolve("lineage", "ffffffff", cwd=folder)
    assert done.code == 2
    assert "no program in the archive starts with 'ffffffff'" in done.complaint()
