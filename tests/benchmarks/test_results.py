"""What it costs to look at an archive of 100,000 programs: `watch`, `report`, `plot`, `lineage`."""

import asyncio
import datetime
import os
import random
import resource
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, insert, update

from evolve.archive.engine import open_archive
from evolve.archive.models import (
    Evaluation,
    Lease,
    LlmCall,
    Outcome,
    Program,
    Proposal,
    Run,
    StrategyState,
    table_of,
)
from evolve.config import Budget, Course
from evolve.judging import Judge
from evolve.problem import Split
from tests.support.command import arguments, environment, evolve
from tests.support.searches import Constants, InProcessExecutor, load_curve, opened_search

pytestmark = pytest.mark.benchmark
PROGRAMS = 100_000
WATCHED_S = 40.0
START = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
OPERATORS = ("constants", "expressions", "statements", "edit", "rewrite")
LIMIT_REPORT_S = 30.0
"""Of CPU time: wall time is that of whatever else the machine does, too."""
LIMIT_WATCH_SHARE = 0.02


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """An archive `evolve.db` with a run of so many programs, which somebody works on."""
    folder = tmp_path_factory.mktemp("large")
    asyncio.run(_fill(f"sqlite:///{folder / 'evolve.db'}"))
    size = (folder / "evolve.db").stat().st_size
    print(f"\n{PROGRAMS} programs, {size / 2**20:.0f} MiB")
    yield folder


async def _fill(url: str) -> None:
    loaded = load_curve()
    executor = InProcessExecutor(loaded)
    course = Course(strategy="islands", operators=dict.fromkeys(OPERATORS, 1.0))
    with opened_search(url, executor, loaded, course, name="large") as search:
        for split in Split:
            await search.judge.prepare(split)
        await search.controller(
            [Constants()], Course(strategy="islands", operators={"constants": 1.0}), Budget(max_evaluations=1)
        ).run()
        with search.archive.writing() as connection:
            _add(connection, search.run.id, search.judge)


def _add(connection: Connection, run_id: int, judge: Judge) -> None:
    """Proposals that climb slowly, each from one of the hundred before it."""
    random_ = random.Random(1)
    instances = judge.instance_keys(Split.TRAIN).values()
    first = 100
    hashes: list[str] = []
    for start in range(0, PROGRAMS, 5000):
        rows: dict[Any, list[dict[str, Any]]] = {
            one: [] for one in (Program, Proposal, Evaluation, Outcome, LlmCall)
        }
        for index in range(start, min(start + 5000, PROGRAMS)):
            number = index + 1000
            score = 1.0 + 0.3 * (1.0 - 2.0 ** (-index / 20_000)) * random_.random() ** 0.1
            parents = [hashes[max(0, len(hashes) - 1 - random_.randrange(100))]] if hashes else []
            hashes.append(f"{random_.getrandbits(128):032x}")
            operator = OPERATORS[index % len(OPERATORS)]
            asked = operator in ("edit", "rewrite")
            key = first + index
            rows[Program].append(
                {"id": key, "run_id": run_id, "hash": hashes[-1], "baseline": None, "skeleton": None}
                | {"source": _source(random_, index)}
            )
            rows[Proposal].append(
                {
                    "run_id": run_id,
                    "number": number,
                    "status": ("accepted", "not_better")[index % 2],
                    "operator": operator,
                    "model": "openai/gpt-test" if asked else None,
                    "parents": parents,
                    "inspirations": [],
                    "context": {"island": index % 3},
                    "seen": number - 12,
                    "reason": None,
                    "idea": "a constant that is a little larger" if asked else None,
                    "improvement": 0.0,
                    "program_id": key,
                    "committed_at": START + datetime.timedelta(seconds=0.1 * index),
                    "seconds": 0.1 * index,
                }
            )
            rows[Evaluation].append(
                {"id": key, "program_id": key, "split": "train", "status": "ok", "score": score}
                | {"cpu_seconds": 0.01, "isolation": "full"}
            )
            rows[Outcome] += [
                {"evaluation_id": key, "instance_id": one, "status": "ok", "value": 3.0 / score}
                | {"score": score, "cpu_seconds": 0.003, "metrics": {"answer": 4.0}, "feedback": None}
                for one in instances
            ]
            if asked:
                rows[LlmCall].append(_call(run_id, number, operator))
        for model, values in rows.items():
            connection.execute(insert(table_of(model)), values)
    members = [{"program": one, "score": 1.2, "signature": one[:16], "size": 300} for one in hashes[-72:]]
    state = {"strategy": {"islands": [members[:24], members[24:48], members[48:]]}}
    connection.execute(
        update(StrategyState).where(StrategyState.run_id == run_id).values(number=number, state=state)
    )
    connection.execute(update(Run).where(Run.id == run_id).values(seconds=0.1 * PROGRAMS))


