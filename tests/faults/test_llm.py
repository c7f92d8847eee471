"""Models that answer late, twice, badly or never, and runs that are killed while they are asked."""

import asyncio
import os
import random
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from evolve import controller
from evolve.config import Budget, Course
from tests.support.llm_server import (
    TRANSIENT,
    Behaviour,
    Fixed,
    Kind,
    Latency,
    ProgramAuthor,
    Script,
    Seeded,
    ServerConfig,
    ServerProcess,
    Share,
    evenly,
)
from tests.support.model_runs import (
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
from tests.support.processes import Process, survivors, tree, wait_until
from tests.support.searches import Constants, searched

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="reads /proc"),
]

EVALUATIONS = 40
LENGTH = ("--max-evaluations", str(EVALUATIONS))
AUTHOR = ProgramAuthor(1, bad_share=0.2)
USUAL = ServerConfig(plan=Seeded(1), responder=AUTHOR)
TROUBLED = ServerConfig(plan=Seeded(4, evenly(0.2, *TRANSIENT), Latency(0.1, 0.8)), responder=AUTHOR)
BAD_ANSWERS = (Kind.EMPTY, Kind.REFUSED, Kind.FILTERED, Kind.LENGTH, Kind.DRIP)
NEVER = Share(0.03, Behaviour(Kind.HANG))


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The digest of the run when every answer comes at once."""
    folder = tmp_path_factory.mktemp("undisturbed")
    with ServerProcess(USUAL) as server:
        done = hurried(*run_words(write_config(folder, server.url), *LENGTH), cwd=folder)
    assert done.code == 0, done.err
    return digest(folder)


def kill_while_asking(words: list[str], folder: Path, server: ServerProcess, moments: random.Random) -> bool:
    """Start, and kill the controller or its whole group while calls are in flight; False where it ended."""
    process = started(*words, cwd=folder)
    family: list[Process] = []
    before = len(server.report().entries)
    wait_until(
        lambda: process.poll() is not None or len(server.report().entries) > before, 90, "a call of a model"
    )
    time.sleep(moments.uniform(0.0, 0.7))
    going = process.poll() is None
    if going:
        family = tree(process.pid)
        if moments.random() < 0.5:
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
    out, err = process.communicate(timeout=60)
    assert going or process.returncode == 0, out + err
    assert survivors(family) == []
    return going


@pytest.mark.parametrize("count", [6, pytest.param(60, marks=pytest.mark.benchmark)])
def test_killed_with_calls_in_flight_at_random_moments(tmp_path: Path, undisturbed: str, count: int) -> None:
    moments = random.Random(count)
    kills = runs = lost = 0
    while kills < count:
        folder = tmp_path / str(runs)
        folder.mkdir()
        runs += 1
        with ServerProcess(TROUBLED) as server:
            words = run_words(write_config(folder, server.url), *LENGTH, "--workers", "2")
            while kills < count and kill_while_asking(words, folder, server, moments):
                kills += 1
            done = hurried(*words, cwd=folder)
            assert done.code == 0, done.err
            report = server.report()
        assert digest(folder) == undisturbed
        calls = rows(folder)
        check_books(report, calls)
        check_evaluated_once(folder)
        lost += sum(row["status"] == "lost" for row in calls)
    assert lost > 0, "the kills came in the middle"
    print(
        f"\n{kills} kills with calls in flight, {lost} attempts lost, {runs} runs: every digest is the same"
    )


def test_answers_that_come_late_and_out_of_order_change_nothing(tmp_path: Path, undisturbed: str) -> None:
    late = ServerConfig(plan=Seeded(2, latency=Latency(0.05, 1.5)), responder=AUTHOR)
    with ServerProcess(late) as server:
        words = run_words(write_config(tmp_path, server.url), *LENGTH, "--workers", "4")
        assert hurried(*words, cwd=tmp_path).code == 0
    finished = rows(tmp_path, "SELECT proposal FROM llm_call ORDER BY started_at, id")
    assert len(finished) > EVALUATIONS
    assert digest(tmp_path) == undisturbed


def test_answers_that_are_troubled_on_the_way_change_nothing(tmp_path: Path, undisturbed: str) -> None:
    with ServerProcess(TROUBLED) as server:
        words = run_words(write_config(tmp_path, server.url), *LENGTH)
        assert hurried(*words, cwd=tmp_path).code == 0
        report = server.report()
    assert digest(tmp_path) == undisturbed
    check_books(report, rows(tmp_path))
    assert len({row["status"] for row in rows(tmp_path)}) >= 4


def test_bad_answers_and_none_at_all(tmp_path: Path) -> None:
    faults = (*evenly(0.4, *BAD_ANSWERS), *evenly(0.1, *TRANSIENT), NEVER)
    with ServerProcess(ServerConfig(plan=Seeded(3, faults), responder=AUTHOR)) as server:
        words = run_words(write_config(tmp_path, server.url, timeout=1.5), *LENGTH)
        done = hurried(*words, cwd=tmp_path)
        assert done.code == 0, done.err
        report = server.report()
    calls = rows(tmp_path)
    check_books(report, calls)
    check_evaluated_once(tmp_path)
    assert {"ok", "empty", "refused", "cut_off", "timeout"} <= {row["status"] for row in calls}
    assert all(row["cost_usd"] is None for row in calls if row["status"] == "timeout")
    assert replays(tmp_path)


@pytest.mark.parametrize("kind", [Kind.EMPTY, Kind.REFUSED, Kind.LENGTH])
def test_a_model_that_never_gives_a_good_answer_costs_no_more_than_its_budget(
    tmp_path: Path, kind: Kind
) -> None:
    plan = Script(then=Behaviour(kind))
    with ServerProcess(ServerConfig(plan=plan, responder=AUTHOR)) as server:
        config = write_config(tmp_path, server.url, '[models."openai/gpt-test"]', "max_output_tokens = 1000")
        done = hurried(*run_words(config, "--max-cost", "0.05", "--format", "json"), cwd=tmp_path)
        assert done.code == 0, done.err
        report = server.report()
    assert done.json()["reason"] == "max_cost"
    assert done.json()["evaluations"] == 1
    assert check_books(report, rows(tmp_path)) <= 0.05
    statuses = rows(
        tmp_path, "SELECT DISTINCT status FROM proposal WHERE number > 0 AND status != 'selected'"
    )
    assert statuses == [{"status": "no_proposal"}]


@pytest.mark.parametrize("kind", [Kind.MALFORMED, Kind.HANG])
def test_a_model_that_answers_nobody_ends_the_run_and_nothing_is_given_up(tmp_path: Path, kind: Kind) -> None:
    with ServerProcess(ServerConfig(plan=Script(then=Behaviour(kind)), responder=AUTHOR)) as server:
        words = run_words(write_config(tmp_path, server.url, retries=1, timeout=0.4), *LENGTH)
        done = hurried(*words, cwd=tmp_path)
        report = server.report()
    assert done.code == 2
    assert "evolve resume" in done.complaint()
    calls = rows(tmp_path)
    assert {row["is_final"] for row in calls} == {0}
    assert all(row["cost_usd"] is None for row in calls), "all of it may have been billed"
    check_books(report, calls)


def test_the_same_answer_to_everybody_is_evaluated_once(tmp_path: Path) -> None:
    program = (
        "def answer(x: float) -> float:\n    # EVOLVE-BLOCK-START\n    return x * x\n    # EVOLVE-BLOCK-END\n"
    )
    same = Fixed(f"IDEA: squares\n\n```python\n{program}```\n")
    with ServerProcess(ServerConfig(plan=Seeded(1, latency=Latency(0.05, 0.5)), responder=same)) as server:
        config = write_config(tmp_path, server.url, '[models."openai/gpt-test"]', "max_output_tokens = 1000")
        words = run_words(config, "--operators", "rewrite", "--max-cost", "0.08", "--format", "json")
        done = hurried(*words, cwd=tmp_path)
    assert done.code == 0, done.err
    assert done.json()["evaluations"] == 2
    statuses = rows(tmp_path, "SELECT status, count(*) AS n FROM proposal GROUP BY 1 ORDER BY 1")
    found = {row["status"]: row["n"] for row in statuses}
    assert found["accepted"] == 2
    assert found["duplicate"] >= 12
    assert found.keys() - {"no_proposal"} == {"accepted", "duplicate", "selected"}
    check_evaluated_once(tmp_path)
    assert replays(tmp_path)


def test_time_is_up_while_a_model_says_nothing(tmp_path: Path) -> None:
    with ServerProcess(ServerConfig(plan=Script(then=Behaviour(Kind.HANG)), responder=AUTHOR)) as server:
        words = run_words(write_config(tmp_path, server.url), "--max-time", "1s", "--format", "json")
        began = time.monotonic()
        done = hurried(*words, cwd=tmp_path, HURRIED_GRACE_S="1")
        assert time.monotonic() - began < 60
    assert done.code == 0, done.err
    assert done.json()["reason"] == "max_time"
    assert {(row["status"], row["cost_usd"]) for row in rows(tmp_path)} == {("lost", None)}


async def never(number: int) -> None:
    """Proposal 7 is never answered."""
    if number == 7:
        await asyncio.Event().wait()


@pytest.fixture
def short_grace(monkeypatch: pytest.MonkeyPatch) -> Iterator[float]:
    monkeypatch.setattr(controller, "GRACE_S", 0.5)
    yield 0.5


def test_an_operator_that_never_answers_holds_nobody_up_for_longer_than_the_grace(
    tmp_path: Path, short_grace: float
) -> None:
    course, url = Course(operators={"constants": 1.0}, lag=4), f"sqlite:///{tmp_path / 'evolve.db'}"
    began = time.monotonic()
    ended = asyncio.run(searched(url, [Constants(never)], course, Budget(max_time=0.5)))
    assert time.monotonic() - began < 20
    assert ended.reason == "max_time"
    assert ended.numbers == list(range(7))
    went_on = asyncio.run(searched(url, [Constants()], course, Budget(max_evaluations=20)))
    whole = f"sqlite:///{tmp_path / 'whole.db'}"
    undisturbed = asyncio.run(searched(whole, [Constants()], course, Budget(max_evaluations=20)))
    assert went_on.digest == undisturbed.digest
