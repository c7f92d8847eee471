"""What the engine costs per proposal, and how well it overlaps waiting for a model with evaluating.

Rates and times are set beside a limit that is measured in the same run.
"""

import asyncio
import contextlib
import gc
import hashlib
import os
import resource
import shutil
import sqlite3
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
import pytest

from evolve.config import Budget, Course
from evolve.execution.base import Executor, ExecutorSettings
from evolve.execution.isolation import IsolationLevel
from evolve.execution.local import LocalExecutor
from evolve.loading import LoadedProblem
from evolve.observer import Committed
from evolve.operators.base import Draft, Request, Role
from evolve.problem import Outcome, Split
from evolve.randomness import stream
from tests.support import curve
from tests.support.command import arguments, environment
from tests.support.processes import tree
from tests.support.searches import InProcessExecutor, Watcher, load_curve, opened_search, source_of

pytestmark = [
    pytest.mark.benchmark,
    pytest.mark.skipif(sys.platform != "linux", reason="reads /proc"),
]
MANY = 100_000
WARM_UP, MEASURED, ROUNDS = 100, 600, 3
LLM_S, EVALUATION_S, IN_FLIGHT, WORKERS = 2.0, 0.5, 8, 2
SIGMA = 0.6
COURSE = Course(operators={"constants": 1.0})


class NewConstant:
    """The trivial operator: a new constant program each time."""

    name = "constants"
    role = Role.ORDINARY
    needs_model = False

    async def propose(self, request: Request) -> Draft:
        return Draft(source_of(f"1.0 + {request.number}"))


class Marks(Watcher):
    """Calls a function when certain numbers of evaluations have been committed, and keeps what it returns."""

    def __init__(self, measure: Callable[[], float], *marks: int) -> None:
        super().__init__()
        self.found: list[float] = []
        self._measure = measure
        self._marks = marks

    def committed(self, event: Committed) -> None:
        if event.evaluations in self._marks[len(self.found) :][:1]:
            self.found.append(self._measure())


def problem_copy(folder: Path, *changes: tuple[str, str]) -> LoadedProblem:
    """The problem `curve` with one instance to a split, and further changes to its text."""
    shutil.copytree(curve.FOLDER, folder)
    text = (folder / "problem.py").read_text()
    for old, new in (("range(start, start + 3)", "range(start, start + 1)"), *changes):
        assert old in text
        text = text.replace(old, new)
    (folder / "problem.py").write_text(text)
    return load_curve(folder)


def tree_cpu_seconds() -> float:
    """CPU time of this process, its descendants, and the candidates that the zygotes have waited for."""
    others = tree(os.getpid())[1:]
    return time.process_time() + sum(one.cpu_seconds for one in others)


async def evolved(url: str, loaded: LoadedProblem, evaluations: int, marks: Marks) -> None:
    """Search for so many evaluations more than there are, on real workers with real sandboxes."""
    executor = await LocalExecutor.start(ExecutorSettings(loaded.reference, WORKERS, None))
    try:
        with opened_search(url, executor, loaded, COURSE) as search:
            await search.judge.prepare(Split.TRAIN)
            budget = Budget(max_evaluations=evaluations)
            await search.controller([NewConstant()], COURSE, budget, marks).run()
    finally:
        await executor.close()


def ms_per_proposal(url: str, loaded: LoadedProblem, before: int) -> float:
    """CPU milliseconds of everything, over `MEASURED` proposals."""
    begin, end = before + WARM_UP, before + WARM_UP + MEASURED
    marks = Marks(tree_cpu_seconds, begin, end)
    asyncio.run(evolved(url, loaded, end + 20, marks))
    return 1000 * (marks.found[1] - marks.found[0]) / MEASURED


