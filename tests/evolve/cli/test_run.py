"""Runs from the first command to the last table, through the real command line."""

import os
import shutil
import signal
import time
from pathlib import Path

import pytest

from tests.support import curve
from tests.support.command import Running, evolve, start


def digest(cwd: Path, *words: str) -> str:
    return str(evolve("digest", *words, "--format", "json", cwd=cwd).json()["digest"])


def committed(cwd: Path, run: str) -> int:
    answer = evolve("sql", "SELECT max(number) AS n FROM strategy_state", "--format", "json", cwd=cwd)
    return -1 if answer.code else int(answer.json()[0]["n"] or -1)


def wait_for_commits(process: Running, cwd: Path, count: int) -> None:
    deadline = time.monotonic() + 60
    while committed(cwd, "long") < count:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_run_finds_something_better_and_says_so(tmp_path: Path) -> None:
    done = evolve("run", curve.FOLDER, "--max-evaluations", "150", "--seed", "1", cwd=tmp_path)
    assert done.code == 0, done.err
    assert "using the offline operators" in done.err
    assert "the budget of evaluations is used up: 150 evaluations" in done.out
    for word in ("line", "zero", "evolved", "train", "validation", "test", " show ", " report ", " export "):
        assert word in done.out
    top = evolve("top", "--format", "json", cwd=tmp_path).json()
    assert max(one["train"] for one in top) > 1.0
    champion = top[0]
    assert champion["validation"] > 1.0
    assert champion["test"] > 1.0


def test_json_ends_with_the_documented_summary(tmp_path: Path) -> None:
    words = ("run", curve.FOLDER, "--max-evaluations", "20", "--name", "mine", "--format", "json")
    summary = evolve(*words, cwd=tmp_path).json()
    assert list(summary) == ["run", "archive", "reason", "proposals", "evaluations", "cost_usd", "best"]
    assert summary["run"] == "mine"
    assert summary["reason"] == "max_evaluations"
    assert summary["evaluations"] == 20
    assert summary["proposals"] >= 20
    assert {"program", "score", "validation", "test"} <= set(summary["best"])


def test_the_digest_does_not_depend_on_workers_or_hash_seeds(tmp_path: Path) -> None:
    digests = set()
    for workers, hash_seed in (("1", "0"), ("2", "1"), ("4", "2"), ("8", "3")):
        folder = tmp_path / workers
        folder.mkdir()
        words = ("run", curve.FOLDER, "--max-evaluations", "60", "--workers", workers)
        assert evolve(*words, cwd=folder, PYTHONHASHSEED=hash_seed).code == 0
        digests.add(digest(folder))
    assert len(digests) == 1


def test_another_seed_is_another_run(tmp_path: Path) -> None:
    for seed in ("1", "2"):
        assert evolve("run", curve.FOLDER, "--max-evaluations", "15", "--seed", seed, cwd=tmp_path).code == 0
    runs = evolve("runs", "--format", "json", cwd=tmp_path).json()
    assert [run["seed"] for run in runs] == [1, 2]
    assert digest(tmp_path, runs[0]["run"]) != digest(tmp_path, runs[1]["run"])


