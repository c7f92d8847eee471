"""`evolve report` through the real command line."""

import re
import shlex
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evolve import __version__
from evolve.archive.engine import open_archive
from evolve.champion import FINALISTS, MARGIN, RECORDS
from evolve.config import DEFAULT_OPERATORS, make_settings
from evolve.loading import ProblemReference, load_problem
from evolve.running import open_run
from tests.support import curve
from tests.support.command import evolve
from tests.support.llm_server import Latency, ProgramAuthor, Seeded, ServerConfig, ServerProcess
from tests.support.model_runs import hurried, rows, run_words, write_config


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("report")
    done = evolve("run", curve.FOLDER, "--name", "small", "--max-evaluations", "40", cwd=folder)
    assert done.code == 0, done.err
    yield folder


def test_the_champion_is_the_best_validated_program(folder: Path) -> None:
    report = evolve("report", "small", "--format", "json", cwd=folder).json()
    best = evolve("top", "small", "-n", "1", "--format", "json", cwd=folder).json()[0]
    assert report["champion"]["program"] == best["program"]
    assert report["champion"]["scores"] == {split: best[split] for split in ("train", "validation", "test")}
    assert report["champion"]["source"] == best["source"]
    assert len(report["champion"]["outcomes"]) == 9
    assert report["leader"] is None
    assert report["status"] == "finished"
    assert report["digest"] == evolve("digest", "small", cwd=folder).out.strip()
    assert report["notes"] == []


def test_the_verdict_is_the_comparison_with_the_best_baseline_on_test(folder: Path) -> None:
    report = evolve("report", "--format", "json", cwd=folder).json()
    test, program = report["test"], report["champion"]["program"]
    assert test["baseline"] == "line"
    words = ("compare", curve.FOLDER, program, "line", "--split", "test", "--format", "json")
    compared = evolve(*words, cwd=folder).json()
    assert test["verdict"] == compared["verdict"]
    assert test["difference"]["ratio"] == compared["ratio"]
    assert test["difference"]["interval"] == compared["interval"]
    assert compared["ratio"] == pytest.approx(report["champion"]["scores"]["test"])


def test_proposals_are_counted_by_operator_and_status(folder: Path) -> None:
    report = evolve("report", "--format", "json", cwd=folder).json()
    assert report["evaluations"] == 40
    counts = evolve("runs", "--format", "json", cwd=folder).json()[0]["proposals"]
    assert sum(row["proposals"] for row in report["proposals"]) == counts
    assert {row["operator"] for row in report["proposals"]} <= {"seed", *DEFAULT_OPERATORS}
    for row in report["proposals"]:
        statuses = [count for name, count in row.items() if name not in ("operator", "proposals")]
        assert sum(statuses) == row["proposals"]


def test_markdown_has_verdict_source_and_difference_to_the_seed(folder: Path) -> None:
    text = evolve("report", "small", cwd=folder).out
    report = evolve("report", "small", "--format", "json", cwd=folder).json()
    assert text.startswith("# Run small\n")
    assert report["test"]["sentence"] in text
    assert f"```python\n{report['champion']['source'].rstrip()}\n```" in text
    assert "-    return 1.0 * x\n" in text
    assert "| evolved |" in text
    assert "| gap test |" in text
    (made_with,) = report["software"]
    assert (made_with["proposal"], made_with["numpy"]) == (0, np.__version__)
    assert f"Made with evolve {__version__}, {made_with['python']}, numpy {np.__version__}, on" in text


