"""The three ways to call a program, and what is told of it."""

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolve.execution import isolation_box
from evolve.execution.isolation import DEFAULT_MINIMUM, IsolationError, IsolationLevel
from evolve.execution.sandbox import Sandbox, SandboxedCandidate
from evolve.problem import Candidate, CandidateFailure, Floats, Limits, RecordType, Status, Table, Value

SOURCE = """
import sys
def echo(*args): return list(args)
def kinds(*args): return [type(a).__name__ for a in args]
def silent(x): pass
def priority(job, state): return job.length * state.clock + job.weight
def row(job): return job.length / job.weight
class Counter:
    def __init__(self, start): self.value = start
    def add(self, amount): self.value += amount; return self.value
    def echo(self, *args): return list(args)
    def kinds(self, *args): return [type(a).__name__ for a in args]
    def pair(self, row, scale): return row[0] * scale, len(row)
    def same(self, x): return x
"""
JOB = RecordType("Job", ("length", "weight"))
STATE = RecordType("State", ("clock",))


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(needs_numpy=False, minimum=IsolationLevel.LIMITS) as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def numpy_sandbox() -> Iterator[Sandbox]:
    with Sandbox(needs_numpy=True, minimum=IsolationLevel.LIMITS) as sandbox:
        yield sandbox


@pytest.fixture
def candidate(sandbox: Sandbox) -> Iterator[SandboxedCandidate]:
    with sandbox.open(SOURCE, Limits()) as candidate:
        yield candidate


@pytest.fixture(scope="module")
def shared_candidate(sandbox: Sandbox) -> Iterator[SandboxedCandidate]:
    """For property tests: one program for all examples, in a sandbox of its own."""
    with (
        Sandbox(needs_numpy=False, minimum=IsolationLevel.LIMITS) as own,
        own.open(SOURCE, Limits()) as candidate,
    ):
        candidate.create("Counter", 0)
        yield candidate


def test_is_a_candidate(candidate: SandboxedCandidate) -> None:
    as_protocol: Candidate = candidate
    assert as_protocol.call("echo", 1) == [1]


def test_call_keeps_types(candidate: SandboxedCandidate) -> None:
    arguments = (1, 1.0, True, None, "text", b"bytes", [1, 2], {"a": [1.5]}, (1, "x"))
    assert candidate.call("echo", *arguments) == [*arguments[:-1], [1, "x"]]
    names = ["int", "float", "bool", "NoneType", "str", "bytes", "list", "dict", "list"]
    assert candidate.call("kinds", *arguments) == names


def test_call_with_long_arguments(candidate: SandboxedCandidate) -> None:
    """More than a pipe holds, both ways."""
    floats = [i / 7 for i in range(300_000)]
    text = "x" * 1_000_000
    rows = [[i, i + 1] for i in range(50_000)]
    assert candidate.call("echo", floats, text, rows) == [[*floats], text, rows]


def test_long_source(sandbox: Sandbox) -> None:
    source = "# " + "x" * 1_000_000 + "\ndef f(): return 1"
    with sandbox.open(source, Limits()) as candidate:
        assert candidate.call("f") == 1


def test_create_and_step(candidate: SandboxedCandidate) -> None:
    candidate.create("Counter", 10)
    assert [candidate.step("add", amount) for amount in (1, 2.5, 3)] == [11, 13.5, 16.5]
    assert candidate.step("pair", [2.0, 3, 4], 10) == [20.0, 3]
    assert candidate.step("pair", (2.0, 3), 10) == [20.0, 2]
    assert candidate.step("echo") == []
    assert candidate.step("echo", "text", [1, [2.0]], None) == ["text", [1, [2.0]], None]


@given(st.lists(st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | st.booleans(), max_size=30))
def test_step_keeps_numbers_and_their_types(
    shared_candidate: SandboxedCandidate, row: list[float | int | bool]
) -> None:
    assert repr(shared_candidate.step("same", row)) == repr(row)
    assert repr(shared_candidate.step("echo", *row)) == repr(row)
    for number in row[:2]:
        assert repr(shared_candidate.step("same", number)) == repr(number)


@given(
    st.lists(
        st.lists(st.floats(allow_nan=False) | st.integers(0, 9), max_size=4) | st.integers(0, 9), max_size=4
    )
)
def test_step_keeps_the_shape_of_its_arguments(
    shared_candidate: SandboxedCandidate, arguments: list[list[float | int] | int]
) -> None:
    assert repr(shared_candidate.step("echo", *arguments)) == repr(arguments)


_NUMBERS = st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | st.booleans()
_GROUPS = st.lists(_NUMBERS, max_size=4) | st.dictionaries(st.text(max_size=3), _NUMBERS, max_size=4)
_NESTED = st.lists(_GROUPS | st.none() | st.text(max_size=3), max_size=2)


