"""A mistake of the user's gets one line that helps, and exit code 2."""

import sqlite3
from pathlib import Path

import pytest

from tests.support import curve
from tests.support.command import evolve

MISTAKES = {
    "unknown command": (("rnu", "x"), "did you mean 'run'?"),
    "unknown problem": (("run", "job_shop_dispaching"), "did you mean 'job_shop_dispatching'?"),
    "misspelt option": (("run", "x", "--max-evaluation", "5"), "--max-evaluations"),
    "misspelt operator": (("run", curve.FOLDER, "--operators", "expresions"), "did you mean 'expressions'?"),
    "misspelt strategy": (("run", curve.FOLDER, "--strategy", "island"), "did you mean 'islands'?"),
    "misspelt executor": (("run", curve.FOLDER, "--executor", "locl"), "did you mean 'local'?"),
    "weight that is no number": (("run", curve.FOLDER, "--operators", "constants=x"), "'x' is not a number"),
    "weight of nothing": (("run", curve.FOLDER, "--operators", "constants=0"), "weight"),
    "no workers": (("run", curve.FOLDER, "--workers", "0"), "'workers' has to be at least 1"),
    "no time": (("run", curve.FOLDER, "--max-time", "soon"), "90s, 15m or 8h"),
    "a folder that is no problem": (("run", "./"), "problem.py"),
    "missing file": (("evaluate", curve.FOLDER, "nothing.py"), "nothing.py"),
    "missing config": (("run", curve.FOLDER, "--config", "nothing.toml"), "nothing.toml"),
    "no archive": (("top", "--archive", "sqlite:///nothing.db"), "no archive nothing.db"),
    "a path for a URL": (("top", "--archive", "some.db"), "sqlite:///some.db"),
    "an unknown database": (("top", "--archive", "oracel://x"), "sqlite and postgresql"),
    "instances of no split": (("run", curve.FOLDER, "--instances", "tain=f.json"), "'tain' is no split"),
    "instances that are not read": (("run", curve.FOLDER, "--instances", "f.json"), "f.json"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_gets_one_line_and_exit_code_2(name: str, tmp_path: Path) -> None:
    words, hint = MISTAKES[name]
    done = evolve(*words, cwd=tmp_path)
    assert done.code == 2, done.err
    assert hint in done.complaint()
    assert "Traceback" not in done.err


def test_a_misspelt_setting_in_a_file_names_the_right_one(tmp_path: Path) -> None:
    (tmp_path / "run.toml").write_text("max_evaluatons = 5\n")
    done = evolve("run", curve.FOLDER, "--config", "run.toml", cwd=tmp_path)
    assert done.code == 2
    assert "did you mean 'max_evaluations'?" in done.complaint()
    assert not (tmp_path / "evolve.db").exists()


def test_a_config_file_and_the_command_line_go_together(tmp_path: Path) -> None:
    (tmp_path / "run.toml").write_text(
        'max_evaluations = 500\nseed = 7\narchive = "sqlite:///other.db"\n\n[operators]\nconstants = 1.0\n'
    )
    words = ("run", curve.FOLDER, "--config", "run.toml", "--max-evaluations", "8", "--format", "json")
    done = evolve(*words, cwd=tmp_path)
    assert done.code == 0, done.err
    assert done.json()["evaluations"] == 8
    (row,) = evolve("runs", "--archive", "sqlite:///other.db", "--format", "json", cwd=tmp_path).json()
    assert row["seed"] == 7


def test_a_traceback_is_shown_on_request(tmp_path: Path) -> None:
    done = evolve("top", "--debug", cwd=tmp_path)
    assert done.code == 2
    assert "Traceback" in done.err


def test_a_file_that_is_no_archive_is_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "evolve.db").write_text("notes " * 1000)
    for words in (("top",), ("run", str(curve.FOLDER), "--max-evaluations", "3")):
        done = evolve(*words, cwd=tmp_path)
        assert done.code in (1, 2)
        assert "not an SQLite database" in done.complaint()
    assert (tmp_path / "evolve.db").read_text() == "notes " * 1000


def test_a_database_of_something_else_is_left_as_it_is(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "evolve.db") as connection:
        connection.execute("CREATE TABLE invoices (id INTEGER)")
    done = evolve("run", curve.FOLDER, "--max-evaluations", "3", cwd=tmp_path)
    assert done.code == 2
    assert "something else" in done.complaint()