def enlarge(file: Path, count: int) -> None:
    """Put so many programs with their evaluations before the proposals that wait."""
    with contextlib.closing(sqlite3.connect(file)) as db:
        db.execute("PRAGMA foreign_keys = OFF")
        (run,) = db.execute("SELECT id FROM run WHERE kind = 'search'").fetchone()
        (last,) = db.execute("SELECT number FROM strategy_state").fetchone()
        (parent,) = db.execute("SELECT hash FROM program WHERE run_id = ? LIMIT 1", (run,)).fetchone()
        (program,) = db.execute("SELECT max(id) FROM program").fetchone()
        (evaluation,) = db.execute("SELECT max(id) FROM evaluation").fetchone()
        (instance,) = db.execute("SELECT id FROM instance WHERE split = 'train' LIMIT 1").fetchone()
        waiting = db.execute("SELECT number FROM proposal WHERE status = 'selected' ORDER BY number DESC")
        for (number,) in waiting.fetchall():
            db.execute("UPDATE proposal SET number = ? WHERE number = ?", (number + count, number))
        db.execute("UPDATE strategy_state SET number = number + ?", (count,))
        new = range(1, count + 1)
        db.executemany(
            "INSERT INTO program (id, run_id, hash, baseline, source) VALUES (?, ?, ?, NULL, ?)",
            (
                (program + n, run, hashlib.sha256(str(n).encode()).hexdigest()[:32], source_of(f"-{n}"))
                for n in new
            ),
        )
        db.executemany(
            "INSERT INTO evaluation (id, program_id, split, status, score, cpu_seconds, isolation)"
            " VALUES (?, ?, 'train', 'ok', 0.1, 0.001, 'full')",
            ((evaluation + n, program + n) for n in new),
        )
        db.executemany(
            "INSERT INTO outcome (evaluation_id, instance_id, status, value, score, cpu_seconds)"
            " VALUES (?, ?, 'ok', 40.0, 0.1, 0.001)",
            ((evaluation + n, instance) for n in new),
        )
        db.executemany(
            "INSERT INTO proposal (run_id, number, status, operator, parents, inspirations, context,"
            " seen, improvement, program_id, committed_at) VALUES (?, ?, 'not_better', 'constants', ?, '[]',"
            " '{\"island\": 0}', ?, 0.0, ?, '2026-01-01 00:00:00.000000')",
            ((run, last + n, f'["{parent}"]', last + n - 1, program + n) for n in new),
        )
        db.commit()


@pytest.fixture(scope="module")
def archives(tmp_path_factory: pytest.TempPathFactory) -> tuple[LoadedProblem, Path, Path]:
    """The problem, an archive with hardly anything, and one with 100,000 programs."""
    folder = tmp_path_factory.mktemp("engine")
    loaded = problem_copy(folder / "problem")
    small, large = folder / "small.db", folder / "large.db"
    asyncio.run(evolved(f"sqlite:///{small}", loaded, 20, Marks(time.monotonic)))
    shutil.copy(small, large)
    enlarge(large, MANY)
    return loaded, small, large


def test_cpu_per_proposal_and_with_a_large_archive(archives: tuple[LoadedProblem, Path, Path]) -> None:
    loaded, small, large = archives
    figures: dict[Path, list[float]] = {small: [], large: []}
    for turn in range(ROUNDS):
        for file, before in ((small, 20), (large, 20 + MANY)):
            done = before + turn * (WARM_UP + MEASURED + 20)
            figures[file].append(ms_per_proposal(f"sqlite:///{file}", loaded, done))
    few, many = (statistics.median(found) for found in figures.values())
    print(
        f"\nCPU per proposal, everything included: {few:.2f} ms {[round(x, 2) for x in figures[small]]};"
        f" with {MANY} programs in the archive {many:.2f} ms {[round(x, 2) for x in figures[large]]},"
        f" ratio {many / few:.2f}"
    )
    assert few <= 6.0
    assert many / few <= 1.2


class NothingToDo(InProcessExecutor):
    """Answers at once, so that what grows is the controller's."""

    async def submit(self, source: str, split: Split, instances: Sequence[str]) -> list[Outcome]:
        return [Outcome(instance=name, value=4.0 + len(source)) for name in instances]


