"""`evolve export` makes programs readable: simpler, as good, and on record."""

import ast
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.support import bins, curve
from tests.support.command import Finished, evolve, start

BLOATED = """\
def answer(x: float) -> float:
    # EVOLVE-BLOCK-START
    spare = 17.25 * x
    if x > 1e9:
        x = x + 1.0
    return (x * x * 1.0 + 0.0 * spare) + 2.718281828 + 0.281718172 + 0.00000001 * x
    # EVOLVE-BLOCK-END
"""
BLOATED_RULE = '''"""A first rule: short operations first, and the longer an operation has waited, the sooner."""


# EVOLVE-BLOCK-START
def priority(operation, state):
    spare = 17.0 * operation.duration
    late = 0.0
    if operation.duration > 1e12:
        late = 3.5 + spare
    work = 0.7341298 * operation.work_remaining
    return (work * 1.0 + 0.3718281 * operation.work_remaining - 0.3391827 * operation.duration + late * 2.0 + (0.0 * operation.waiting)) / max(1.0, 0.5)


# EVOLVE-BLOCK-END
'''  # noqa: E501 - as operators write it


def told(folder: Path, problem: str | Path, source: str, *, ended: bool = True) -> str:
    """The hash of a program that was told to a new run `small` in the archive of a folder.

    A run that has ended has judged it on validation and test.
    """
    done = evolve("run", problem, "--name", "small", "--operators", "external", cwd=folder)
    assert done.code == 0, done.err
    ticket = evolve("ask", "small", "--format", "json", cwd=folder).json()[0]["ticket"]
    (folder / "told.py").write_text(source)
    answer = evolve("tell", "small", ticket, "told.py", "--format", "json", cwd=folder).json()
    assert answer["status"] == "accepted", answer
    if ended:
        assert evolve("resume", "small", "--max-evaluations", "9", cwd=folder).code == 0
    return str(answer["program"])


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    folder = tmp_path_factory.mktemp("export")
    yield folder, told(folder, curve.FOLDER, BLOATED)


SELECTED_BY = ("train", "validation")


def scores(
    folder: Path, problem: str | Path, file: Path, splits: Sequence[str] = (*SELECTED_BY, "test")
) -> dict[str, Any]:
    return {
        split: evolve("evaluate", problem, file, "--split", split, "--format", "json", cwd=folder).json()
        for split in splits
    }


def test_an_exported_program_is_simpler_and_as_good(made: tuple[Path, str], tmp_path: Path) -> None:
    folder, program = made
    digest = evolve("digest", "small", cwd=folder).out
    done = evolve("export", program, "-o", tmp_path / "best.py", cwd=folder)
    assert done.code == 0, done.err
    text = (tmp_path / "best.py").read_text()
    assert "spare" not in text and "1e9" not in text and "0.0 *" not in text
    before = evolve("show", program, "--format", "json", cwd=folder).json()
    assert len(ast.unparse(ast.parse(text))) < 0.7 * len(ast.unparse(ast.parse(before["source"])))
    row = next(
        one
        for one in evolve("top", "small", "--format", "json", cwd=folder).json()
        if one["program"] == program
    )
    after = scores(folder, curve.FOLDER, tmp_path / "best.py")
    assert after["train"]["score"] * after["validation"]["score"] >= row["train"] * row["validation"] - 1e-9
    assert all(one["status"] == "ok" for one in after.values())
    assert f"test {after['test']['score']:.4f}" in text
    assert evolve("digest", "small", cwd=folder).out == digest


def test_what_was_exported_is_on_record_and_descends_from_what_was_measured(
    made: tuple[Path, str], tmp_path: Path
) -> None:
    folder, program = made
    for name in ("one.py", "two.py"):
        assert evolve("export", program, "-o", tmp_path / name, cwd=folder).code == 0
    assert (tmp_path / "one.py").read_text() == (tmp_path / "two.py").read_text()
    simpler = evolve("evaluate", curve.FOLDER, tmp_path / "one.py", "--format", "json", cwd=folder).json()
    query = "SELECT hash FROM program JOIN run ON run.id = run_id WHERE kind = 'simplified'"
    rows = evolve("sql", query, "--format", "json", cwd=folder).json()
    assert rows == [{"hash": simpler["program"]}]
    shown = evolve("show", simpler["program"], "--format", "json", cwd=folder).json()
    assert {row["split"] for row in shown["outcomes"]} == {"train", "validation", "test"}
    lineage = evolve("lineage", simpler["program"], "--format", "json", cwd=folder).json()
    assert [row["operator"] for row in lineage] == ["seed", "external", "simplify"]
    assert lineage[-1]["parents"] == [program]
    again = evolve("export", simpler["program"], cwd=folder)
    assert ast.dump(ast.parse(again.out)) == ast.dump(ast.parse((tmp_path / "one.py").read_text()))
    assert "simplified already" in evolve("export", simpler["program"], "--simplify", cwd=folder).complaint()


def test_as_is_is_what_was_measured(made: tuple[Path, str]) -> None:
    folder, program = made
    source = evolve("show", program, "--format", "json", cwd=folder).json()["source"]
    done = evolve("export", program, "--as-is", cwd=folder)
    assert done.out.endswith(source)
    assert done.err == ""


def test_a_baseline_is_written_as_it_was_published(made: tuple[Path, str]) -> None:
    folder, _ = made
    done = evolve("export", "line", cwd=folder)
    assert (done.code, done.err) == (0, "")
    assert "published baseline" in evolve("export", "line", "--simplify", cwd=folder).complaint()


