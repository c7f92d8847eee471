import csv
import os
import signal
import time
from pathlib import Path

import pytest

from evolve.archive.engine import open_archive
from evolve.archive.runs import list_runs
from tests.support.command import evolve, start

CURVE = Path(__file__).resolve().parents[2] / "support" / "problems" / "curve"
SPACES = """
summary = "two small spaces"
evaluations = 120
seeds = 3

[[spaces]]
type = "rugged"
name = "smooth"
genes = 24

[[spaces]]
type = "trap"
name = "trap"
blocks = 3
order = 3
"""


@pytest.fixture
def spaces(tmp_path: Path) -> Path:
    path = tmp_path / "small.toml"
    path.write_text(SPACES)
    return path


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_shipped_suites_are_listed(tmp_path: Path) -> None:
    found = evolve("bench", "--format", "json", cwd=tmp_path).json()
    assert [row["suite"] for row in found] == ["real", "synthetic"]


def test_compares_strategies_and_writes_everything_down(tmp_path: Path, spaces: Path) -> None:
    done = evolve("bench", spaces, "--strategies", "greedy,niches", "--format", "json", cwd=tmp_path)
    found = done.json()
    assert {row["strategy"] for row in found["strategies"]} == {"best_of_n", "greedy", "niches"}
    folder = tmp_path / "bench-small"
    searches = _rows(folder / "searches.csv")
    assert len(searches) == 2 * 3 * 3
    assert {row["evaluations"] for row in searches} == {"120"}
    for name in ("strategies", "problems", "anytime", "profiles"):
        assert _rows(folder / f"{name}.csv")
    for picture in ("anytime.png", "profiles.png"):
        assert (folder / picture).read_bytes().startswith(b"\x89PNG")


def test_finished_cells_are_not_done_again(tmp_path: Path, spaces: Path) -> None:
    words = ("bench", spaces, "--strategies", "greedy", "--format", "json", "-o", "out")
    first = evolve(*words, cwd=tmp_path)
    cells = sorted((tmp_path / "out" / "cells").iterdir())
    stamps = [cell.stat().st_mtime_ns for cell in cells]
    cells[0].unlink()
    assert evolve(*words, cwd=tmp_path).json() == first.json()
    assert [cell.stat().st_mtime_ns for cell in cells[1:]] == stamps[1:]
    assert cells[0].stat().st_mtime_ns > max(stamps)
    more = evolve(*words, "--seeds", "4", cwd=tmp_path)
    assert "12 of 16 searches" in more.err
    assert [cell.stat().st_mtime_ns for cell in cells[1:]] == stamps[1:]


def test_processes_change_nothing(tmp_path: Path, spaces: Path) -> None:
    one, two = (
        evolve("bench", spaces, "--processes", count, "--format", "json", "-o", f"out{count}", cwd=tmp_path)
        for count in ("1", "2")
    )
    assert one.json() == two.json()


def test_folder_of_another_comparison_is_refused(tmp_path: Path, spaces: Path) -> None:
    evolve("bench", spaces, "--strategies", "greedy", "-o", "out", cwd=tmp_path)
    other = evolve("bench", spaces, "--strategies", "greedy", "-o", "out", "--evaluations", "7", cwd=tmp_path)
    assert other.code == 2
    assert "choose another folder" in other.complaint()


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (("synthetc",), "did you mean 'synthetic'?"),
        (("synthetic", "--strategies", "islnds"), "did you mean 'islands'?"),
        (("missing.toml",), "cannot read missing.toml"),
        (("wrong.toml",), "wrong.toml is no suite"),
    ],
)
def test_mistakes_are_told(tmp_path: Path, words: tuple[str, ...], hint: str) -> None:
    (tmp_path / "wrong.toml").write_text('summary = "s"\nevaluations = 1\nseeds = 1\nseds = 1\n')
    done = evolve("bench", *words, cwd=tmp_path)
    assert done.code == 2
    assert hint in done.complaint()


@pytest.mark.slow
def test_killed_comparison_of_real_runs_goes_on(tmp_path: Path) -> None:
    suite = tmp_path / "curve.toml"
    suite.write_text(f'summary = "s"\nevaluations = 30\nseeds = 2\nproblems = ["{CURVE}/"]\n')
    words = ("bench", suite, "--strategies", "greedy", "--processes", "2", "-o", "out")
    process = start(*words, cwd=tmp_path)
    cells = tmp_path / "out" / "cells"
    until = time.monotonic() + 60
    while time.monotonic() < until and not (cells.is_dir() and list(cells.glob("*.json"))):
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    done = evolve(*words, "--format", "json", cwd=tmp_path)
    killed = {row["strategy"]: row["quality"] for row in done.json()["strategies"]}
    words = (*words[:-1], "whole")
    whole = evolve(*words, "--format", "json", cwd=tmp_path)
    assert {row["strategy"]: row["quality"] for row in whole.json()["strategies"]} == killed
    archive = open_archive(f"sqlite:///{tmp_path / 'out' / 'runs.db'}", create=False, read_only=True)
    with archive.reading() as connection:
        runs = list_runs(connection)
    archive.close()
    assert [run.reason for run in runs] == ["max_evaluations"] * 4
    assert len(list(cells.glob("*.json"))) == 4