def _source(random_: random.Random, index: int) -> str:
    lines = "".join(f"    part{place} = {random_.random():.6f} * x + {place}\n" for place in range(12))
    return f"def answer(x: float) -> float:\n{lines}    return part{index % 12} + {index}\n"


def _call(run_id: int, number: int, operator: str) -> dict[str, Any]:
    return {
        "run_id": run_id,
        "proposal": number,
        "call": 0,
        "attempt": 0,
        "operator": operator,
        "model": "openai/gpt-test",
        "status": "ok",
        "is_final": True,
        "prompt_hash": "0" * 64,
        "prompt": [{"role": "user", "content": "what would be better? " * 100}],
        "cut": [],
        "answer": "this would be better " * 20,
        "tokens_in": 500,
        "tokens_out": 100,
        "tokens_cached": 0,
        "tokens_reasoning": 0,
        "reserved_usd": 0.01,
        "reserved_tokens": 1000,
        "cost_usd": 0.001,
        "latency_seconds": 1.0,
        "request_id": f"r{number}",
        "started_at": START,
    }


def _timed(*words: str | Path, cwd: Path) -> tuple[float, float]:
    """Wall and CPU seconds of a command that has to succeed."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    done = evolve(*words, cwd=cwd, timeout=300.0)
    assert done.code == 0, done.err
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return time.monotonic() - started, cpu


def test_report_and_pictures_of_a_large_archive(folder: Path) -> None:
    for words in (
        ("report", "large", "-o", folder / "report"),
        ("report", "large", "-o", folder / "report.md"),
        ("plot", "large", "-o", folder / "plots"),
        ("watch", "large", "--once"),
    ):
        wall, cpu = _timed(*words, cwd=folder)
        print(f"evolve {words[0]} {' '.join(map(str, words[1:-1]))}: {wall:.1f} s, CPU {cpu:.1f} s")
        assert cpu < LIMIT_REPORT_S


def test_watching_a_large_archive_costs_next_to_nothing(folder: Path) -> None:
    """The share of a core from the end of the first look on, while something is committed all the time."""
    archive = open_archive(f"sqlite:///{folder / 'evolve.db'}")
    process = subprocess.Popen(
        arguments("watch", "large"), cwd=folder, env=environment(), stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        first = process.stdout.readline()
        assert "large" in first
        time.sleep(2.0)
        at_first = _cpu_seconds(process.pid)
        number, until = PROGRAMS + 1000, time.monotonic() + WATCHED_S
        began = time.monotonic()
        while time.monotonic() < until:
            with archive.writing() as connection:
                _commit_one(connection, number)
            number += 1
            time.sleep(0.2)
        share = (_cpu_seconds(process.pid) - at_first) / (time.monotonic() - began)
    finally:
        process.kill()
        process.wait()
        archive.close()
    print(f"evolve watch: {100 * share:.2f} % of a core; {at_first:.1f} CPU s until the first look was shown")
    assert share < LIMIT_WATCH_SHARE


def _commit_one(connection: Connection, number: int) -> None:
    run_id = connection.execute(Run.__table__.select().where(Run.name == "large")).one().id
    connection.execute(
        insert(table_of(Proposal)),
        {
            "run_id": run_id,
            "number": number,
            "status": "rejected",
            "operator": "edit",
            "model": "openai/gpt-test",
            "parents": [],
            "inspirations": [],
            "context": {},
            "seen": number - 12,
            "reason": "made up",
            "committed_at": START,
            "seconds": 1.0,
        },
    )
    connection.execute(insert(table_of(LlmCall)), _call(run_id, number, "edit"))
    connection.execute(
        update(Lease).where(Lease.run_id == run_id).values(renewed_at=datetime.datetime.now(datetime.UTC))
    )


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
