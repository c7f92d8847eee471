"""A problem whose programs have several files, through the command line."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from evolve.program import Program, check_outside_unchanged, files
from tests.support import bins
from tests.support.command import evolve

FILES = ["main.py", "packing.py"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("bundles")
    done = evolve("run", bins.FOLDER, "--name", "small", "--max-evaluations", "60", "--seed", "1", cwd=folder)
    assert done.code == 0, done.err
    yield folder


def rows(folder: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = evolve("top", "small", "-n", "60", "--format", "json", cwd=folder).json()
    return found


def sources(folder: Path) -> list[str]:
    query = "SELECT source FROM program WHERE baseline IS NULL ORDER BY id"
    return [row["source"] for row in evolve("sql", query, "--format", "json", cwd=folder).json()]


def test_a_run_improves_both_files(folder: Path) -> None:
    best, seed = rows(folder)[0], sources(folder)[0]
    assert best["train"] > 1.2 * rows(folder)[-1]["train"]
    changed = set()
    for source in sources(folder):
        assert [part.name for part in files(source)] == FILES
        check_outside_unchanged(source, seed)
        changed |= {new.name for new, old in zip(files(source), files(seed), strict=True) if new != old}
    assert changed == {*FILES}


def test_the_same_run_has_the_same_digest(folder: Path, tmp_path: Path) -> None:
    words = (
        "run",
        bins.FOLDER,
        "--name",
        "small",
        "--max-evaluations",
        "60",
        "--seed",
        "1",
        "--workers",
        "1",
    )
    assert evolve(*words, cwd=tmp_path).code == 0
    digests = [evolve("digest", "small", cwd=where).out for where in (folder, tmp_path)]
    assert digests[0] == digests[1]


def test_show_names_the_files(folder: Path) -> None:
    best = str(rows(folder)[0]["program"])
    shown = evolve("show", best, "--format", "json", cwd=folder).json()
    assert shown["files"] == FILES
    assert [part.name for part in files(shown["source"])] == FILES
    table = evolve("show", best, cwd=folder).out
    assert "files: main.py, packing.py" in table
    assert "# ==== FILE: packing.py ====" in table
    plain = evolve("show", "next fit", "--format", "json", cwd=folder).json()
    assert plain["files"] == []
    assert "files:" not in evolve("show", "next fit", cwd=folder).out


def test_diff_has_a_part_for_each_file(folder: Path) -> None:
    best = str(rows(folder)[0]["program"])
    lines = evolve("diff", bins.SEED, best, cwd=folder).out.splitlines()
    heads = [line for line in lines if line.startswith(("--- ", "+++ "))]
    assert heads[:2] == [f"--- {bins.SEED}/main.py", f"+++ {best[:12]}/main.py"]
    parent = evolve("diff", best, cwd=folder).out
    assert f"+++ {best[:12]}/" in parent
    other = evolve("diff", "next fit", "best fit decreasing", cwd=folder).out
    assert "+++ best fit decreasing/lib/order.py" in other
    same = evolve("diff", bins.BEST_FIT, "best fit decreasing", cwd=folder)
    assert "are the same" in same.out


def test_diff_takes_a_program_before_a_folder_of_its_name(folder: Path, tmp_path: Path) -> None:
    shutil.copy(folder / "evolve.db", tmp_path)
    (tmp_path / "next fit").mkdir()
    assert "are the same" in evolve("diff", "next fit", "next fit", cwd=tmp_path).out


@pytest.mark.parametrize("split", ["train", "test"])
def test_an_exported_folder_earns_its_score_again(folder: Path, tmp_path: Path, split: str) -> None:
    row = rows(folder)[0]
    done = evolve("export", str(row["program"]), "--as-is", "-o", tmp_path / "best", cwd=folder)
    assert done.code == 0, done.err
    assert sorted(path.name for path in (tmp_path / "best").iterdir()) == FILES
    assert (tmp_path / "best" / "main.py").read_text().startswith("# bins: program ")
    words = ("evaluate", bins.FOLDER, tmp_path / "best", "--split", split, "--format", "json")
    again = evolve(*words, cwd=folder).json()
    assert (again["program"], again["score"]) == (row["program"], row[split])


def test_export_as_one_text(folder: Path, tmp_path: Path) -> None:
    row = rows(folder)[0]
    assert evolve("export", str(row["program"]), "--as-is", "-o", tmp_path / "best.py", cwd=folder).code == 0
    text = (tmp_path / "best.py").read_text()
    assert text == evolve("export", str(row["program"]), "--as-is", cwd=folder).out
    assert Program.parse(text).id == row["program"]
    words = ("compare", bins.FOLDER, tmp_path / "best.py", str(row["program"]), "--format", "json")
    assert evolve(*words, cwd=folder).json()["ratio"] == 1.0


def test_export_keeps_what_is_there(folder: Path, tmp_path: Path) -> None:
    best, target = str(rows(folder)[0]["program"]), tmp_path / "best"
    target.mkdir()
    (target / "main.py").write_text("mine")
    refused = evolve("export", best, "-o", target, cwd=folder)
    assert refused.code == 2
    assert "--force" in refused.complaint()
    assert (target / "main.py").read_text() == "mine"
    assert evolve("export", best, "-o", target, "--force", cwd=folder).code == 0
    (target / "notes.py").touch()
    assert "notes.py would become" in evolve("export", best, "-o", target, "--force", cwd=folder).complaint()
    plain = evolve("export", "next fit", "-o", target, "--force", cwd=folder)
    assert "is a folder" in plain.complaint()


def test_compare_takes_folders(folder: Path) -> None:
    words = ("compare", bins.FOLDER, f"{bins.BEST_FIT}/", "best fit decreasing", "--format", "json")
    answer = evolve(*words, cwd=folder).json()
    assert answer["first"]["program"] == answer["second"]["program"]
    assert answer["ratio"] == 1.0


def test_a_failure_names_the_file(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(bins.SEED, tmp_path / "bad")
    file = tmp_path / "bad" / "packing.py"
    file.write_text(file.read_text().replace("return room - size", "return room / 0"))
    words = ("evaluate", bins.FOLDER, tmp_path / "bad", "--format", "json")
    answer = evolve(*words, cwd=folder).json()
    assert answer["status"] == "crashed"
    assert "packing.py, line 3, in fitness: return room / 0" in answer["outcomes"][0]["feedback"]
    file.write_text("def fitness(:\n")
    done = evolve(*words, cwd=folder)
    assert done.json()["status"] == "rejected"
    assert "packing.py, line 1: invalid syntax" in done.err


def test_what_is_no_program(folder: Path, tmp_path: Path) -> None:
    done = evolve("evaluate", bins.FOLDER, tmp_path, cwd=folder)
    assert done.code == 2
    assert "there is no Python file in it" in done.complaint()
    (tmp_path / "other.py").write_text("x = 1\n")
    done = evolve("evaluate", bins.FOLDER, tmp_path, "--format", "json", cwd=folder)
    assert done.json()["status"] == "rejected"
    assert "other.py: the program defines no function 'pack(sizes, capacity)'" in done.err


def test_replay_gives_the_same(folder: Path) -> None:
    done = evolve("replay", "small", cwd=folder)
    assert done.code == 0, done.err