def test_the_commands_make_the_same_run_again(folder: Path, tmp_path: Path) -> None:
    text = evolve("report", "small", cwd=folder).out
    report = evolve("report", "small", "--format", "json", cwd=folder).json()
    settings = text.split("```toml\n")[1].split("```")[0]
    (tmp_path / "settings.toml").write_text(settings)
    run, digest, export, evaluate = (shlex.split(line, comments=True)[1:] for line in report["commands"])
    again = evolve(*run, "--workers", "1", cwd=tmp_path)
    assert again.code == 0, again.err
    assert evolve(*digest, cwd=tmp_path).out.strip() == report["digest"]
    try:
        assert evolve(*export, cwd=folder).code == 0
        answer = evolve(*evaluate, "--format", "json", cwd=folder).json()
    finally:
        (folder / "champion.py").unlink(missing_ok=True)
    assert answer["program"] == report["champion"]["program"]
    assert answer["score"] == report["champion"]["scores"]["test"]


def test_a_report_goes_to_a_file_that_is_not_there_yet(folder: Path, tmp_path: Path) -> None:
    target = tmp_path / "report.md"
    assert evolve("report", "small", "-o", target, cwd=folder).code == 0
    assert target.read_text() == evolve("report", "small", cwd=folder).out
    target.write_text("mine")
    refused = evolve("report", "small", "-o", target, cwd=folder)
    assert refused.code == 2
    assert "--force" in refused.complaint()
    assert target.read_text() == "mine"
    assert evolve("report", "small", "-o", target, "--force", cwd=folder).code == 0
    assert target.read_text().startswith("# Run small")
    nowhere = evolve("report", "small", "-o", tmp_path / "no" / "report.md", cwd=folder)
    assert nowhere.code == 2
    assert "cannot write" in nowhere.complaint()


def test_a_folder_has_the_report_its_pictures_and_what_repeats_the_run(folder: Path, tmp_path: Path) -> None:
    target = tmp_path / "made" / "report"
    done = evolve("report", "small", "-o", target, cwd=folder)
    assert done.code == 0, done.err
    pictures = {"anytime.png", "instances.png", "lineage.png", "niches.png", "spending.png"}
    names = {file.name for file in target.iterdir()}
    assert names == pictures | {"report.md", "champion.py", "champion.diff", "settings.toml"}
    text = (target / "report.md").read_text()
    assert set(re.findall(r"!\[[^\]]+\]\(([^)]+)\)", text)) == pictures
    report = evolve("report", "small", "--format", "json", cwd=folder).json()
    assert (target / "champion.py").read_text() == report["champion"]["source"]
    assert (target / "champion.diff").read_text() == report["champion"]["diff"]
    for heading in ("Verdict", "The champion", "Spending", "Settings", "How to repeat it", "Versions"):
        assert f"\n## {heading}\n" in text
    assert f"isolation: {next(iter(report['isolation']))} (" in text
    for rival in report["rivals"]:
        assert f"| {rival['baseline']} | " in text
    commands = text.split("```sh\n")[1].split("```")[0].splitlines()
    run, digest, evaluate = (shlex.split(line, comments=True)[1:] for line in commands)
    again = evolve(*run, "--workers", "1", cwd=tmp_path)
    assert again.code == 0, again.err
    assert evolve(*digest, cwd=tmp_path).out.strip() == report["digest"]
    answer = evolve(*evaluate, "--format", "json", cwd=folder).json()
    assert answer["score"] == report["champion"]["scores"]["test"]


