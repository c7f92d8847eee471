"""What isolation costs: ratios within one run, or the best of many rounds, as the machine may be shared."""

import os
import signal
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from evolve.execution import isolation_box
from evolve.execution.isolation_box import Box
from evolve.execution.sandbox import Sandbox
from evolve.execution.sandbox_candidate import SandboxedCandidate
from evolve.execution.sandbox_channel import Output
from evolve.execution.sandbox_zygote import Zygote
from evolve.problem import Limits, RecordType, Table
from tests.conformance.test_lifetimes import ROOT, SPINNING, alive, running, thread_descendants

pytestmark = pytest.mark.benchmark
LIMITS = Limits()
TRIVIAL = "def f(): return 1"
START = "import sys; sys.path.insert(0, sys.argv[2]); import os; from sandbox_runner import zygote\n"
BARE = START + "zygote.Zygote._become_candidate = lambda *_: os._exit(0)\nzygote.main()"
"""The same zygote, whose forks end at once."""
UNCONFINED = (
    START + "from sandbox_runner import lockdown\n"
    "def enter(self, descriptors, cpu_ns, memory_bytes):\n"
    "    requests, replies, output = descriptors\n"
    "    os.dup2(output, 1); os.dup2(output, 2); os.dup2(requests, 3); os.dup2(replies, 4)\n"
    "lockdown.Lockdown.enter_candidate = enter\nzygote.main()"
)
"""The same zygote, whose forks run the program without confining themselves."""


@pytest.fixture
def one_core() -> Iterator[None]:
    """Run on one core, as a worker with its candidates does where there is a worker for every core."""
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cores)})
    yield
    os.sched_setaffinity(0, cores)


def show(text: str) -> None:
    """Print a figure past pytest's capture."""
    print(text, file=sys.__stdout__, flush=True)


def quantiles(values: list[float]) -> str:
    low, median, _ = statistics.quantiles(values, n=4)
    return f"min {min(values):.2f}, p25 {low:.2f}, median {median:.2f}"


def other_zygote(code: str, box: Box, monkeypatch: pytest.MonkeyPatch) -> Zygote:
    with monkeypatch.context() as patch:
        patch.setattr(isolation_box, "_BOOTSTRAP", code)
        return Zygote(box)


def milliseconds(action: Callable[[], object]) -> float:
    begun = time.perf_counter()
    action()
    return (time.perf_counter() - begun) * 1e3


