"""Five hundred proposals by a troubled model, every one accounted for; and what a call costs the client."""

import contextlib
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from evolve.llm.prices import exact
from tests.support.llm_server import (
    TRANSIENT,
    Fixed,
    Latency,
    Metering,
    ProgramAuthor,
    Seeded,
    ServerConfig,
    ServerProcess,
    evenly,
)
from tests.support.model_runs import (
    KEYS,
    PRICES,
    check_books,
    check_evaluated_once,
    digest,
    hurried,
    known_id,
    replays,
    rows,
    run_words,
    started,
    write_config,
)
from tests.support.processes import survivors, tree

pytestmark = [
    pytest.mark.benchmark,
    pytest.mark.skipif(sys.platform != "linux", reason="sets the affinity of processes"),
]
ROOT = Path(__file__).resolve().parents[2]
PROPOSALS, FAULTS = 500, 0.2
TROUBLED = ServerConfig(
    plan=Seeded(7, evenly(FAULTS, *TRANSIENT), Latency(0.1, 0.6)),
    responder=ProgramAuthor(7, bad_share=0.1),
    metering=Metering(cached_share=0.5, reasoning=60),
)
IN_FLIGHT = 64
LATENCY_S = 2.0


def test_every_call_of_500_proposals_is_accounted_for(tmp_path: Path) -> None:
    """Killed with SIGKILL at about a half, and repeated from the record."""
    with ServerProcess(TROUBLED) as server:
        words = run_words(write_config(tmp_path, server.url), "--max-evaluations", "500", "--format", "json")
        killed = killed_at(words, tmp_path, PROPOSALS // 2)
        done = hurried(*words, cwd=tmp_path, timeout=1200)
        assert done.code == 0, done.err
        report = server.report()
    calls = rows(tmp_path)
    assert done.json()["proposals"] >= PROPOSALS
    known = check_books(report, calls)
    check_evaluated_once(tmp_path)
    assert done.json()["cost_usd"] == float(known)
    by_id = {row["request_id"] for row in calls if row["request_id"] is not None}
    told = sum(
        (PRICES[one.model].of(one.billed) for one in report.entries if known_id(one) in by_id), Decimal(0)
    )
    billed = report.cost_usd(PRICES)
    unknown = sum((exact(row["reserved_usd"]) for row in calls if row["cost_usd"] is None), Decimal(0))
    assert known == told
    assert known <= billed <= known + unknown
    assert all(row["n"] == 1 for row in finals_of_committed(tmp_path))
    statuses = Counter(row["status"] for row in calls)
    assert statuses["lost"] > 0, "the kill came in the middle"
    assert replays(tmp_path)
    faulty = sum(not entry.told for entry in report.entries) / len(report.entries)
    print(
        f"\n{done.json()['proposals']} proposals, {done.json()['evaluations']} evaluations, none twice;"
        f" {len(report.entries)} requests, {faulty:.0%} of them with a fault; killed at proposal {killed}"
        f"\nattempts on record: {dict(statuses)}"
        f"\ncost on record {known} $, the server's bill for the same answers {told} $ (difference"
        f" {known - told}); billed in all {billed} $, at most {known + unknown} $ by the record"
        f"\ndigest {digest(tmp_path)}, the replay's the same"
    )


def killed_at(words: list[str], folder: Path, number: int) -> int:
    """Start, and kill the whole group soon after that proposal was committed; which one was the last then."""
    process = started(*words, cwd=folder)
    while committed(folder) < number:
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)
    time.sleep(random.Random(number).uniform(0.0, 0.1))
    family = tree(process.pid)
    os.killpg(process.pid, 9)
    process.communicate()
    assert survivors(family) == []
    return committed(folder)


def committed(folder: Path) -> int:
    found = rows(folder, "SELECT max(number) AS n FROM strategy_state")
    return -1 if not found or found[0]["n"] is None else int(found[0]["n"])


