"""What is shown of the next prompt is what is then asked, and showing it costs nothing."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import curve
from tests.support.command import evolve
from tests.support.llm_server import ProgramAuthor, Seeded, ServerConfig, ServerProcess
from tests.support.model_runs import MODEL, hurried, rows, run_words, write_config


@pytest.fixture(scope="module")
def server() -> Iterator[ServerProcess]:
    with ServerProcess(ServerConfig(plan=Seeded(1), responder=ProgramAuthor(1, 0.2))) as serving:
        yield serving


@pytest.fixture(scope="module")
def made(server: ServerProcess, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run of ten evaluations."""
    folder = tmp_path_factory.mktemp("made")
    done = hurried(*run_words(write_config(folder, server.url), "--max-evaluations", "10"), cwd=folder)
    assert done.code == 0, done.err
    return folder


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    """A folder with a copy of that run."""
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    return tmp_path


def test_the_next_prompt_is_what_is_asked_next(server: ServerProcess, folder: Path) -> None:
    before = (len(server.report().entries), (folder / "evolve.db").read_bytes())
    done = evolve("prompt", "m", "--format", "json", cwd=folder)
    assert done.code == 0, done.err
    shown = done.json()
    assert before == (len(server.report().entries), (folder / "evolve.db").read_bytes())
    assert list(shown) == [
        *("run", "proposal", "operator", "model", "tokens", "max_cost_usd", "cut", "messages"),
    ]
    assert (shown["run"], shown["model"], shown["cut"]) == ("m", MODEL, [])
    assert [one["role"] for one in shown["messages"]] == ["system", "user"]
    number = shown["proposal"]
    last = rows(folder, "SELECT max(number) AS n FROM proposal WHERE status != 'selected'")[0]["n"]
    assert number == last + 1
    gone_on = hurried("resume", "m", "--max-evaluations", "24", cwd=folder)
    assert gone_on.code == 0, gone_on.err
    (asked,) = rows(folder, f"SELECT * FROM llm_call WHERE proposal = {number} AND call = 0")
    assert json.loads(asked["prompt"]) == shown["messages"]
    assert asked["operator"] == shown["operator"]
    assert float(asked["reserved_usd"]) == pytest.approx(shown["max_cost_usd"], rel=1e-12)
    assert asked["tokens_in"] <= shown["tokens"], "the estimate is on the high side"


def test_text_for_people_and_the_sum_on_the_other_stream(folder: Path) -> None:
    done = evolve("prompt", cwd=folder)
    assert done.code == 0, done.err
    assert done.out.startswith("----- system -----\n")
    assert "----- user -----" in done.out
    assert "EVOLVE-BLOCK-START" in done.out
    assert "tokens for at most 0.1" in done.err
    assert "$" not in done.out.splitlines()[0]


@pytest.mark.parametrize("operator", ["edit", "rewrite"])
def test_the_next_one_of_an_operator(folder: Path, operator: str) -> None:
    shown = evolve("prompt", "m", "--operator", operator, "--format", "json", cwd=folder).json()
    assert shown["operator"] == operator
    waiting = rows(
        folder, f"SELECT min(number) AS n FROM proposal WHERE status = 'selected' AND operator = '{operator}'"
    )
    assert shown["proposal"] == waiting[0]["n"]


def test_mistakes(folder: Path) -> None:
    for words, complaint in (
        (("prompt", "m", "--operator", "edti"), "no operator 'edti'; it has crossover, "),
        (("prompt", "m", "--operator", "repair"), "is for the operator 'repair'"),
        (("prompt", "mm"), "unknown run 'mm'"),
    ):
        refused = evolve(*words, cwd=folder)
        assert refused.code == 2
        assert complaint in refused.complaint()


def test_a_run_without_models_has_no_prompts(tmp_path: Path) -> None:
    assert evolve("run", curve.FOLDER, "--max-evaluations", "3", "--name", "m", cwd=tmp_path).code == 0
    refused = evolve("prompt", cwd=tmp_path)
    assert refused.code == 2
    assert "is for a model" in refused.complaint()
