"""The reading commands on the archive of a small run."""

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import curve
from tests.support.command import evolve


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("reading")
    done = evolve("run", curve.FOLDER, "--name", "small", "--max-evaluations", "40", cwd=folder)
    assert done.code == 0, done.err
    yield folder


def best(folder: Path) -> dict[str, object]:
    row: dict[str, object] = evolve("top", "small", "-n", "1", "--format", "json", cwd=folder).json()[0]
    return row


def test_top_puts_what_was_validated_first(folder: Path) -> None:
    rows = evolve("top", "small", "-n", "30", "--format", "json", cwd=folder).json()
    validated = [row["validation"] for row in rows if row["validation"] is not None]
    assert validated == sorted(validated, reverse=True)
    assert [row["validation"] is None for row in rows] == sorted(row["validation"] is None for row in rows)
    assert rows[0]["test"] is not None
    assert all(row["test"] is None for row in rows[1:])


def test_top_as_csv_has_a_header_and_rows(folder: Path) -> None:
    rows = list(csv.DictReader(io.StringIO(evolve("top", "small", "--format", "csv", cwd=folder).out)))
    assert len(rows) == 10
    assert float(rows[0]["train"]) > 0


def test_show_has_source_origin_and_every_outcome(folder: Path) -> None:
    program = str(best(folder)["program"])
    shown = evolve("show", program[:10], "--format", "json", cwd=folder).json()
    assert shown["program"] == program
    assert "def answer(x" in shown["source"]
    assert {row["split"] for row in shown["outcomes"]} == {"train", "validation", "test"}
    assert len(shown["outcomes"]) == 9
    table = evolve("show", program[:10], cwd=folder)
    assert "def answer(x" in table.out
    assert "run small" in table.out


def test_show_knows_baselines_by_name(folder: Path) -> None:
    shown = evolve("show", "line", "--format", "json", cwd=folder).json()
    assert shown["baseline"] == "line"
    assert {row["score"] for row in shown["outcomes"] if row["split"] == "train"} == {1.0}


def test_diff_shows_what_a_program_changed(folder: Path) -> None:
    done = evolve("diff", str(best(folder)["program"]), cwd=folder)
    assert done.code == 0, done.err
    assert any(line.startswith(("+ ", "+\t")) for line in done.out.splitlines())


def test_diff_takes_files_and_baselines(folder: Path) -> None:
    done = evolve("diff", "line", curve.FOLDER / "seed.py", cwd=folder)
    assert "EVOLVE-BLOCK-START" in done.out
    same = evolve("diff", "line", "line", cwd=folder)
    assert "are the same" in same.out


def test_export_writes_a_program_that_runs_and_keeps_what_is_there(folder: Path, tmp_path: Path) -> None:
    program, target = str(best(folder)["program"]), tmp_path / "best.py"
    assert evolve("export", program, "-o", target, cwd=folder).code == 0
    names: dict[str, object] = {}
    exec(target.read_text(), names)
    assert callable(names["answer"])
    target.write_text("mine")
    refused = evolve("export", program, "-o", target, cwd=folder)
    assert refused.code == 2
    assert "--force" in refused.complaint()
    assert target.read_text() == "mine"
    assert evolve("export", program, "-o", target, "--force", cwd=folder).code == 0


def test_an_exported_program_earns_its_score_again(folder: Path, tmp_path: Path) -> None:
    row, target = best(folder), tmp_path / "best.py"
    evolve("export", str(row["program"]), "--as-is", "-o", target, cwd=folder)
    for split in ("train", "validation", "test"):
        again = evolve(
            "evaluate", curve.FOLDER, target, "--split", split, "--format", "json", cwd=folder
        ).json()
        assert again["program"] == row["program"]
        assert again["score"] == row[split]


def test_evaluate_gives_the_same_figures_on_every_call(tmp_path: Path) -> None:
    def figures() -> object:
        answer = evolve(
            "evaluate", curve.FOLDER, curve.FOLDER / "seed.py", "--format", "json", cwd=tmp_path
        ).json()
        assert list(answer)[:5] == ["problem", "program", "split", "status", "score"]
        for outcome in answer["outcomes"]:
            assert outcome.pop("cpu_seconds") >= 0
        return answer

    assert figures() == figures()


