"""Runs with models through the real command line, against the loopback server in a process of its own."""

import sqlite3
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

from evolve.archive.digest import run_digest
from evolve.archive.engine import open_archive
from evolve.archive.runs import get_run
from evolve.llm.prices import exact
from tests.support import curve
from tests.support.command import Finished, Running, evolve, start
from tests.support.llm_server import Entry, Price, Report

MODEL = "openai/gpt-test"
STRONG = "openai/gpt-strong"
CLAUDE = "anthropic/claude-test"
LITE = "hosted_vllm/lite-test"
MODELS = (MODEL, STRONG, CLAUDE, LITE)
PRICES = {
    "gpt-test": Price(Decimal("1.25"), Decimal(10), Decimal("0.125")),
    "gpt-strong": Price(Decimal(15), Decimal(75), Decimal("1.5")),
    "claude-test": Price(Decimal(3), Decimal(15), Decimal("0.3")),
    "lite-test": Price(Decimal("0.7"), Decimal("2.1"), Decimal("0.7")),
}
"""As the server names the models."""
KEY = "sk-planted-0123456789abcdef"
KEYS = {"OPENAI_API_KEY": KEY, "ANTHROPIC_API_KEY": KEY, "HOSTED_VLLM_API_KEY": KEY}
HURRIED = "tests.support.hurried"
"""The command line with short waits, as a module."""


def write_config(folder: Path, url: str, *lines: str, **endpoint: float) -> Path:
    """A configuration with the prices of all models, in which the server is each provider's.

    `lines` go before the rest; `endpoint` is for each provider.
    """
    bases = {"openai": f"{url}/v1", "anthropic": url, "hosted_vllm": f"{url}/v1"}
    text = [*lines]
    for model in MODELS:
        price = PRICES[model.partition("/")[2]]
        text += [
            f'[prices."{model}"]',
            f"input = {price.input:f}",
            f"output = {price.output:f}",
            f"cached = {price.cached:f}",
        ]
    for name, base in bases.items():
        text += [f"[providers.{name}]", f'api_base = "{base}"']
        text += [f"{key} = {value}" for key, value in endpoint.items()]
    path = folder / "config.toml"
    path.write_text("\n".join([*text, ""]))
    return path


def run_words(config: Path, *words: str | Path, models: Sequence[str] = (MODEL,)) -> list[str]:
    """The words of `evolve run` on the problem `curve`, in the run `m`."""
    chosen = [word for model in models for word in ("--model", model)]
    given = ["run", curve.FOLDER, "--name", "m", "--workers", "1", "--config", config, *chosen, *words]
    return [str(word) for word in given]


def hurried(
    *words: str | Path,
    cwd: Path,
    timeout: float = 90.0,
    also: Mapping[str, str] | None = None,
    **changes: str,
) -> Finished:
    """Run `evolve` with short waits and wait for its end."""
    return evolve(*words, cwd=cwd, timeout=timeout, also=KEYS | dict(also or {}), module=HURRIED, **changes)


def started(*words: str | Path, cwd: Path, **changes: str) -> Running:
    """Start `evolve` with short waits, in a session of its own."""
    return start(*words, cwd=cwd, also=KEYS, module=HURRIED, **changes)


def rows(folder: Path, query: str = "SELECT * FROM llm_call ORDER BY id") -> list[dict[str, Any]]:
    """Rows of the archive in a folder; none where there is no archive yet."""
    file = folder / "evolve.db"
    if not file.exists():
        return []
    with closing(sqlite3.connect(file, timeout=10.0)) as connection:
        connection.row_factory = sqlite3.Row
        try:
            return [dict(row) for row in connection.execute(query)]
        except sqlite3.OperationalError as error:
            if "no such table" in str(error):
                return []
            raise


def digest(folder: Path, run: str = "m") -> str:
    """Of all that a run has committed."""
    archive = open_archive(f"sqlite:///{folder / 'evolve.db'}", create=False)
    try:
        with archive.reading() as connection:
            return run_digest(connection, get_run(connection, run).id)
    finally:
        archive.close()