def resident_bytes() -> float:
    """Of this process, after the collection of garbage."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def print_growth(url: str, folder: str, before: int, first: int, last: int) -> None:
    """Bytes per program between two numbers of evaluations; run in a process of its own."""
    loaded = load_curve(Path(folder))
    marks = Marks(resident_bytes, before + first, before + last)

    async def inside() -> None:
        with opened_search(url, NothingToDo(loaded), loaded, COURSE) as search:
            await search.judge.prepare(Split.TRAIN)
            budget = Budget(max_evaluations=before + last)
            await search.controller([NewConstant()], COURSE, budget, marks).run()

    asyncio.run(inside())
    print((marks.found[1] - marks.found[0]) / (last - first), marks.found[0], end="")


def growth(file: Path, loaded: LoadedProblem, before: int, first: int, last: int) -> tuple[float, float]:
    script = "import sys; from tests.benchmarks.test_engine import print_growth as p; a = sys.argv;"
    script += " p(a[1], a[2], *map(int, a[3:]))"
    words = [f"sqlite:///{file}", str(loaded.folder), str(before), str(first), str(last)]
    done = subprocess.run(
        [sys.executable, "-c", script, *words],
        cwd=Path(__file__).resolve().parents[2],
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert done.returncode == 0, done.stderr
    per_program, resident = map(float, done.stdout.split())
    return per_program, resident


def test_memory_per_program(archives: tuple[LoadedProblem, Path, Path], tmp_path: Path) -> None:
    loaded, _, large = archives
    file = tmp_path / "memory.db"
    while_running, few = growth(file, loaded, 0, 1500, 5500)
    done = sqlite3.connect(large).execute("SELECT count(*) FROM program WHERE baseline IS NULL").fetchone()[0]
    _, many = growth(large, loaded, done, 20, 30)
    loading = (many - few) / (done - 1500)
    print(
        f"\ncontroller memory: {while_running:.0f} bytes per program while running,"
        f" {loading:.0f} bytes per program when it goes on with {done} programs"
    )
    assert while_running < 4096
    assert loading < 4096


# --- Overlap ----------------------------------------------------------------------------------------------


class FakeModel:
    """Answers after a latency; at most `IN_FLIGHT` requests at a time, as a provider allows."""

    name = "constants"
    role = Role.ORDINARY
    needs_model = False

    def __init__(self, latency: Callable[[int], float]) -> None:
        self._latency = latency
        self._slots = asyncio.Semaphore(IN_FLIGHT)

    async def propose(self, request: Request) -> Draft:
        async with self._slots:
            await asyncio.sleep(self._latency(request.number))
        return Draft(busy_source(request.number))


def busy_source(number: int) -> str:
    """A program that keeps a worker busy for `EVALUATION_S`.

    It sleeps, so that what else this machine does is not measured; to the controller that is the same.
    """
    body = f"    import time\n    time.sleep({EVALUATION_S})\n    return 1.0 + {number}"
    return f"def answer(x: float) -> float:\n    # EVOLVE-BLOCK-START\n{body}\n    # EVOLVE-BLOCK-END\n"


class Timed:
    """Another executor, with the moments at which its evaluations were finished."""

    def __init__(self, inner: Executor) -> None:
        self.finished: list[float] = []
        self._inner = inner

    @classmethod
    async def start(cls, settings: ExecutorSettings) -> "Timed":
        return cls(await LocalExecutor.start(settings))

    @property
    def isolation(self) -> IsolationLevel:
        return self._inner.isolation

    async def submit(self, source: str, split: Split, instances: Sequence[str]) -> list[Outcome]:
        outcomes = await self._inner.submit(source, split, instances)
        if "sleep" in source:
            self.finished.append(time.monotonic())
        return outcomes

    async def close(self) -> None:
        await self._inner.close()

    def rate(self, first: int, last: int) -> float:
        """Evaluations per second between the two."""
        return (last - first) / (self.finished[last] - self.finished[first])


def fixed(_: int) -> float:
    return LLM_S


def log_normal(number: int) -> float:
    """Latencies with a mean of `LLM_S`."""
    return LLM_S * stream(1, "latency", number).lognormvariate(-SIGMA * SIGMA / 2, SIGMA)


async def cpu_bound(loaded: LoadedProblem) -> float:
    """Evaluations per second, back to back, without a model."""
    executor = await Timed.start(ExecutorSettings(loaded.reference, WORKERS, None))
    try:
        await asyncio.gather(
            *(executor.submit(busy_source(n), Split.TRAIN, ("x1",)) for n in range(WORKERS * 9))
        )
        return executor.rate(WORKERS - 1, WORKERS * 9 - 1)
    finally:
        await executor.close()


async def overlapped(
    url: str, loaded: LoadedProblem, lag: int, latency: Callable[[int], float], first: int, last: int
) -> float:
    """Evaluations per second of a search with a model."""
    executor = await Timed.start(ExecutorSettings(loaded.reference, WORKERS, None))
    course = msgspec.structs.replace(COURSE, lag=lag)
    try:
        with opened_search(url, executor, loaded, course) as search:
            await search.judge.prepare(Split.TRAIN)
            budget = Budget(max_evaluations=last + lag)
            controller = search.controller([FakeModel(latency)], course, budget)
            await controller.run()
        return executor.rate(first, last)
    finally:
        await executor.close()


def test_overlap_with_a_model(tmp_path: Path) -> None:
    """All at once: they only wait."""
    loaded = problem_copy(tmp_path / "problem")
    latencies: dict[str, Callable[[int], float]] = {"fixed": fixed, "log-normal": log_normal}
    plans = [(name, factor * IN_FLIGHT) for name in latencies for factor in (1, 2, 3)]

    async def inside() -> tuple[float, list[float]]:
        bound = await cpu_bound(loaded)
        searches = (
            overlapped(f"sqlite:///{tmp_path}/{name}-{lag}.db", loaded, lag, latencies[name], 20, 120)
            for name, lag in plans
        )
        return bound, await asyncio.gather(*searches)

    evaluating, rates = asyncio.run(inside())
    bound = min(IN_FLIGHT / LLM_S, evaluating)
    print(f"\nmodel {IN_FLIGHT / LLM_S:.2f}/s, {WORKERS} workers {evaluating:.2f}/s; evaluations per second:")
    shares = {}
    for (name, lag), rate in zip(plans, rates, strict=True):
        shares[name, lag] = rate / bound
        print(f"  {name} latency, lag {lag}: {rate:.2f}/s, {100 * rate / bound:.0f} %")
    assert shares["fixed", 2 * IN_FLIGHT] >= 0.95
    assert shares["log-normal", 3 * IN_FLIGHT] >= 0.85


# --- The command line -------------------------------------------------------------------------------------


def test_start_to_first_evaluation(tmp_path: Path) -> None:
    stamp = tmp_path / "stamps"
    line = "        x = instance.payload\n"
    note = f"        open({str(stamp)!r}, 'a').write(f'{{time.monotonic()}} ')\n"
    start = "from collections.abc import Sequence\n"
    loaded = problem_copy(tmp_path / "problem", (line, line + note), (start, "import time\n" + start))
    taken = []
    for turn in range(7):
        stamp.write_text("")
        started = time.monotonic()
        words = ("run", loaded.folder, "--name", str(turn), "--seed", str(turn), "--max-evaluations", "2")
        command = arguments(*words, "--archive", f"sqlite:///{tmp_path}/{turn}.db")
        subprocess.run(command, cwd=tmp_path, env=environment(), capture_output=True, check=True)
        taken.append(float(stamp.read_text().split()[0]) - started)
    median, best = statistics.median(taken), min(taken)
    print(f"\nstart to first evaluation: median {median:.2f} s, best {best:.2f} s (wall)")
    assert min(taken) < 1.0


def test_help(tmp_path: Path) -> None:
    wall, cpu = [], []
    for _ in range(9):
        started, used = time.monotonic(), children_cpu_seconds()
        subprocess.run(arguments("--help"), cwd=tmp_path, env=environment(), capture_output=True, check=True)
        wall.append(time.monotonic() - started)
        cpu.append(children_cpu_seconds() - used)
    print(
        f"\nevolve --help: median {statistics.median(wall):.3f} s wall, {statistics.median(cpu):.3f} s CPU,"
        f" best {min(wall):.3f} s wall"
    )
    assert statistics.median(cpu) < 0.3


def children_cpu_seconds() -> float:
    """Of the children that have been waited for."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