@pytest.mark.parametrize("status", list(curve.PROGRAMS_BY_STATUS))
def test_evaluate_says_what_became_of_a_program(folder: Path, tmp_path: Path, status: str) -> None:
    file = tmp_path / "program.py"
    file.write_text(curve.PROGRAMS_BY_STATUS[status])
    answer = evolve("evaluate", curve.FOLDER, file, "--format", "json", cwd=folder).json()
    assert answer["status"] == status
    assert (answer["score"] is None) == (status != "ok")


def test_evaluate_rejects_what_is_no_program(folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "program.py"
    file.write_text("def answer(x:\n")
    done = evolve("evaluate", curve.FOLDER, file, "--format", "json", cwd=folder)
    assert done.json()["status"] == "rejected"
    assert "line 1" in done.err


def test_problems_lists_what_is_there(folder: Path) -> None:
    rows = {row["problem"]: row for row in evolve("problems", "--format", "json", cwd=folder).json()}
    assert "job_shop_dispatching" in rows
    assert "MWKR" in rows["job_shop_dispatching"]["baselines"]


def test_problems_with_a_name_shows_statement_and_scores(folder: Path) -> None:
    answer = evolve("problems", curve.FOLDER, "--format", "json", cwd=folder).json()
    assert answer["entry_point"] == "answer(x)"
    assert [row["baseline"] for row in answer["scores"]] == ["line", "zero"]
    assert max(row["train"] for row in answer["scores"]) == 1.0
    text = evolve("problems", curve.FOLDER, cwd=folder).out
    assert "close to a curve" in text
    assert "def answer(x)" in text


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM program",
        "DROP TABLE outcome",
        "INSERT INTO archive_info VALUES (9)",
        "UPDATE run SET name = 'x'",
        "PRAGMA journal_mode = DELETE",
        "PRAGMA user_version = 3",
        "ATTACH DATABASE 'other.db' AS other",
        "VACUUM INTO 'copy.db'",
    ],
)
def test_sql_cannot_change_anything(folder: Path, statement: str) -> None:
    before = _files(folder)
    tables = evolve("sql", "SELECT count(*) AS n FROM program", "--format", "json", cwd=folder).json()
    done = evolve("sql", statement, cwd=folder)
    assert _files(folder) == before
    assert evolve("sql", "SELECT count(*) AS n FROM program", "--format", "json", cwd=folder).json() == tables
    assert "Traceback" not in done.err
    if "journal_mode" not in statement:
        assert done.code == 2, done.out


def _files(folder: Path) -> list[str]:
    """What lies there, but for the files that SQLite keeps beside a database while it is open."""
    return sorted(path.name for path in folder.iterdir() if not path.name.endswith(("-wal", "-shm")))


def test_sql_prints_what_was_asked(folder: Path) -> None:
    query = "SELECT hash FROM program WHERE hash LIKE '%:%'"
    assert evolve("sql", query, "--format", "json", cwd=folder).json() == []
    (row,) = evolve("sql", "SELECT 1 AS one, ':x' AS two", "--format", "json", cwd=folder).json()
    assert row == {"one": 1, "two": ":x"}
    done = evolve("sql", "SELECT nothing FROM program", cwd=folder)
    assert done.code == 2
    assert "nothing" in done.complaint()


def test_doctor_says_what_is_there(folder: Path) -> None:
    rows = {row["what"]: row for row in json.loads(evolve("doctor", "--format", "json", cwd=folder).out)}
    assert rows["isolation"]["found"] in {"none", "limits", "compute-preload", "compute", "full"}
    assert "1 runs" in rows["archive"]["found"]


def test_output_cut_off_by_its_reader_is_no_error(folder: Path) -> None:
    import subprocess

    from tests.support.command import arguments, environment

    command = " ".join(arguments("top", "small", "-n", "40")) + " | head -n 1"
    done = subprocess.run(
        ["sh", "-c", command], cwd=folder, env=environment(), capture_output=True, text=True
    )
    assert "Traceback" not in done.stderr