@given(st.lists(_NUMBERS | _GROUPS | _NESTED, max_size=4))
def test_arguments_arrive_the_same_however_often_the_like_was_sent(
    shared_candidate: SandboxedCandidate, arguments: list[Value]
) -> None:
    """The first call of a form sends a tree, later ones numbers in a row where that is possible."""
    for _ in range(3):
        assert repr(shared_candidate.call("echo", *arguments)) == repr(arguments)
        assert repr(shared_candidate.step("echo", *arguments)) == repr(arguments)


def test_each_call_gets_lists_and_mappings_of_its_own(sandbox: Sandbox) -> None:
    source = "def f(names, row): names['a'] += 1; row.append(names['a']); return len(row), names['a']"
    with sandbox.open(source, Limits()) as candidate:
        assert [candidate.call("f", {"a": 1}, [1.0]) for _ in range(4)] == [[2, 2]] * 4


def test_call_of_numbers_counts_output_before_the_reply(sandbox: Sandbox) -> None:
    source = "def f(x): print('x' * 60); return x"
    with sandbox.open(source, Limits(output_bytes=150)) as candidate:
        assert [candidate.call("f", number) for number in (1.5, 2.5)] == [1.5, 2.5]
        with pytest.raises(CandidateFailure) as failed:
            for number in range(50):
                candidate.call("f", float(number))
    assert failed.value.status is Status.OUTPUT_LIMIT


def test_call_of_numbers_that_fails(sandbox: Sandbox) -> None:
    with sandbox.open("def f(x): return 1 / x", Limits()) as candidate:
        assert [candidate.call("f", number) for number in (1.0, 2.0, 4.0)] == [1.0, 0.5, 0.25]
        with pytest.raises(CandidateFailure, match="ZeroDivisionError"):
            candidate.call("f", 0.0)


def test_call_of_numbers_to_a_function_that_is_gone(sandbox: Sandbox) -> None:
    source = "def f(x):\n    if x > 2: del globals()['f']\n    return x"
    with sandbox.open(source, Limits()) as candidate:
        assert [candidate.call("f", number) for number in (1, 2, 3)] == [1, 2, 3]
        with pytest.raises(CandidateFailure, match="defines no 'f'"):
            candidate.call("f", 1)


@pytest.mark.parametrize("method", ["call", "step"])
def test_too_large_an_integer_in_a_row_is_the_callers_error(
    candidate: SandboxedCandidate, method: str
) -> None:
    candidate.create("Counter", 0)
    ask = getattr(candidate, method)
    assert [ask("echo", number, [1]) for number in (1, 2)] == [[1, [1]], [2, [1]]]
    with pytest.raises(OverflowError):
        ask("echo", 2**63, [1])
    assert ask("echo", 3, [1]) == [3, [1]], "and the candidate lives on"


def test_step_of_too_large_an_integer_is_the_callers_error(candidate: SandboxedCandidate) -> None:
    candidate.create("Counter", 0)
    with pytest.raises(OverflowError):
        candidate.step("same", 2**63)
    assert candidate.step("same", 1) == 1, "and the candidate lives on"


def test_many_shapes_of_step(candidate: SandboxedCandidate) -> None:
    candidate.create("Counter", 0)
    for length in (*range(1200), 5, 1199):
        assert candidate.step("kinds", [0] * length) == ["list"]


def test_many_shapes_of_call(candidate: SandboxedCandidate) -> None:
    for length in (*range(1200), *range(1200), 5, 1199):
        assert candidate.call("kinds", [0] * length) == ["list"]


def test_lockstep(candidate: SandboxedCandidate) -> None:
    jobs = Table(JOB, np.array([[1.0, 0.5], [2.0, 0.25], [3.0, 0.125]]))
    states = Table(STATE, np.array([[10.0], [20.0]]), np.array([1, 0, 1], np.int32))
    assert candidate.lockstep("priority", jobs, states).tolist() == [20.5, 20.25, 60.125]
    assert candidate.lockstep("row", jobs).tolist() == [2.0, 8.0, 24.0]
    found = candidate.lockstep("row", jobs)
    assert found.dtype == np.float64
    found[0] = 1.0  # the caller's own


def test_lockstep_of_no_calls(candidate: SandboxedCandidate) -> None:
    assert candidate.lockstep("row", Table(JOB, np.empty((0, 2)))).tolist() == []
    none = np.empty(0, np.int32)
    assert candidate.lockstep("row", Table(JOB, np.ones((3, 2)), none)).tolist() == []


