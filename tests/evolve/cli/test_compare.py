"""`evolve compare` through the real command line."""

import csv
import io
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from evolve.archive.engine import open_archive
from evolve.archive.evaluations import add_program
from evolve.archive.runs import find_run
from evolve.program import Program
from tests.support import curve
from tests.support.command import evolve


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("compare")
    done = evolve("run", curve.FOLDER, "--name", "small", "--max-evaluations", "30", cwd=folder)
    assert done.code == 0, done.err
    yield folder


@pytest.fixture(scope="module")
def wide(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The curve with 12 instances in each split."""
    problem = tmp_path_factory.mktemp("problems") / "wide"
    variant(
        problem, ("range(start, start + 3)", "range(start, start + 12)"), ("9}", "41}"), (": 5,", ": 21,")
    )
    return problem


def variant(target: Path, *changes: tuple[str, str]) -> None:
    shutil.copytree(curve.FOLDER, target, ignore=shutil.ignore_patterns("__pycache__"))
    file = target / "problem.py"
    text = file.read_text()
    for old, new in changes:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    file.write_text(text)


def champion(folder: Path) -> dict[str, object]:
    row: dict[str, object] = evolve("top", "small", "-n", "1", "--format", "json", cwd=folder).json()[0]
    return row


def write(folder: Path, source: str, name: str = "program.py") -> Path:
    file = folder / name
    file.write_text(source)
    return file


def test_two_baselines_of_few_instances(folder: Path) -> None:
    answer = evolve("compare", curve.FOLDER, "line", "zero", "--format", "json", cwd=folder).json()
    assert answer["verdict"] == "better"
    # The values are 2, 3, 6 against 5, 8, 13.
    assert answer["ratio"] == pytest.approx((5 / 2 * 8 / 3 * 13 / 6) ** (1 / 3))
    assert answer["interval"]["low"] < answer["ratio"] < answer["interval"]["high"]
    assert answer["interval"]["method"] == "student-t"
    assert (answer["won"], answer["lost"], answer["tied"]) == (3, 0, 0)
    assert answer["p_value"] == 0.25
    assert [row["ratio"] for row in answer["instances"]] == pytest.approx([8 / 3, 5 / 2, 13 / 6])
    assert answer["time"] is None


def test_the_other_way_round_is_the_inverse(folder: Path) -> None:
    forth = evolve("compare", curve.FOLDER, "line", "zero", "--format", "json", cwd=folder).json()
    back = evolve("compare", curve.FOLDER, "zero", "line", "--format", "json", cwd=folder).json()
    assert back["verdict"] == "worse"
    assert back["ratio"] == pytest.approx(1 / forth["ratio"])
    assert back["interval"]["low"] == pytest.approx(1 / forth["interval"]["high"])


def test_many_instances_are_resampled_and_the_table_is_cut(wide: Path, tmp_path: Path) -> None:
    file = write(tmp_path, "def answer(x):\n    return 2.0 * x + (3.0 if x % 2 else -1.0)\n")
    words = ("compare", wide, file, "line", "--split", "test", "--level", "90")
    answer = evolve(*words, "--format", "json", cwd=tmp_path).json()
    assert answer["interval"]["method"] == "bootstrap"
    assert answer["level"] == 90
    assert len(answer["instances"]) == 12
    again = evolve(*words, "--format", "json", cwd=tmp_path).json()
    assert (again["ratio"], again["interval"]) == (answer["ratio"], answer["interval"])
    table = evolve(*words, cwd=tmp_path).out
    assert answer["sentence"] in table
    assert "90 % interval" in table


def test_csv_has_a_row_for_each_instance(wide: Path, tmp_path: Path) -> None:
    done = evolve("compare", wide, "line", "zero", "--format", "csv", cwd=tmp_path)
    rows = list(csv.DictReader(io.StringIO(done.out)))
    ratios = [float(row["ratio"]) for row in rows]
    assert len(rows) == 12
    assert ratios == sorted(ratios, reverse=True)
    assert {row["first_status"] for row in rows} == {"ok"}


def test_a_program_and_itself_are_the_same(folder: Path) -> None:
    answer = evolve("compare", curve.FOLDER, "line", "line", "--format", "json", cwd=folder).json()
    assert answer["verdict"] == "same"
    assert answer["ratio"] == 1.0
    assert (answer["interval"]["low"], answer["interval"]["high"]) == (1.0, 1.0)


def test_a_program_of_a_run_uses_its_stored_evaluation_and_leaves_the_run_alone(folder: Path) -> None:
    best = str(champion(folder)["program"])
    digest = evolve("digest", "small", cwd=folder).out
    shown = evolve("show", best, "--format", "json", cwd=folder).json()
    stored = sum(row["cpu_seconds"] for row in shown["outcomes"] if row["split"] == "test")
    words = ("compare", curve.FOLDER, best[:8].upper(), "line", "--split", "test", "--format", "json")
    answer = evolve(*words, cwd=folder).json()
    assert answer["first"]["program"] == best
    assert answer["first"]["cpu_seconds"] == pytest.approx(stored, rel=1e-12)
    seed = evolve("top", "small", "-n", "40", "--format", "json", cwd=folder).json()[-1]["program"]
    evolve("compare", curve.FOLDER, seed, best, "--split", "test", cwd=folder)
    assert evolve("digest", "small", cwd=folder).out == digest


def test_a_file_is_as_good_as_the_program_that_was_exported_to_it(folder: Path, tmp_path: Path) -> None:
    best, file = str(champion(folder)["program"]), tmp_path / "best.py"
    evolve("export", best, "--as-is", "-o", file, cwd=folder)
    answer = evolve(
        "compare", curve.FOLDER, file, best[:12], "--split", "test", "--format", "json", cwd=folder
    ).json()
    assert answer["first"]["program"] == answer["second"]["program"] == best
    assert answer["verdict"] == "same"


def test_scores_on_which_programs_were_selected_come_with_a_warning(folder: Path) -> None:
    best = str(champion(folder)["program"])
    assert "--split test" in evolve("compare", curve.FOLDER, best, "line", cwd=folder).out
    assert (
        "--split test" not in evolve("compare", curve.FOLDER, best, "line", "--split", "test", cwd=folder).out
    )
    assert "--split test" not in evolve("compare", curve.FOLDER, "zero", "line", cwd=folder).out


@pytest.mark.parametrize("status", [status for status in curve.PROGRAMS_BY_STATUS if status != "ok"])
def test_a_failing_program_is_not_compared_and_says_where_it_failed(
    folder: Path, tmp_path: Path, status: str
) -> None:
    file = write(tmp_path, curve.PROGRAMS_BY_STATUS[status])
    done = evolve("compare", curve.FOLDER, "line", file, "--time", "--format", "json", cwd=folder)
    answer = done.json()
    assert done.code == 0
    assert answer["second"]["status"] == status
    assert answer["ratio"] is None
    assert answer["verdict"] is None
    assert answer["time"] is None
    assert f"is '{status}' on x1" in answer["sentence"]


def test_a_program_that_fails_on_one_instance_names_that_one(folder: Path, tmp_path: Path) -> None:
    file = write(tmp_path, "def answer(x):\n    return x if x < 3 else 1 / 0\n")
    answer = evolve("compare", curve.FOLDER, file, "line", "--format", "json", cwd=folder).json()
    assert "on x3: ZeroDivisionError" in answer["sentence"]
    assert [row["ratio"] is None for row in answer["instances"]] == [True, False, False]
    table = evolve("compare", curve.FOLDER, file, "line", cwd=folder).out
    assert table.startswith(answer["sentence"])


def test_a_value_that_beats_its_bound_is_not_believed(tmp_path: Path) -> None:
    suspect = tmp_path / "suspect"
    variant(suspect, ("return 1.0\n", "return 1.5\n"))
    file = write(tmp_path, "def answer(x):\n    return x * x + 3.0\n")
    answer = evolve("compare", suspect, file, "line", "--format", "json", cwd=tmp_path).json()
    assert answer["first"]["status"] == "suspect"
    assert answer["ratio"] is None
    assert "beats the bound" in answer["sentence"]


@pytest.mark.slow
def test_time_is_measured_in_pairs(folder: Path, tmp_path: Path) -> None:
    loop = "def answer(x):\n    for _ in range({}):\n        x = x + 0.5\n    return x\n"
    slow, fast = (write(tmp_path, loop.format(n), f"{n}.py") for n in (300_000, 100_000))
    answer = evolve("compare", curve.FOLDER, slow, fast, "--time", "--format", "json", cwd=folder).json()
    time = answer["time"]
    assert 2.0 < time["interval"]["low"] <= time["ratio"] <= time["interval"]["high"] < 4.5
    assert time["pairs"] >= 6
    assert time["first_cpu_seconds"] > time["second_cpu_seconds"] > 0


def test_programs_too_short_to_time_are_called_so(folder: Path) -> None:
    done = evolve("compare", curve.FOLDER, "line", "zero", "--time", cwd=folder)
    assert done.code == 0, done.err
    assert "too little CPU time" in done.out or "mostly the noise of starting them" in done.out


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("lime", "did you mean 'line'?"),
        ("nothing.py", "there is no file nothing.py"),
        ("abc", "too short"),
        ("0123456789ab", "no program in the archive starts with '0123456789ab'"),
    ],
)
def test_a_program_that_is_not_there(folder: Path, name: str, words: str) -> None:
    done = evolve("compare", curve.FOLDER, "line", name, cwd=folder)
    assert done.code == 2
    assert words in done.complaint()


def test_a_file_that_is_no_program_of_the_problem(folder: Path, tmp_path: Path) -> None:
    for source, words in (("def answer(x:\n", "line 1"), ("def reply(x):\n    return x\n", "answer(x)")):
        done = evolve("compare", curve.FOLDER, write(tmp_path, source), "line", cwd=folder)
        assert done.code == 2
        assert "is not a program of curve" in done.complaint()
        assert words in done.complaint()


def test_a_start_that_fits_several_programs(tmp_path: Path) -> None:
    assert evolve("compare", curve.FOLDER, "line", "zero", cwd=tmp_path).code == 0
    one, two = twins()
    archive = open_archive(f"sqlite:///{tmp_path / 'evolve.db'}")
    name = evolve("sql", "SELECT name FROM run", "--format", "json", cwd=tmp_path).json()[0]["name"]
    with archive.writing() as connection:
        run = find_run(connection, name)
        assert run is not None
        add_program(connection, run.id, one)
        add_program(connection, run.id, two)
    archive.close()
    done = evolve("compare", curve.FOLDER, one.id[:4], "line", cwd=tmp_path)
    assert done.code == 2
    assert f"'{one.id[:4]}' fits several programs" in done.complaint()
    assert one.id[:12] in done.complaint()
    assert two.id[:12] in done.complaint()
    assert evolve("compare", curve.FOLDER, one.id, two.id, cwd=tmp_path).code == 0


def twins() -> tuple[Program, Program]:
    """Two different programs whose hashes start with the same four digits."""
    seen: dict[str, Program] = {}
    for number in range(100_000):
        program = Program.parse(f"def answer(x):\n    return {number}\n")
        if program.id[:4] in seen:
            return seen[program.id[:4]], program
        seen[program.id[:4]] = program
    raise AssertionError("no two of 100,000 hashes share four digits")


def test_a_program_of_another_problem(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "bend"
    variant(other, ('name = "curve"', 'name = "bend"'))
    archive = f"sqlite:///{tmp_path / 'both.db'}"
    assert evolve("run", curve.FOLDER, "--max-evaluations", "3", "--archive", archive, cwd=folder).code == 0
    made = evolve(
        "run",
        other,
        "--seed",
        "7",
        "--max-evaluations",
        "12",
        "--name",
        "b",
        "--archive",
        archive,
        cwd=folder,
    )
    assert made.code == 0, made.err
    top = ("top", "b", "-n", "40", "--archive", archive, "--format", "json")
    bend = [row["program"] for row in evolve(*top, cwd=folder).json()]
    query = "SELECT hash FROM program JOIN run ON run.id = program.run_id WHERE run.problem = 'curve'"
    rows = evolve("sql", query, "--archive", archive, "--format", "json", cwd=folder).json()
    shared = {row["hash"] for row in rows}
    alien = next(one for one in bend if one not in shared)
    done = evolve("compare", curve.FOLDER, alien[:12], "line", "--archive", archive, cwd=folder)
    assert done.code == 2
    assert "is one of bend, not of curve" in done.complaint()
    common = next(one for one in bend if one in shared)
    assert evolve("compare", curve.FOLDER, common[:12], "line", "--archive", archive, cwd=folder).code == 0


def test_levels_out_of_range_are_refused(folder: Path) -> None:
    done = evolve("compare", curve.FOLDER, "line", "zero", "--level", "0.95", cwd=folder)
    assert done.code == 2
    assert "0.95" in done.complaint()
