"""Nothing outlives its evaluator, and nothing piles up."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from evolve.execution.isolation import IsolationLevel
from evolve.execution.sandbox import Sandbox
from evolve.problem import CandidateFailure, InfrastructureError, Limits, Status
from tests.conformance.harness import IS_ROOT, Configuration, Driver

WITHIN_S = 1.0
SPINNING = """
import sys, threading
sys.path.insert(0, {root!r})
from evolve.execution.isolation import IsolationLevel
from evolve.execution.sandbox import Sandbox
from evolve.problem import Limits
sandbox = Sandbox(needs_numpy=False, minimum=IsolationLevel.NONE, _namespaces={namespaces!r})
candidate = sandbox.open("def f():\\n    while True: pass", Limits(cpu_seconds=60))
threading.Timer(0.2, lambda: print(sandbox._zygote.pid, flush=True)).start()
candidate.call("f")
"""
WAYS = (("bubblewrap",), ("own",), ("none",))
ROOT = str(Path(__file__).resolve().parents[2])


def descendants(pid: int) -> list[int]:
    """All processes below one, itself excluded."""
    return _children_and_below(Path(f"/proc/{pid}/task/{pid}"))


def _children_and_below(task: Path) -> list[int]:
    try:
        children = (task / "children").read_text().split()
    except (FileNotFoundError, ProcessLookupError):  # it has ended meanwhile
        return []
    return [pid for child in children for pid in (int(child), *descendants(int(child)))]


def thread_descendants(pid: int) -> list[int]:
    """The same where any thread may be the parent."""
    return [found for task in Path(f"/proc/{pid}/task").iterdir() for found in _children_and_below(task)]


def alive(pids: list[int]) -> list[int]:
    """Those that run, or wait to be reaped by someone who does."""
    found = []
    for pid in pids:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            continue
        if state != "Z":
            found.append(pid)
    return found


def assert_gone(pids: list[int]) -> float:
    """Wait for processes to be gone; the seconds that it took."""
    begun = time.monotonic()
    while alive(pids):
        assert time.monotonic() - begun < WITHIN_S, f"still there: {alive(pids)}"
        time.sleep(0.005)
    return time.monotonic() - begun


@contextmanager
def running(program: str) -> "Iterator[subprocess.Popen[bytes]]":
    """An evaluator that has said that it is ready; killed at the end, if it still runs."""
    evaluator = subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stdin=subprocess.PIPE
    )
    assert evaluator.stdout is not None
    assert evaluator.stdin is not None
    try:
        assert evaluator.stdout.readline()
        yield evaluator
    finally:
        evaluator.kill()
        evaluator.communicate()


def check_way(way: tuple[str, ...]) -> None:
    Configuration("here", "full", way, as_user=not IS_ROOT).check_requirements()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_evaluator_killed(way: tuple[str, ...], number: int) -> None:
    check_way(way)
    program = SPINNING.format(root=ROOT, namespaces=way)
    with running(program) as evaluator:
        below = thread_descendants(evaluator.pid)
        assert len(alive(below)) >= 2, "zygote and candidate should run"
        evaluator.send_signal(number)
        evaluator.wait()
        assert_gone(below)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("victim", ["outermost", "innermost zygote"])
def test_zygote_killed(way: tuple[str, ...], victim: str) -> None:
    check_way(way)
    with Sandbox(needs_numpy=False, minimum=IsolationLevel.NONE, _namespaces=way) as sandbox:
        candidate = sandbox.open("def f(x): return x", Limits())
        assert candidate.call("f", 1) == 1
        assert sandbox._zygote is not None
        pid = sandbox._zygote.pid
        below = [pid, *descendants(pid)]
        target = pid if victim == "outermost" else below[-2]
        os.kill(target, signal.SIGKILL)
        with pytest.raises(InfrastructureError, match="zygote is gone"):
            for _ in range(10_000):  # dying takes a moment
                candidate.call("f", 2)
        candidate.close()
        assert_gone(below)
        level = sandbox.report.level
        with sandbox.open("def f(x): return x", Limits()) as another:
            assert another.call("f", 3) == 3
        assert sandbox.report.level is level, "probed again"


def test_zygote_killed_while_no_candidate_is_open() -> None:
    check_way(("own",))
    with Sandbox(needs_numpy=False, _namespaces=("own",)) as sandbox:
        assert sandbox._zygote is not None
        os.kill(sandbox._zygote.pid, signal.SIGKILL)
        time.sleep(0.05)
        with pytest.raises(InfrastructureError):
            sandbox.open("def f(x): return x", Limits()).call("f", 1)
        with sandbox.open("def f(x): return x", Limits()) as candidate:
            assert candidate.call("f", 3) == 3


@pytest.mark.parametrize("way", WAYS)
def test_interpreter_exit_without_close(way: tuple[str, ...]) -> None:
    check_way(way)
    program = SPINNING.format(root=ROOT, namespaces=way).replace('candidate.call("f")', "")
    program = program.replace(
        "threading.Timer(0.2, lambda: print(sandbox._zygote.pid, flush=True)).start()", ""
    )
    program += "print(sandbox._zygote.pid, flush=True)\nsys.stdin.readline()\n"
    with running(program) as evaluator:
        below = thread_descendants(evaluator.pid)
        assert below
        evaluator.communicate(b"\n")
        assert evaluator.returncode == 0
        assert_gone(below)


def test_close_leaves_nothing() -> None:
    check_way(("own",))
    sandbox = Sandbox(needs_numpy=False, _namespaces=("own",))
    candidate = sandbox.open("def f():\n    while True: pass", Limits())
    assert sandbox._zygote is not None
    below = [sandbox._zygote.pid, *descendants(sandbox._zygote.pid)]
    sandbox.close()
    sandbox.close()
    assert_gone(below)
    assert candidate.usage.cpu_seconds >= 0


def test_interrupt_from_the_terminal_spares_the_zygote() -> None:
    """Ctrl-C goes to the foreground group; the zygote is in another session."""
    check_way(("own",))
    with Sandbox(needs_numpy=False, _namespaces=("own",)) as sandbox:
        assert sandbox._zygote is not None
        pid = sandbox._zygote.pid
        assert os.getsid(pid) == pid != os.getsid(0)
        candidate = sandbox.open("def f(x): return x", Limits())
        assert candidate.call("f", 1) == 1


def test_thread_that_made_the_sandbox_may_end() -> None:
    """The kernel ties a zygote's life to the thread that started it, which must not be a worker's."""
    check_way(("own",))
    made: list[Sandbox] = []
    thread = threading.Thread(target=lambda: made.append(Sandbox(needs_numpy=False, _namespaces=("own",))))
    thread.start()
    thread.join()
    time.sleep(0.05)
    with made[0] as sandbox, sandbox.open("def f(x): return x", Limits()) as candidate:
        assert candidate.call("f", 1) == 1


@pytest.mark.parametrize("programs", [1_000, pytest.param(10_000, marks=pytest.mark.benchmark)])
@pytest.mark.slow
def test_thousands_of_programs_leak_nothing(programs: int) -> None:
    check_way(("own",))
    source = "def f(x): print(x); return [x] * 20"
    limits = Limits()
    with Sandbox(needs_numpy=False, _namespaces=("own",)) as sandbox:
        assert sandbox._zygote is not None
        zygote = descendants(sandbox._zygote.pid)[-1]

        def serve(count: int) -> None:
            for number in range(count):
                with sandbox.open(source, limits) as candidate:
                    candidate.call("f", number)

        def figures() -> tuple[int, int, int, int, int]:
            return (
                len(list(Path("/proc/self/fd").iterdir())),
                len(list(Path(f"/proc/{zygote}/fd").iterdir())),
                len(thread_descendants(os.getpid())),
                resident(os.getpid()),
                resident(zygote),
            )

        serve(500)
        before = figures()
        serve(programs)
        after = figures()
    assert after[:3] == before[:3]
    assert after[3] - before[3] < 4096
    assert after[4] - before[4] < 1024


def resident(pid: int) -> int:
    """Anonymous resident memory, KiB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1])
    raise AssertionError("no RssAnon")