def test_a_folder_that_is_not_empty_is_kept_unless_told_otherwise(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    refused = evolve("report", "small", "-o", tmp_path, cwd=folder)
    assert refused.code == 2
    assert "--force" in refused.complaint()
    assert [file.name for file in tmp_path.iterdir()] == ["notes.txt"]
    assert evolve("report", "small", "-o", tmp_path, "--force", cwd=folder).code == 0
    assert (tmp_path / "notes.txt").read_text() == "mine"
    first = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    assert evolve("report", "small", "-o", tmp_path, "--force", cwd=folder).code == 0
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == first, (
        "the same archive, the same"
    )
    asked = evolve("report", "small", "-o", f"{tmp_path}/", "--format", "json", cwd=folder)
    assert asked.code == 2
    assert "report.json" in asked.complaint()


def test_the_lineage_leads_to_the_champion(folder: Path) -> None:
    report = evolve("report", "small", "--format", "json", cwd=folder).json()
    steps = evolve("lineage", report["champion"]["program"], "--format", "json", cwd=folder).json()
    assert [step["program"] for step in report["lineage"]] == [step["program"] for step in steps]
    text = evolve("report", "small", cwd=folder).out
    assert all(f"`{step['program'][:12]}`" in text for step in steps)


def test_every_baseline_is_set_beside_the_champion_on_test(folder: Path) -> None:
    report = evolve("report", "small", "--format", "json", cwd=folder).json()
    assert [rival["baseline"] for rival in report["rivals"]] == ["line", "zero"]
    for rival in report["rivals"]:
        words = ("compare", curve.FOLDER, report["champion"]["program"], rival["baseline"], "--split", "test")
        compared = evolve(*words, "--format", "json", cwd=folder).json()
        assert rival["difference"]["ratio"] == compared["ratio"]
        assert rival["difference"]["interval"] == compared["interval"]


def test_an_interrupted_run_shows_its_best_program_so_far(folder: Path, tmp_path: Path) -> None:
    """The state of a run that was stopped after its last commit, before a champion was chosen."""
    database = tmp_path / "evolve.db"
    with sqlite3.connect(folder / "evolve.db") as source, sqlite3.connect(database) as copy:
        source.backup(copy)
    searched = "SELECT program.id FROM program JOIN run ON run.id = run_id WHERE kind = 'search'"
    judged = f"SELECT id FROM evaluation WHERE split <> 'train' AND program_id IN ({searched})"
    with sqlite3.connect(database) as copy:
        copy.execute(f"DELETE FROM outcome WHERE evaluation_id IN ({judged})")
        copy.execute(f"DELETE FROM evaluation WHERE id IN ({judged})")
        copy.execute(
            "UPDATE run SET status = 'interrupted', reason = 'interrupted', champion_id = NULL"
            " WHERE kind = 'search'"
        )
    report = evolve("report", "small", "--format", "json", cwd=tmp_path).json()
    best = evolve("top", "small", "-n", "1", "--format", "json", cwd=tmp_path).json()[0]
    assert report["champion"] is None
    assert report["test"] is None
    assert report["leader"]["program"] == best["program"]
    assert "another digest" in report["notes"][0]
    text = evolve("report", "small", cwd=tmp_path).out
    assert "There is no champion yet" in text
    assert "evolve resume small" in text
    assert best["program"] in text


def test_a_run_that_has_only_been_opened_can_be_reported_on(tmp_path: Path) -> None:
    archive = open_archive(f"sqlite:///{tmp_path / 'evolve.db'}")
    loaded = load_problem(ProblemReference(str(curve.FOLDER)))
    open_run(archive, loaded, make_settings({"max_evaluations": 5}), "fresh")
    archive.close()
    done = evolve("report", cwd=tmp_path)
    assert done.code == 0, done.err
    assert "There is no champion yet" in done.out
    assert "None was committed yet." in done.out
    assert evolve("report", "--format", "json", cwd=tmp_path).json()["scores"] == []


def test_a_run_that_was_gone_on_with_reports_the_best_of_its_finalists(folder: Path, tmp_path: Path) -> None:
    """Whoever won before has no advantage: the champion is that of a run without a break."""
    shutil.copy(folder / "evolve.db", tmp_path)
    assert evolve("resume", "small", "--max-evaluations", "120", cwd=tmp_path).code == 0
    report = evolve("report", "small", "--format", "json", cwd=tmp_path).json()
    rows = evolve("top", "small", "-n", "200", "--format", "json", cwd=tmp_path).json()
    rows.sort(key=lambda row: (-row["train"], len(row["source"]), row["proposal"]))
    records: list[dict[str, Any]] = []
    for row in sorted(rows, key=lambda row: row["proposal"]):
        if not records or row["train"] > records[-1]["train"]:
            records.append(row)
    records = [row for row in records if row not in rows[:FINALISTS]]
    assert 0 < len(records) <= RECORDS
    best = max(rows[:FINALISTS], key=lambda row: row["validation"])
    earlier = max(records[::-1], key=lambda row: row["validation"])
    if earlier["validation"] > (1 + MARGIN) * best["validation"]:
        best = earlier
    assert report["champion"]["program"] == best["program"]
    assert report["evaluations"] == 120


def test_a_problem_that_is_gone_costs_the_gaps_and_no_more(tmp_path: Path) -> None:
    problem = tmp_path / "problem"
    shutil.copytree(curve.FOLDER, problem, ignore=shutil.ignore_patterns("__pycache__"))
    assert evolve("run", problem, "--name", "gone", "--max-evaluations", "6", cwd=tmp_path).code == 0
    before = evolve("report", "gone", "--format", "json", cwd=tmp_path).json()
    (problem / "problem.py").write_text((problem / "problem.py").read_text() + "\nCHANGED = True\n")
    changed = evolve("report", "gone", "--format", "json", cwd=tmp_path).json()
    assert "make another run" in changed["notes"][0]
    shutil.rmtree(problem)
    after = evolve("report", "gone", "--format", "json", cwd=tmp_path).json()
    assert after["test"] == before["test"]
    assert "cannot be loaded" in after["notes"][0]
    assert all(gap is None for row in after["scores"] for gap in row["gaps"].values())
    assert any(gap is not None for row in before["scores"] for gap in row["gaps"].values())


def test_commands_find_an_archive_that_is_not_the_default_one(folder: Path, tmp_path: Path) -> None:
    archive = f"sqlite:///{folder / 'evolve.db'}"
    report = evolve("report", "small", "--archive", archive, "--format", "json", cwd=tmp_path).json()
    export, evaluate = report["commands"][2:]
    assert export.endswith(f" --archive {archive}")
    assert evaluate.endswith(f" --archive {archive}")


def test_mistakes_are_told_in_one_line(folder: Path, tmp_path: Path) -> None:
    unknown = evolve("report", "smell", cwd=folder)
    assert unknown.code == 2
    assert "did you mean 'small'?" in unknown.complaint()
    nothing = evolve("report", cwd=tmp_path)
    assert nothing.code == 2
    assert "no archive" in nothing.complaint()
    assert evolve("report", "small", "--format", "csv", cwd=folder).code == 2


@pytest.mark.slow
def test_a_run_with_models_is_repeated_from_its_answers(tmp_path: Path) -> None:
    """No server is there any more when the commands of the report are given."""
    usual = ServerConfig(
        plan=Seeded(1, latency=Latency(0.01, 0.5)), responder=ProgramAuthor(1, bad_share=0.2)
    )
    with ServerProcess(usual) as server:
        config = write_config(tmp_path, server.url, "reflect_every = 8")
        done = hurried(*run_words(config, "--max-evaluations", "24"), cwd=tmp_path)
        assert done.code == 0, done.err
    assert evolve("report", "m", "-o", tmp_path / "report", cwd=tmp_path).code == 0
    text = (tmp_path / "report" / "report.md").read_text()
    report = evolve("report", "m", "--format", "json", cwd=tmp_path).json()
    assert len(report["reflections"]) > 0
    assert all(note.splitlines()[0] in text for note in report["reflections"])
    paid = sum(row["cost_usd"] for row in rows(tmp_path) if row["cost_usd"] is not None)
    assert sum(row["cost_usd"] for row in report["spending"]) == pytest.approx(paid)
    assert f"Models cost {paid:.4f} USD" in text
    commands = text.split("```sh\n")[1].split("```")[0].splitlines()
    transcript, run, digest, _ = (shlex.split(line, comments=True)[1:] for line in commands)
    assert evolve(*transcript, cwd=tmp_path).code == 0
    again = evolve(*run, cwd=tmp_path, OPENAI_API_KEY="")
    assert again.code == 0, again.err
    assert evolve(*digest, cwd=tmp_path).out.strip() == report["digest"]
