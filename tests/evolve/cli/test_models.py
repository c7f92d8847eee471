"""Runs with models, from the command line to the server: SDKs, HTTP, money, signals, records."""

import json
import shutil
import signal
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.support.command import Finished, evolve
from tests.support.llm_server import (
    Latency,
    Metering,
    ProgramAuthor,
    Seeded,
    ServerConfig,
    ServerProcess,
)
from tests.support.model_runs import (
    CLAUDE,
    KEY,
    KEYS,
    LITE,
    MODEL,
    STRONG,
    check_books,
    check_evaluated_once,
    digest,
    hurried,
    replays,
    rows,
    run_words,
    started,
    write_config,
)
from tests.support.processes import wait_until

pytestmark = pytest.mark.slow

AUTHOR = ProgramAuthor(1, bad_share=0.2)
USUAL = ServerConfig(plan=Seeded(1, latency=Latency(0.01, 0.5)), responder=AUTHOR)
SLOW = ServerConfig(plan=Seeded(1, latency=Latency(1.0, 0.2)), responder=AUTHOR)
NO_PRICE_IS_KNOWN = "nobody says what"


@pytest.fixture(scope="module")
def server() -> Iterator[ServerProcess]:
    """Answers well, and at once."""
    with ServerProcess(USUAL) as serving:
        yield serving