def test_a_larger_budget_goes_on_as_if_it_had_been_given_at_once(tmp_path: Path) -> None:
    pieces, whole = tmp_path / "pieces", tmp_path / "whole"
    for folder, budgets in ((pieces, ("20", "41", "60")), (whole, ("60",))):
        folder.mkdir()
        for budget in budgets:
            assert evolve("run", curve.FOLDER, "--max-evaluations", budget, cwd=folder).code == 0
    query = "SELECT number, status, operator, hash FROM proposal LEFT JOIN program ON program.id = program_id"
    assert (
        evolve("sql", query, "--format", "csv", cwd=pieces).out
        == evolve("sql", query, "--format", "csv", cwd=whole).out
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_run_in_good_order(tmp_path: Path, number: signal.Signals) -> None:
    process = start("run", curve.FOLDER, "--name", "long", "--max-evaluations", "100000", cwd=tmp_path)
    wait_for_commits(process, tmp_path, 5)
    process.send_signal(number)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "resume long" in err
    assert "Traceback" not in err
    before = committed(tmp_path, "long")
    done = evolve("resume", "long", "--max-evaluations", str(before + 10), cwd=tmp_path)
    assert done.code == 0, done.err
    assert committed(tmp_path, "long") > before


def test_a_killed_run_goes_on_and_ends_like_one_that_was_not(tmp_path: Path) -> None:
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    killed.mkdir()
    whole.mkdir()
    for count in (3, 20, 35):
        process = start("run", curve.FOLDER, "--name", "long", "--max-evaluations", "60", cwd=killed)
        wait_for_commits(process, killed, count)
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
    assert evolve("run", curve.FOLDER, "--name", "long", "--max-evaluations", "60", cwd=killed).code == 0
    assert evolve("run", curve.FOLDER, "--name", "long", "--max-evaluations", "60", cwd=whole).code == 0
    assert digest(killed) == digest(whole)


def test_a_target_stops_early(tmp_path: Path) -> None:
    words = ("--target", "1.05", "--max-evaluations", "2000", "--format", "json")
    summary = evolve("run", curve.FOLDER, *words, cwd=tmp_path).json()
    assert summary["reason"] == "target"
    assert summary["evaluations"] < 2000
    trains = [row["train"] for row in evolve("top", "-n", "99", "--format", "json", cwd=tmp_path).json()]
    assert max(trains) >= 1.05


@pytest.mark.parametrize("name", ["crashed", "invalid", "timeout", "out_of_memory", "output_limit"])
def test_a_seed_program_that_fails_has_its_status_and_the_run_goes_on(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "problem"
    shutil.copytree(curve.FOLDER, folder)
    (folder / "seed.py").write_text(curve.PROGRAMS_BY_STATUS[name])
    done = evolve("run", folder, "--max-evaluations", "12", "--format", "json", cwd=tmp_path)
    assert done.code == 0, done.err
    query = (
        "SELECT evaluation.status, evaluation.score, proposal.status AS fate, reason FROM proposal"
        " JOIN program ON program.id = program_id JOIN evaluation USING (program_id)"
        " WHERE number = 0 AND split = 'train'"
    )
    (row,) = evolve("sql", query, "--format", "json", cwd=tmp_path).json()
    assert row["status"] == name
    assert row["score"] is None
    assert row["fate"] == "failed"
    assert done.json()["best"] is not None


def test_a_seed_program_without_the_entry_point_is_rejected_and_the_run_goes_on(tmp_path: Path) -> None:
    folder = tmp_path / "problem"
    shutil.copytree(curve.FOLDER, folder)
    (folder / "seed.py").write_text("def anwser(x):\n    return x\n")
    done = evolve("run", folder, "--max-evaluations", "12", "--format", "json", cwd=tmp_path)
    assert done.code == 0, done.err
    (row,) = evolve(
        "sql", "SELECT status, reason FROM proposal WHERE number = 0", "--format", "json", cwd=tmp_path
    ).json()
    assert row["status"] == "rejected"
    assert "answer(x)" in row["reason"]


def test_a_run_of_that_name_that_is_another_one_is_refused(tmp_path: Path) -> None:
    assert evolve("run", curve.FOLDER, "--name", "a", "--max-evaluations", "5", cwd=tmp_path).code == 0
    done = evolve("run", curve.FOLDER, "--name", "a", "--seed", "9", "--max-evaluations", "5", cwd=tmp_path)
    assert done.code == 2
    assert "seed 0 and not 9" in done.complaint()
    assert "--name" in done.complaint()


def test_a_problem_that_changed_since_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "problem"
    shutil.copytree(curve.FOLDER, folder)
    assert evolve("run", folder, "--name", "a", "--max-evaluations", "5", cwd=tmp_path).code == 0
    source = (folder / "problem.py").read_text()
    (folder / "problem.py").write_text(source.replace("x * x + 3.0", "x * x + 4.0"))
    done = evolve("resume", "a", cwd=tmp_path)
    assert done.code == 2
    assert "another version" in done.complaint()


def test_an_evaluator_that_raises_is_named_as_the_culprit(tmp_path: Path) -> None:
    folder = tmp_path / "problem"
    shutil.copytree(curve.FOLDER, folder)
    source = (folder / "problem.py").read_text()
    (folder / "problem.py").write_text(
        source.replace("x = instance.payload\n", "x = instance.payload.nothing\n")
    )
    done = evolve("run", folder, "--max-evaluations", "5", cwd=tmp_path)
    assert done.code == 2
    assert "evaluator" in done.err
    assert "AttributeError" in done.err