def replays(folder: Path, run: str = "m") -> bool:
    """Whether the run comes out the same from its record, without keys."""
    done = evolve("replay", run, "--format", "json", cwd=folder, also=dict.fromkeys(KEYS, ""))
    assert done.code in (0, 1), done.err
    return bool(done.json()["identical"])


def known_id(entry: Entry) -> str:
    """What a client calls a request: a header says it, or where litellm is between, the answer's body."""
    if entry.model == "lite-test":
        return f"chatcmpl-{entry.answer_id[:29]}"
    return f"req_{entry.request_id}"


def check_books(report: Report, calls: Sequence[dict[str, Any]]) -> Decimal:
    """Check that server and archive agree on every attempt; what is known to have been spent, in dollars.

    Answers that were sent and are not on record were lost with the process that had asked.
    """
    ended = [row for row in calls if row["status"] != "started"]
    assert len(ended) == len(calls), "an attempt has not been ended"
    finals = Counter((row["proposal"], row["call"]) for row in ended if row["is_final"])
    assert set(finals.values()) <= {1}, "a call has two answers"
    for row in ended:
        if row["is_final"]:
            later = [
                one
                for one in ended
                if (one["proposal"], one["call"]) == (row["proposal"], row["call"])
                and one["attempt"] > row["attempt"]
            ]
            assert later == [], "a call was made again that had been answered"
    by_id: dict[str, dict[str, Any]] = {}
    for row in ended:
        if row["request_id"] is not None:
            assert row["request_id"] not in by_id, "two rows for one answer"
            by_id[row["request_id"]] = row
    lost = [row for row in ended if row["status"] == "lost"]
    assert all(row["cost_usd"] is None for row in lost)
    may_not_have_arrived = [
        row
        for row in ended
        if row["status"] in ("lost", "timeout") or (row["status"], row["cost_usd"]) == ("disconnected", 0)
    ]
    assert len(ended) - len(may_not_have_arrived) <= len(report.entries) <= len(ended)
    told = {known_id(entry): entry for entry in report.entries if entry.told}
    assert set(by_id) <= set(told), "an answer is on record that nobody gave"
    assert len(told.keys() - by_id.keys()) <= len(lost), "an answer is not on record"
    for name, row in by_id.items():
        entry = told[name]
        tokens = (row["tokens_in"], row["tokens_out"], row["tokens_cached"], row["tokens_reasoning"])
        billed = entry.billed
        assert tokens == (billed.input, billed.output, billed.cached, billed.reasoning)
        assert exact(row["cost_usd"]) == PRICES[entry.model].of(billed)
    known = sum((exact(row["cost_usd"]) for row in ended if row["cost_usd"] is not None), Decimal(0))
    answered = (PRICES[told[name].model].of(told[name].billed) for name in by_id)
    assert known == sum(answered, Decimal(0)), "what is known was told"
    unknown = sum((exact(row["reserved_usd"]) for row in ended if row["cost_usd"] is None), Decimal(0))
    untold = (PRICES[one.model].of(one.billed) for one in report.entries if known_id(one) not in by_id)
    assert sum(untold, Decimal(0)) <= unknown, "more may have been billed than is reckoned with"
    return known


def check_evaluated_once(folder: Path) -> None:
    """Check that no program was committed or evaluated twice."""
    programs = rows(folder, "SELECT run_id, hash, count(*) AS n FROM program GROUP BY run_id, hash")
    assert {row["n"] for row in programs} == {1}
    evaluations = rows(
        folder, "SELECT program_id, split, count(*) AS n FROM evaluation GROUP BY program_id, split"
    )
    assert {row["n"] for row in evaluations} == {1}
    outcomes = rows(
        folder,
        "SELECT evaluation_id, instance_id, count(*) AS n FROM outcome GROUP BY evaluation_id, instance_id",
    )
    assert {row["n"] for row in outcomes} == {1}
