"""Answers in a file, and a run that takes them from there."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import curve
from tests.support.command import Finished, evolve
from tests.support.llm_server import ProgramAuthor, Seeded, ServerConfig, ServerProcess
from tests.support.model_runs import KEYS, digest, hurried, rows, run_words, write_config

WITHOUT_KEYS = dict.fromkeys(KEYS, "")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of a run of twelve evaluations, whose server is gone, with its transcript."""
    folder = tmp_path_factory.mktemp("made")
    with ServerProcess(ServerConfig(plan=Seeded(1), responder=ProgramAuthor(1, 0.2))) as server:
        words = run_words(write_config(folder, server.url), "--max-evaluations", "12")
        assert hurried(*words, cwd=folder).code == 0
    done = evolve("transcript", "m", "-o", "run.jsonl", "--prompts", cwd=folder)
    assert done.code == 0, done.err
    assert f"{len(rows(folder))} calls" in done.err
    yield folder


def again(folder: Path, made: Path, transcript: Path, *words: str) -> Finished:
    given = run_words(made / "config.toml", "--transcript", transcript, "--max-evaluations", "12", *words)
    return evolve(*given, cwd=folder, also=WITHOUT_KEYS)


def test_a_line_for_each_call_with_its_prompt_if_that_is_wanted(made: Path) -> None:
    header, *calls = [json.loads(line) for line in (made / "run.jsonl").read_text().splitlines()]
    assert header["run"] == "m"
    assert header["problem"] == "curve"
    assert header["calls"] == len(calls)
    recorded = rows(made, "SELECT * FROM llm_call WHERE is_final ORDER BY proposal, call")
    for call, row in zip(calls, recorded, strict=True):
        assert call["key"] == {"proposal": row["proposal"], "call": row["call"]}
        assert (call["text"], call["prompt_hash"]) == (row["answer"], row["prompt_hash"])
        assert call["prompt"] == json.loads(row["prompt"])
    assert evolve("transcript", "m", "-o", "short.jsonl", cwd=made).code == 0
    shorter = (made / "short.jsonl").read_text().splitlines()[1:]
    assert [json.loads(line).get("prompt") for line in shorter] == [None] * len(calls)


def test_it_does_the_run_again_without_server_or_key(made: Path, tmp_path: Path) -> None:
    done = again(tmp_path, made, made / "run.jsonl")
    assert done.code == 0, done.err
    assert digest(tmp_path) == digest(made)
    answers = "SELECT proposal, call, answer, tokens_in, tokens_out, cost_usd FROM llm_call WHERE is_final"
    here, there = rows(tmp_path, answers), rows(made, answers)
    assert here
    assert all(row in there for row in here)


def test_a_file_that_is_there_is_not_replaced_by_accident(made: Path) -> None:
    (made / "there.jsonl").write_text("mine")
    refused = evolve("transcript", "m", "-o", "there.jsonl", cwd=made)
    assert refused.code == 2
    assert "--force" in refused.complaint()
    assert (made / "there.jsonl").read_text() == "mine"
    assert evolve("transcript", "m", "-o", "there.jsonl", "--force", cwd=made).code == 0
    assert (made / "there.jsonl").read_text().startswith('{"transcript":1')


def test_another_run_is_told_apart(made: Path, tmp_path: Path) -> None:
    refused = again(tmp_path, made, made / "run.jsonl", "--seed", "9")
    assert refused.code == 2
    assert "run.jsonl" in refused.complaint()


@pytest.mark.parametrize("damage", ["cut", "no_transcript", "missing"])
def test_a_file_that_is_not_whole_is_refused_before_anything_is_done(
    made: Path, tmp_path: Path, damage: str
) -> None:
    lines = (made / "run.jsonl").read_text().splitlines(keepends=True)
    file = tmp_path / "bad.jsonl"
    if damage == "cut":
        file.write_text("".join(lines[:-1]))
    elif damage == "no_transcript":
        file.write_text("{}\n")
    refused = again(tmp_path, made, file)
    assert refused.code == 2
    assert "bad.jsonl" in refused.complaint()
    assert rows(tmp_path) == []


def test_a_longer_run_than_the_one_recorded_says_where_the_answers_end(made: Path, tmp_path: Path) -> None:
    given = run_words(made / "config.toml", "--transcript", made / "run.jsonl", "--max-evaluations", "60")
    done = evolve(*given, cwd=tmp_path, also=WITHOUT_KEYS)
    assert done.code == 2
    assert "has no answer to call" in done.complaint()
    assert "it ends with call" in done.complaint()


def test_a_run_without_models_has_nothing_to_write(tmp_path: Path) -> None:
    assert evolve("run", curve.FOLDER, "--max-evaluations", "3", "--name", "m", cwd=tmp_path).code == 0
    refused = evolve("transcript", "m", "-o", "run.jsonl", cwd=tmp_path)
    assert refused.code == 2
    assert "no model has answered anything" in refused.complaint()
    assert not (tmp_path / "run.jsonl").exists()