def test_the_number_of_programs_is_bounded(made: tuple[Path, str], tmp_path: Path) -> None:
    folder, program = made
    done = evolve("export", program, "--max-programs", "1", "-o", tmp_path / "a.py", cwd=folder)
    assert "1 simpler program evaluated" in done.err


def test_what_is_there_is_kept_before_anything_is_evaluated(made: tuple[Path, str], tmp_path: Path) -> None:
    folder, program = made
    (tmp_path / "mine.py").write_text("mine")
    done = evolve("export", program, "-o", tmp_path / "mine.py", cwd=folder)
    assert "--force" in done.complaint()
    assert "simplifying" not in done.err
    assert (tmp_path / "mine.py").read_text() == "mine"


def test_without_its_problem_a_program_is_laid_out_only(tmp_path: Path) -> None:
    problem = tmp_path / "curve"
    shutil.copytree(curve.FOLDER, problem)
    program = told(tmp_path, problem, BLOATED)
    shutil.rmtree(problem)
    done = evolve("export", program, "-o", "best.py", cwd=tmp_path)
    assert done.code == 0, done.err
    assert "not simplified" in done.err and "curve" in done.err
    assert "1e9" in (tmp_path / "best.py").read_text()
    assert max(map(len, (tmp_path / "best.py").read_text().splitlines())) <= 110
    refused = evolve("export", program, "--simplify", "-o", "other.py", cwd=tmp_path)
    assert "cannot be simplified" in refused.complaint()
    assert not (tmp_path / "other.py").exists()


def test_values_that_are_measured_are_not_compared(tmp_path: Path) -> None:
    problem = tmp_path / "measured"
    shutil.copytree(curve.FOLDER, problem)
    text = (problem / "problem.py").read_text()
    text = text.replace("import math\n", "import math\nimport time\n")
    text = text.replace("distance = 1.0 +", "distance = 1.0 + 1e-6 * (time.time_ns() % 999_983) +")
    (problem / "problem.py").write_text(text)
    program = told(tmp_path, problem, BLOATED)
    done = evolve("export", program, "-o", "best.py", cwd=tmp_path)
    assert done.code == 0, done.err
    assert "on record" in done.err and "1e9" in (tmp_path / "best.py").read_text()


def test_a_program_of_several_files(tmp_path: Path) -> None:
    done = evolve(
        "run", bins.FOLDER, "--name", "small", "--max-evaluations", "40", "--seed", "1", cwd=tmp_path
    )
    assert done.code == 0, done.err
    row = evolve("top", "small", "-n", "1", "--format", "json", cwd=tmp_path).json()[0]
    done = evolve("export", row["program"], "-o", "best", cwd=tmp_path)
    assert done.code == 0, done.err
    after = scores(tmp_path, bins.FOLDER, tmp_path / "best")
    assert after["train"]["score"] * after["validation"]["score"] >= row["train"] * row["validation"] - 1e-9


@pytest.fixture(scope="module")
def ruled(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    folder = tmp_path_factory.mktemp("ruled")
    return folder, told(folder, "job_shop_dispatching", BLOATED_RULE, ended=False)


def test_a_rule_for_the_job_shop(ruled: tuple[Path, str], tmp_path: Path) -> None:
    folder, program = ruled
    shutil.copy(folder / "evolve.db", tmp_path)
    before = scores(tmp_path, "job_shop_dispatching", folder / "told.py", SELECTED_BY)
    done = evolve("export", program, "-o", "best.py", "--max-programs", "40", cwd=tmp_path)
    assert done.code == 0, done.err
    text = (tmp_path / "best.py").read_text()
    assert len(text) < len(BLOATED_RULE) and "1e12" not in text and "0.3718281" not in text
    after = scores(tmp_path, "job_shop_dispatching", tmp_path / "best.py", SELECTED_BY)
    for split in SELECTED_BY:
        assert after[split]["score"] >= 0.998 * before[split]["score"]
    alone = subprocess.run(
        [
            "python3",
            "-I",
            "-c",
            f"exec(open({str(tmp_path / 'best.py')!r}).read()); print(callable(priority))",
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    assert alone.stdout == "True\n"


def test_an_interrupted_export_writes_nothing(ruled: tuple[Path, str], tmp_path: Path) -> None:
    folder, program = ruled
    shutil.copy(folder / "evolve.db", tmp_path)
    process = start("export", program, "-o", "best.py", cwd=tmp_path)
    assert process.stderr is not None
    assert "simplifying" in process.stderr.readline()
    time.sleep(1.0)
    process.send_signal(signal.SIGINT)
    rest = process.communicate(timeout=60)[1]
    assert Finished(process.wait(), "", rest).complaint() == "evolve: interrupted"
    assert process.returncode == 130
    assert not (tmp_path / "best.py").exists()


def test_a_run_is_removed_with_its_simplified_programs(made: tuple[Path, str], tmp_path: Path) -> None:
    folder, program = made
    shutil.copy(folder / "evolve.db", tmp_path)
    assert evolve("export", program, cwd=tmp_path).code == 0
    assert evolve("archive", "prune", "small", "--yes", cwd=tmp_path).code == 0
    rows = evolve("sql", "SELECT name FROM run", "--format", "json", cwd=tmp_path).json()
    assert [row["name"].partition("@")[0] for row in rows] == ["curve"]