@pytest.fixture(scope="module")
def whole(server: ServerProcess, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run of 24 evaluations that nothing has happened to."""
    folder = tmp_path_factory.mktemp("whole")
    done = hurried(*run_words(write_config(folder, server.url), "--max-evaluations", "24"), cwd=folder)
    assert done.code == 0, done.err
    return folder


def unreachable() -> str:
    """Where nobody listens: port 1 of this machine."""
    return "http://127.0.0.1:1"


def test_a_run_is_on_record_whole_and_is_repeated_without_network_or_key(
    server: ServerProcess, whole: Path
) -> None:
    calls = rows(whole)
    assert len(calls) >= 23
    assert {row["status"] for row in calls} == {"ok"}
    assert all(row["prompt"] and row["answer"] and row["latency_seconds"] > 0 for row in calls)
    told = {f"req_{entry.request_id}" for entry in server.report().entries}
    assert {row["request_id"] for row in calls} <= told
    check_evaluated_once(whole)
    assert evolve("top", "--format", "json", cwd=whole).json()[0]["train"] > 0
    config = (whole / "config.toml").read_text()
    try:
        (whole / "config.toml").write_text(config.replace(server.url, unreachable()))
        before = len(server.report().entries)
        assert replays(whole)
        assert len(server.report().entries) == before
    finally:
        (whole / "config.toml").write_text(config)


def test_several_providers_by_weight_each_through_its_own_sdk(tmp_path: Path) -> None:
    with ServerProcess(msgspec.structs.replace(USUAL, metering=Metering(0.5, 40))) as server:
        config = write_config(tmp_path, server.url, "reflect_every = 8", "direction_after = 10")
        models = (f"{MODEL}=3", f"{CLAUDE}=2", LITE)
        words = run_words(config, "--strong-model", STRONG, "--max-evaluations", "40", models=models)
        done = hurried(*words, cwd=tmp_path)
        assert done.code == 0, done.err
        report = server.report()
    known = check_books(report, rows(tmp_path))
    assert {entry.protocol for entry in report.entries} == {"openai_chat", "anthropic_messages"}
    by_model = Counter(row["model"] for row in rows(tmp_path))
    assert set(by_model) == {MODEL, CLAUDE, LITE, STRONG}
    assert by_model[MODEL] > by_model[LITE]
    strong = {row["operator"] for row in rows(tmp_path) if row["model"] == STRONG}
    assert strong == {"reflection", "direction"}
    assert strong.isdisjoint({row["operator"] for row in rows(tmp_path) if row["model"] != STRONG})
    notes = rows(tmp_path, "SELECT idea FROM proposal WHERE status = 'note'")
    assert notes
    assert all(note["idea"] for note in notes)
    assert "$" in done.err or "$" in done.out
    assert replays(tmp_path)
    total = rows(tmp_path, "SELECT sum(cost_usd) AS usd FROM llm_call")[0]["usd"]
    assert total == pytest.approx(float(known), rel=1e-12)


def test_a_bandit_chooses_models_and_its_run_is_repeated(server: ServerProcess, tmp_path: Path) -> None:
    words = run_words(
        write_config(tmp_path, server.url), "--choice", "bandit", "--max-evaluations", "30",
        models=(MODEL, STRONG),
    )  # fmt: skip
    assert hurried(*words, cwd=tmp_path).code == 0
    assert {row["model"] for row in rows(tmp_path)} == {MODEL, STRONG}
    assert replays(tmp_path)


def check_nearly_spent(found: dict[str, Any], limit: float) -> None:
    """Check that no more was spent than allowed, and that one more call might have been too much."""
    assert limit - 1.5 * found["most"] < found["spent"] <= limit


@pytest.mark.parametrize(
    ("option", "limits", "reason", "words"),
    [
        ("--max-cost", (0.02, 0.04, 5.0), "max_cost", "the budget of dollars is used up"),
        ("--max-tokens", (8000, 14000, 10**9), "max_tokens", "the budget of tokens is used up"),
    ],
)
def test_a_budget_holds_and_a_larger_one_goes_on_as_if_it_had_been_given_at_once(
    server: ServerProcess, whole: Path, tmp_path: Path, option: str, limits: Any, reason: str, words: str
) -> None:
    short = ['[models."openai/gpt-test"]', "max_output_tokens = 1000"]
    config = write_config(tmp_path, server.url, *short)
    columns = {
        "max_cost": ("cost_usd", "reserved_usd"),
        "max_tokens": ("tokens_in + tokens_out", "reserved_tokens"),
    }
    query = "SELECT sum({}) AS spent, max({}) AS most FROM llm_call".format(*columns[reason])
    first = hurried(
        *run_words(config, "--max-evaluations", "24", option, str(limits[0]), "--format", "json"),
        cwd=tmp_path,
    )
    assert first.code == 0, first.err
    assert first.json()["reason"] == reason
    check_nearly_spent(rows(tmp_path, query)[0], limits[0])
    second = hurried("resume", "m", option, str(limits[1]), cwd=tmp_path)
    assert second.code == 0, second.err
    assert words in second.out
    check_nearly_spent(rows(tmp_path, query)[0], limits[1])
    last = hurried("resume", "m", option, str(limits[2]), cwd=tmp_path)
    assert last.code == 0, last.err
    assert "the budget of evaluations is used up" in last.out
    assert digest(tmp_path) == digest(whole)
    finals = rows(tmp_path, "SELECT proposal, call FROM llm_call WHERE is_final")
    assert len(finals) == len({(row["proposal"], row["call"]) for row in finals})


def test_hashes_only_keep_no_text_and_what_was_paid_for_is_used_after_a_kill(
    whole: Path, tmp_path: Path
) -> None:
    with ServerProcess(msgspec.structs.replace(USUAL, plan=Seeded(1, latency=Latency(0.15, 0.5)))) as server:
        words = run_words(write_config(tmp_path, server.url), "--no-prompt-text", "--max-evaluations", "24")
        process = started(*words, cwd=tmp_path)
        answered = "SELECT count(*) AS n FROM llm_call WHERE is_final"
        wait_until(lambda: bool(found := rows(tmp_path, answered)) and found[0]["n"] >= 8, 60, "answers")
        process.kill()
        process.communicate()
        kept = rows(tmp_path, "SELECT proposal, call FROM llm_call WHERE answer IS NOT NULL")
        assert hurried(*words, cwd=tmp_path).code == 0
        report = server.report()
    assert digest(tmp_path) == digest(whole)
    check_books(report, rows(tmp_path))
    for one in kept:
        where = f"proposal = {one['proposal']} AND call = {one['call']}"
        assert len(rows(tmp_path, f"SELECT 1 FROM llm_call WHERE {where} AND status = 'ok'")) == 1
    committed = "proposal IN (SELECT number FROM proposal WHERE status != 'selected')"
    kept_later = rows(tmp_path, f"SELECT prompt, answer FROM llm_call WHERE {committed}")
    assert kept_later
    assert all(row["prompt"] in (None, "null") and row["answer"] is None for row in kept_later)
    refused = evolve("replay", "m", cwd=tmp_path)
    assert refused.code == 2
    assert "--no-prompt-text" in refused.complaint()
    refused = evolve("transcript", "m", "-o", "t.jsonl", cwd=tmp_path)
    assert refused.code == 2
    assert "--no-prompt-text" in refused.complaint()


def test_hashes_only_leave_no_text_in_the_file(tmp_path: Path) -> None:
    said = "One number changes."
    with ServerProcess(USUAL) as server:
        words = run_words(write_config(tmp_path, server.url), "--no-prompt-text", "--max-evaluations", "12")
        assert hurried(*words, cwd=tmp_path).code == 0
        asked = rows(tmp_path, "SELECT count(*) AS n FROM llm_call")[0]["n"]
    assert asked >= 11
    committed = "proposal IN (SELECT number FROM proposal WHERE status != 'selected')"
    assert rows(tmp_path, f"SELECT 1 FROM llm_call WHERE {committed} AND answer IS NOT NULL") == []
    uncommitted = rows(tmp_path, f"SELECT 1 FROM llm_call WHERE NOT {committed} AND answer IS NOT NULL")
    if not uncommitted:
        for file in tmp_path.glob("evolve.db*"):
            assert said.encode() not in file.read_bytes(), file.name
            assert b"EVOLVE-BLOCK markers" not in file.read_bytes(), file.name


def test_templates_of_ones_own_are_part_of_the_run(server: ServerProcess, tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    project = Path(__file__).resolve().parents[3] / "prompts"
    text = (project / "system.md.jinja").read_text()
    (folder / "system.md.jinja").write_text(f"Mind the zebra.\n{text}")
    words = run_words(write_config(tmp_path, server.url), "--prompts", folder, "--max-evaluations", "5")
    assert hurried(*words, cwd=tmp_path).code == 0
    prompts = [json.loads(row["prompt"]) for row in rows(tmp_path)]
    assert prompts
    assert all("Mind the zebra." in prompt[0]["content"] for prompt in prompts)
    shutil.rmtree(folder)
    assert replays(tmp_path)
    refused = hurried(*run_words(tmp_path / "config.toml", "--max-evaluations", "6"), cwd=tmp_path)
    assert refused.code == 2
    assert "prompts" in refused.complaint()


def test_a_transcript_takes_the_place_of_the_providers(whole: Path, tmp_path: Path) -> None:
    done = evolve("transcript", "m", "-o", tmp_path / "run.jsonl", cwd=whole)
    assert done.code == 0, done.err
    words = run_words(
        whole / "config.toml", "--transcript", tmp_path / "run.jsonl", "--max-evaluations", "24"
    )
    again = evolve(*words, cwd=tmp_path, also=dict.fromkeys(KEYS, ""))
    assert again.code == 0, again.err
    assert digest(tmp_path) == digest(whole)
    asked = (
        "SELECT proposal, call, sum(cost_usd) AS usd, max(tokens_out) AS tokens FROM llm_call GROUP BY 1, 2"
    )
    assert rows(tmp_path, asked) == [row for row in rows(whole, asked) if row in rows(tmp_path, asked)], (
        "what it cost there is what it costs here"
    )


def mistaken(
    tmp_path: Path, server: ServerConfig, *words: str, models: tuple[str, ...] = (MODEL,), **changes: str
) -> Finished:
    with ServerProcess(server) as serving:
        config = write_config(tmp_path, serving.url)
        return hurried(
            *run_words(config, "--max-evaluations", "5", *words, models=models), cwd=tmp_path, also=changes
        )


def test_a_wrong_key_ends_the_run_with_a_line_that_says_where_it_is(tmp_path: Path) -> None:
    done = mistaken(tmp_path, msgspec.structs.replace(USUAL, keys=("sk-another",)))
    assert done.code == 2
    complaint = done.complaint()
    assert "401" in complaint
    assert "OPENAI_API_KEY" in complaint
    assert KEY not in done.err
    assert {row["status"] for row in rows(tmp_path)} <= {"denied", "lost"}
    with ServerProcess(USUAL) as serving:
        config = write_config(tmp_path, serving.url)
        gone_on = hurried(*run_words(config, "--max-evaluations", "5"), cwd=tmp_path)
    assert gone_on.code == 0, gone_on.err


def test_an_unknown_model_ends_the_run(tmp_path: Path) -> None:
    done = mistaken(tmp_path, msgspec.structs.replace(USUAL, models=("gpt-strong",)))
    assert done.code == 2
    assert "Check the model's name" in done.complaint()


def test_a_model_without_a_price_is_refused_unless_allowed(tmp_path: Path) -> None:
    done = mistaken(tmp_path, USUAL, models=("openai/gpt-unheard-of",))
    assert done.code == 2
    assert NO_PRICE_IS_KNOWN in done.complaint()
    assert "--allow-unpriced" in done.complaint()
    done = mistaken(tmp_path, USUAL, "--allow-unpriced", models=("openai/gpt-unheard-of",))
    assert done.code == 0, done.err
    assert {row["cost_usd"] for row in rows(tmp_path)} == {0.0}


@pytest.mark.parametrize("model", [MODEL, CLAUDE, LITE])
def test_a_missing_sdk_is_named_with_what_installs_it(tmp_path: Path, model: str) -> None:
    package = {MODEL: "openai", CLAUDE: "anthropic", LITE: "litellm"}[model]
    shim = tmp_path / "shim"
    shim.mkdir()
    (shim / "sitecustomize.py").write_text(
        "import sys\n\n\nclass Hidden:\n    def find_spec(self, name, path=None, target=None):\n"
        f"        if name.partition('.')[0] == {package!r}:\n"
        f"            raise ModuleNotFoundError(f'No module named {{name!r}}', name=name)\n\n\n"
        "sys.meta_path.insert(0, Hidden())\n"
    )
    words = run_words(write_config(tmp_path, unreachable()), models=(model,))
    done = hurried(*words, cwd=tmp_path, PYTHONPATH=str(shim))
    assert done.code == 2, done.err
    assert package in done.complaint()
    assert "pip install" in done.complaint()


def test_a_server_that_is_down_ends_the_run_in_good_order(tmp_path: Path) -> None:
    config = write_config(tmp_path, unreachable(), retries=1)
    done = hurried(*run_words(config, "--max-evaluations", "12"), cwd=tmp_path)
    assert done.code == 2
    assert "evolve resume" in done.complaint()
    assert "has not answered" in done.complaint()
    assert {row["is_final"] for row in rows(tmp_path)} == {0}, "nothing was given up"
    assert all(row["cost_usd"] == 0 for row in rows(tmp_path) if row["status"] == "disconnected")
    with ServerProcess(USUAL) as serving:
        config = write_config(tmp_path, serving.url)
        assert hurried(*run_words(config, "--max-evaluations", "12"), cwd=tmp_path).code == 0


def test_a_server_that_goes_away_in_the_middle_costs_nothing_but_time(whole: Path, tmp_path: Path) -> None:
    slower = msgspec.structs.replace(USUAL, plan=Seeded(1, latency=Latency(0.1, 0.5)))
    with ServerProcess(slower) as serving:
        words = run_words(write_config(tmp_path, serving.url, retries=1), "--max-evaluations", "24")
        process = started(*words, cwd=tmp_path)
        wait_until(lambda: len(serving.report().entries) >= 8, 60, "requests")
        first = serving.report()
    out, err = process.communicate(timeout=60)
    assert process.returncode == 2, out + err
    assert "evolve resume" in err
    with ServerProcess(slower) as serving:
        write_config(tmp_path, serving.url)
        assert hurried(*words, cwd=tmp_path).code == 0
    assert digest(tmp_path) == digest(whole)
    told = {f"req_{entry.request_id}" for entry in first.entries if entry.told}
    recorded = {row["request_id"] for row in rows(tmp_path)}
    assert told <= recorded


def test_ctrl_c_waits_for_the_calls_in_flight(tmp_path: Path) -> None:
    with ServerProcess(SLOW) as serving:
        process = started(*run_words(write_config(tmp_path, serving.url)), cwd=tmp_path)
        wait_until(lambda: serving.report().in_flight >= 6, 60, "calls in flight")
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
        report = serving.report()
    assert process.returncode == 130
    assert "resume m" in err
    assert {row["status"] for row in rows(tmp_path)} == {"ok"}
    check_books(report, rows(tmp_path))


def test_ctrl_c_twice_drops_the_calls_and_a_resume_uses_what_was_answered(
    whole: Path, tmp_path: Path
) -> None:
    with ServerProcess(msgspec.structs.replace(SLOW, plan=Seeded(1, latency=Latency(1.0, 1.0)))) as serving:
        config = write_config(tmp_path, serving.url)
        process = started(*run_words(config, "--max-evaluations", "24"), cwd=tmp_path)
        wait_until(lambda: any(entry.sent for entry in serving.report().entries), 60, "an answer")
        wait_until(lambda: serving.report().in_flight >= 4, 60, "calls in flight")
        for _ in range(2):
            process.send_signal(signal.SIGINT)
            time.sleep(0.3)
        _, err = process.communicate(timeout=20)
        assert process.returncode == 130, err
        before = rows(tmp_path)
        assert {row["status"] for row in before} == {"ok", "lost"}
        first = serving.report()
    check_books(first, before)
    with ServerProcess(USUAL) as serving:
        words = run_words(write_config(tmp_path, serving.url), "--max-evaluations", "24")
        assert hurried(*words, cwd=tmp_path).code == 0
    assert digest(tmp_path) == digest(whole)
    for row in before:
        if row["status"] == "ok":
            where = f"proposal = {row['proposal']} AND call = {row['call']}"
            assert len(rows(tmp_path, f"SELECT 1 FROM llm_call WHERE {where}")) == 1