def test_infrastructure_cannot_be_provoked(driver: Driver) -> None:
    """What a program can do to its own process and pipes is its own failure, never ours."""
    bodies = (
        "os.close(3); os.close(4)",
        "[os.close(n) for n in range(5)]",
        "os.dup2(0, 3); os.dup2(1, 4)",
        "os.write(1, b'x' * 10**7)",
        "[os.dup(4) for _ in range(100)]",
        "ctypes.memset(id(os), 0, 4096)",
        "ctypes.CDLL(None).raise_(9) if False else ctypes.CDLL(None)._exit(0)",
        "bytearray(1 << 62)",
    )
    for body in bodies:
        source = f"import os, ctypes\ndef attack():\n    {body}\n    while True: pass"
        found = driver.attempt(source, cpu_seconds=0.1, wall_seconds=2.0, output_bytes=1000)
        assert found.status in ("crashed", "timeout", "output_limit", "out_of_memory", "invalid"), (
            body,
            found,
        )
    assert driver.attempt("def attack(): return 42").value == 42


def test_candidate_after_its_failure() -> None:
    check_way(("own",))
    with Sandbox(needs_numpy=False, _namespaces=("own",)) as sandbox:
        candidate = sandbox.open("def f(): return 1 / 0", Limits())
        for _ in range(2):
            with pytest.raises(CandidateFailure) as failure:
                candidate.call("f")
            assert failure.value.status is Status.CRASHED
        usage = candidate.close()
        assert candidate.close() is usage