def test_lockstep_shares_rows(sandbox: Sandbox) -> None:
    source = "def f(a): return float(id(a) % 1e9)"
    with sandbox.open(source, Limits()) as candidate:
        table = Table(STATE, np.ones((2, 1)), np.array([0, 1, 0, 1, 0], np.int32))
        found = candidate.lockstep("f", table)
    assert len(set(found.tolist())) == 2


@pytest.mark.parametrize("rows", [np.ones((3, 1)), np.ones(3), np.ones((3, 3))])
def test_lockstep_with_rows_of_the_wrong_shape(candidate: SandboxedCandidate, rows: Floats) -> None:
    with pytest.raises(ValueError, match="have shape"):
        candidate.lockstep("row", Table(JOB, rows))


def test_lockstep_with_an_index_out_of_range(candidate: SandboxedCandidate) -> None:
    for index in ([3], [-1]):
        with pytest.raises(ValueError, match="points beyond"):
            candidate.lockstep("row", Table(JOB, np.ones((3, 2)), np.array(index, np.int32)))
    with pytest.raises(ValueError, match="in one lockstep"):
        candidate.lockstep("priority", Table(JOB, np.ones((3, 2))), Table(STATE, np.ones((2, 1))))


@pytest.mark.parametrize("fields", [("a", "a"), ("_a",), ("class",), ("a b",), ("1",)])
def test_lockstep_with_impossible_fields(candidate: SandboxedCandidate, fields: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="field"):
        candidate.lockstep("row", Table(RecordType("Job", fields), np.ones((3, len(fields)))))
    assert candidate.call("echo", 1) == [1]


def test_lockstep_failure_tells_its_row(candidate: SandboxedCandidate) -> None:
    with pytest.raises(CandidateFailure) as failure:
        candidate.lockstep("row", Table(JOB, np.array([[1.0, 1.0], [1.0, 2.0], [1.0, 0.0], [1.0, 0.0]])))
    assert failure.value.status is Status.CRASHED
    assert failure.value.row == 2
    assert "ZeroDivisionError" in failure.value.feedback


def test_arrays(numpy_sandbox: Sandbox) -> None:
    source = """
import numpy as np
def f(a): a *= 2; return [a, a.T, a.dtype.name, int(a.sum())]
def g(): return np.float32(1.5), np.int64(7), np.bool_(True), np.arange(4, dtype=np.uint8)
"""
    with numpy_sandbox.open(source, Limits()) as candidate:
        given = np.arange(6.0).reshape(2, 3)
        found = candidate.call("f", given)
        assert isinstance(found, list)
        np.testing.assert_array_equal(found[0], given * 2)
        np.testing.assert_array_equal(found[1], given.T * 2)
        assert found[2:] == ["float64", 30]
        numbers = candidate.call("g")
        assert isinstance(numbers, list)
        assert numbers[:3] == [1.5, 7, True]
        assert numbers[3].dtype == np.uint8


def test_arrays_arrive_as_lists_without_numpy(candidate: SandboxedCandidate) -> None:
    assert candidate.call("echo", np.arange(4).reshape(2, 2), np.float64(1.5)) == [[[0, 1], [2, 3]], 1.5]


def test_usage(sandbox: Sandbox) -> None:
    source = (
        "import sys\ndef f():\n    print('out'); print('err', file=sys.stderr)\n    sum(range(3_000_000))"
    )
    with sandbox.open(source, Limits()) as candidate:
        with pytest.raises(RuntimeError, match="when it is closed"):
            _ = candidate.usage
        candidate.call("f")
        usage = candidate.close()
    assert usage is candidate.usage
    assert 0.005 < usage.cpu_seconds < 2.0
    assert usage.wall_seconds >= usage.cpu_seconds * 0.5
    assert usage.output == "out\nerr\n"
    assert not usage.output_exceeded


def test_usage_of_nothing_is_near_zero(sandbox: Sandbox) -> None:
    spent = []
    for _ in range(9):
        with sandbox.open("def f(): pass", Limits()) as candidate:
            candidate.call("f")
        spent.append(candidate.usage.cpu_seconds)
    assert min(spent) < 0.0005


def test_output_found_when_it_closes(sandbox: Sandbox) -> None:
    source = "class C:\n    def f(self): import os; os.write(1, b'x' * 500); return 1"
    with sandbox.open(source, Limits(output_bytes=400)) as candidate:
        candidate.create("C")
        with pytest.raises(CandidateFailure) as failure:
            candidate.step("f")
    assert failure.value.status is Status.OUTPUT_LIMIT
    assert candidate.usage.output == "x" * 400


def test_output_is_printable(sandbox: Sandbox) -> None:
    with sandbox.open("def f(): print('a\\x00\\x1b[31mb\\tc')", Limits()) as candidate:
        candidate.call("f")
    assert candidate.usage.output == "a\ufffd\ufffd[31mb\tc\n"