@pytest.mark.parametrize("needs_numpy", [False, True])
@pytest.mark.parametrize("way", ["bubblewrap", "own"])
def test_candidate_against_bare_fork(way: str, needs_numpy: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """One candidate, opened, called and closed, beside a fork of the same process, in interleaved pairs."""
    box = Box(way, needs_numpy)
    bare = other_zygote(BARE, box, monkeypatch)
    unconfined = other_zygote(UNCONFINED, box, monkeypatch)
    output = Output(LIMITS.output_bytes)

    def called(candidate: SandboxedCandidate) -> None:
        candidate.call("f")
        candidate.close()

    def opened(zygote: Zygote) -> SandboxedCandidate:
        return SandboxedCandidate(zygote, TRIVIAL, LIMITS, output, 0, lambda: None)

    with Sandbox(needs_numpy=needs_numpy, _namespaces=(way,)) as sandbox:
        actions: dict[str, Callable[[], object]] = {
            "isolated": lambda: called(sandbox.open(TRIVIAL, LIMITS)),
            "same program, unconfined": lambda: called(opened(unconfined)),
            "bare fork": lambda: opened(bare).close(),
        }
        times: dict[str, list[float]] = {name: [] for name in actions}
        for _ in range(400):
            for name, action in actions.items():
                times[name].append(milliseconds(action))
    for zygote in (bare, unconfined):
        zygote.close()
    output.close()
    for name, values in times.items():
        show(f"  {way}, numpy {needs_numpy}, {name}: {quantiles(values)} ms")
    for other in list(actions)[1:]:
        pairs = [a / b for a, b in zip(times["isolated"], times[other], strict=True)]
        best = min(times["isolated"]) / min(times[other])
        ratio = f"median {statistics.median(pairs):.2f}, of minima {best:.2f}"
        show(f"  {way}, numpy {needs_numpy}, isolated / {other}: {ratio}")
    assert min(times["isolated"]) < 3.0


@pytest.mark.parametrize("needs_numpy", [False, True])
def test_steps_and_locksteps(needs_numpy: bool, one_core: None) -> None:
    source = """
class Policy:
    def decide(self, state): return 1
    def pair(self, state): return 1, 2
    def one(self, a, b, c): return 0.5
def trivial(job): return job.a
def shared(job, state): return job.a + state.now
def pair(state, here, prices): return 1, 2
"""
    state = [float(number) for number in range(21)]
    named = {f"field {number}": number for number in range(13)}
    here, prices = [True] * 5, [float(number) for number in range(5)]
    jobs = Table(RecordType("Job", ("a", "b")), np.random.default_rng(0).random((64, 2)))
    fields = tuple("abcdefghijklmno")
    wide = Table(RecordType("Job", fields), np.random.default_rng(0).random((64, 15)))
    node = Table(RecordType("State", (*fields, "now")), np.ones((4, 16)), np.zeros(64, np.int32))
    with (
        Sandbox(needs_numpy=needs_numpy) as sandbox,
        sandbox.open(source, Limits(cpu_seconds=600)) as candidate,
    ):
        candidate.create("Policy")
        actions: dict[str, tuple[int, Callable[[], object]]] = {
            "step, 21 floats -> int": (1, lambda: candidate.step("decide", state)),
            "step, 21 floats -> 2 ints": (1, lambda: candidate.step("pair", state)),
            "step, 3 floats -> float": (1, lambda: candidate.step("one", 1.0, 2.0, 3.0)),
            "call, a mapping of 13 and two lists of 5 -> 2 ints": (
                1,
                lambda: candidate.call("pair", named, here, prices),
            ),
            "lockstep, 64 rows of 2": (64, lambda: candidate.lockstep("trivial", jobs)),
            "lockstep, 64 rows of 15 and a shared row of 16": (
                64,
                lambda: candidate.lockstep("shared", wide, node),
            ),
        }
        for name, (decisions, action) in actions.items():
            rounds = [milliseconds(lambda a=action: [a() for _ in range(500)]) for _ in range(40)]  # type: ignore[misc]
            best, median = 500e3 * decisions / min(rounds), 500e3 * decisions / statistics.median(rounds)
            show(f"  numpy {needs_numpy}, {name}: best {best:,.0f}/s, median {median:,.0f}/s")


@pytest.mark.parametrize("way", ["bubblewrap", "own", "none"])
@pytest.mark.parametrize("needs_numpy", [False, True])
def test_start(way: str, needs_numpy: bool) -> None:
    times = [
        milliseconds(lambda: Sandbox(needs_numpy=needs_numpy, _namespaces=(way,)).close()) for _ in range(8)
    ]
    first = f"first {times[0]:.0f}"
    show(f"  start of a sandbox, {way}, numpy {needs_numpy}: {first}, then {quantiles(times[1:])} ms")


@pytest.mark.parametrize("way", [("bubblewrap",), ("own",), ("none",)])
def test_nothing_is_left_after_kill(way: tuple[str, ...]) -> None:
    """From kill -9 of the evaluator to the end of the last process below it."""
    times = []
    for _ in range(5):
        program = SPINNING.format(root=ROOT, namespaces=way)
        with running(program) as evaluator:
            below = thread_descendants(evaluator.pid)
            begun = time.perf_counter()
            evaluator.send_signal(signal.SIGKILL)
            while alive(below):
                time.sleep(0.001)
            times.append((time.perf_counter() - begun) * 1e3)
    show(f"  kill -9 of the evaluator, {way[0]}: {quantiles(times)} ms until nothing is left")
    assert max(times) < 1000


def test_cpu_seconds_against_the_process_clock() -> None:
    """What is charged for a loop, beside what the loop itself reads from its clock."""
    source = """
import time
def f():
    begun = time.process_time()
    sum(i * i for i in range(500_000))
    return time.process_time() - begun
"""
    ratios = []
    with Sandbox(needs_numpy=False) as sandbox:
        for _ in range(30):
            with sandbox.open(source, LIMITS) as candidate:
                own = candidate.call("f")
            assert isinstance(own, float)
            ratios.append(candidate.usage.cpu_seconds / own)
    show(f"  CPU seconds charged / read by the program: {quantiles(ratios)}")


def test_memory_of_a_zygote() -> None:
    for needs_numpy in (False, True):
        with Sandbox(needs_numpy=needs_numpy, _namespaces=("none",)) as sandbox:
            assert sandbox._zygote is not None
            status = Path(f"/proc/{sandbox._zygote.pid}/status").read_text()
            kib = int(status.partition("RssAnon:")[2].split()[0])
            show(f"  anonymous memory of a zygote, numpy {needs_numpy}: {kib / 1024:.1f} MiB")