def finals_of_committed(folder: Path) -> list[dict[str, int]]:
    """How many final attempts each call of a committed proposal has."""
    return rows(
        folder,
        "SELECT sum(is_final) AS n FROM llm_call JOIN proposal ON proposal.number = llm_call.proposal"
        " AND proposal.run_id = llm_call.run_id WHERE proposal.status != 'selected'"
        " GROUP BY llm_call.proposal, llm_call.call",
    )


def test_killed_runs_end_with_the_digest_of_one_that_was_not(tmp_path: Path) -> None:
    digests = []
    for moments in ((), (60,), (20, 90)):
        folder = tmp_path / str(len(moments))
        folder.mkdir()
        with ServerProcess(msgspec.structs.replace(TROUBLED, metering=Metering())) as server:
            words = run_words(write_config(folder, server.url), "--max-evaluations", "120")
            for moment in moments:
                killed_at(words, folder, moment)
            assert hurried(*words, cwd=folder, timeout=600).code == 0
            check_books(server.report(), rows(folder))
        digests.append(digest(folder))
        shutil.rmtree(folder)
    assert len(set(digests)) == 1
    print(f"\nkilled never, once and twice: {digests}")


class Asked(msgspec.Struct, frozen=True):
    """What it took to ask so many things."""

    calls: int
    cpu_seconds: float
    seconds: float
    """From the first request's start to the last one's end."""
    most_in_flight: int


def asked(folder: Path, proposals: int, latency: float) -> Asked:
    """Ask with so many proposals in a process on one core; the server has another one, if there is one."""
    file = folder / f"{proposals}-{latency}.db"
    plan = Seeded(1, latency=Latency(latency))
    with ServerProcess(ServerConfig(plan=plan, responder=Fixed("word " * 300))) as server:
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(server.pid, {cores[-1]})
        words = [sys.executable, "-m", "tests.evolve.llm.asking", str(file), server.url]
        process = subprocess.Popen(
            [*words, str(proposals), str(IN_FLIGHT)],
            cwd=ROOT,
            env={**os.environ, **KEYS},
            preexec_fn=lambda: os.sched_setaffinity(0, {cores[0]}),  # noqa: PLW1509 - no threads here
        )
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        assert process.returncode == 0
        report = server.report()
    with contextlib.closing(sqlite3.connect(file)) as connection:
        (ended,) = connection.execute(
            "SELECT count(*) FROM llm_call WHERE status IN ('ok', 'cut_off') AND is_final"
        ).fetchone()
    assert ended == len(report.entries)
    times = [(one.started_s, one.ended_s) for one in report.entries if one.ended_s is not None]
    seconds = max(end for _, end in times) - min(start for start, _ in times)
    return Asked(ended, used.ru_utime + used.ru_stime, seconds, report.max_in_flight)


def test_64_requests_in_flight_on_one_core(tmp_path: Path) -> None:
    """Checked is CPU time; the rate is printed beside its limit, for other work on the machine lowers it."""
    few, many = asked(tmp_path, 32, LATENCY_S), asked(tmp_path, 320, LATENCY_S)
    fast = asked(tmp_path, 640, 0.2)
    ms = 1000 * (many.cpu_seconds - few.cpu_seconds) / (many.calls - few.calls)
    ms_fast = 1000 * (fast.cpu_seconds - few.cpu_seconds) / (fast.calls - few.calls)
    rate = (many.calls - IN_FLIGHT) / (many.seconds - LATENCY_S)
    bound = IN_FLIGHT / LATENCY_S
    rate_fast = (fast.calls - IN_FLIGHT) / (fast.seconds - 0.2)
    print(
        f"\n64 in flight on one core, latency {LATENCY_S:g} s: {ms:.1f} CPU ms a call, {rate:.1f} calls/s,"
        f" {rate / bound:.1%} of the {bound:g} that the latency allows; most at the same time"
        f" {many.most_in_flight}; the machine's load was {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
        f"\nlatency 0.2 s: {ms_fast:.1f} CPU ms a call, {rate_fast:.1f} calls/s of {IN_FLIGHT / 0.2:g} that"
        f" the latency and {1000 / ms_fast:.0f} that the core allows"
    )
    assert many.most_in_flight == IN_FLIGHT
    assert ms * bound < 500, "half a core is enough for them"