def test_one_candidate_at_a_time(sandbox: Sandbox) -> None:
    with (
        sandbox.open("def f(): pass", Limits()),
        pytest.raises(RuntimeError, match="close the candidate"),
    ):
        sandbox.open("def f(): pass", Limits())


def test_closed(sandbox: Sandbox) -> None:
    candidate = sandbox.open("def f(): pass", Limits())
    candidate.close()
    with pytest.raises(RuntimeError, match="closed"):
        candidate.call("f")


def test_report(sandbox: Sandbox) -> None:
    report = sandbox.report
    assert report.level >= IsolationLevel.LIMITS
    assert report.seccomp == (sys.platform == "linux")


def test_levels_are_ordered() -> None:
    none, limits, preload, compute, full = IsolationLevel
    assert none < limits < preload < compute < full
    assert [level.value for level in IsolationLevel] == [
        "none",
        "limits",
        "compute-preload",
        "compute",
        "full",
    ]
    assert DEFAULT_MINIMUM is (compute if sys.platform == "linux" else limits)


@pytest.mark.skipif(sys.platform != "linux", reason="takes layers of Linux away")
class TestLayers:
    """What is left when layers are taken away is found by probing, and told."""

    def test_without_any(self) -> None:
        with Sandbox(
            needs_numpy=False,
            minimum=IsolationLevel.NONE,
            _namespaces=("none",),
            _landlock=False,
            _seccomp=False,
        ) as sandbox:
            assert sandbox.report.level is IsolationLevel.LIMITS
            assert {"read", "fork", "tcp", "signal"} <= set(sandbox.report.allowed_probes)
            with sandbox.open("def f(): return bytearray(1 << 30)", Limits(memory_bytes=2**26)) as candidate:
                with pytest.raises(CandidateFailure) as failure:
                    candidate.call("f")
                assert failure.value.status is Status.OUT_OF_MEMORY
            source = "import os\ndef f(): os.kill(os.getpid(), 9)"
            with sandbox.open(source, Limits()) as candidate, pytest.raises(CandidateFailure) as failure:
                candidate.call("f")
            assert failure.value.status is Status.CRASHED, "not ours: it could do so itself"

    def test_refusal_says_what_is_missing_and_what_to_do(self) -> None:
        with pytest.raises(IsolationError) as refusal:
            Sandbox(needs_numpy=False, _namespaces=("none",), _landlock=False)
        words = str(refusal.value)
        for part in (
            "'compute-preload'",
            "'compute' is demanded",
            "Landlock",
            "--min-isolation compute-preload",
        ):
            assert part in words

    def test_namespaces_alone(self) -> None:
        """A box without seccomp is not isolation: what it stops is not what a level needs."""
        with Sandbox(
            needs_numpy=False, minimum=IsolationLevel.NONE, _namespaces=("own",), _seccomp=False
        ) as sandbox:
            assert sandbox.report.level is IsolationLevel.LIMITS
            assert "fork" in sandbox.report.allowed_probes
            assert "read" not in sandbox.report.allowed_probes


PORTABLE = (
    "import sys; sys.path.insert(0, sys.argv[2])\n"
    "from sandbox_runner import lockdown, zygote\n"
    "lockdown._LINUX = zygote._LINUX = False\nzygote.main()"
)
"""A zygote that believes to be on a system without anything of Linux."""


def test_what_is_left_on_other_systems(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(isolation_box, "_BOOTSTRAP", PORTABLE)
    ways = ("none",)
    with Sandbox(needs_numpy=False, minimum=IsolationLevel.LIMITS, _namespaces=ways) as sandbox:
        assert sandbox.report.level is IsolationLevel.LIMITS
        assert not sandbox.report.seccomp
        with sandbox.open(SOURCE, Limits()) as candidate:
            assert candidate.call("echo", 1) == [1]
        for body, status in (
            ("while True: pass", Status.TIMEOUT),
            ("import os; os._exit(3)", Status.CRASHED),
            ("x = bytearray(1 << 30)", Status.OUT_OF_MEMORY),
        ):
            limits = Limits(cpu_seconds=0.5, memory_bytes=2**26)
            with sandbox.open(f"def f():\n    {body}", limits) as candidate:
                with pytest.raises(CandidateFailure) as failure:
                    candidate.call("f")
                assert failure.value.status is status


def test_evaluator_keeps_its_descriptors(sandbox: Sandbox) -> None:
    folder = Path("/dev/fd")
    before = len(list(folder.iterdir()))
    for _ in range(20):
        with sandbox.open("def f(): pass", Limits()) as candidate:
            candidate.call("f")
    assert len(list(folder.iterdir())) == before
