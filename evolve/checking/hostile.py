"""Programs that mean harm, or nothing at all: each has to fail, and the evaluator has to survive."""

import math
from collections.abc import Iterator
from itertools import chain, islice

import msgspec

from evolve.checking.bench import Attempt, Bench
from evolve.checking.findings import Check, Finding
from evolve.checking.instances import Splits, beaten
from evolve.checking.wrapping import misshapen, with_leaf
from evolve.problem import EntryPoint, Limits, Split, Status

_SHORT = 0.25
_CONTAINED = "nothing was within reach"

_WRONG_ANSWERS = ("None", "'text'", "float('nan')", "[[None]]", "{'score': 1e9}", "b'\\x00'", "object()")
_WRONG_LEAVES = (
    "float('nan')",
    "float('inf')",
    "-1",
    "10**30",
    "-1e308",
    "'text'",
    "None",
    "[leaf, leaf]",
    "True",
)
_WRONG_SHAPES = ("short", "long", "twice")

_REACHING = """
    import os
    found = [name for name in os.environ]
    for path in {paths!r}:
        try:
            with open(path, "rb") as file:
                found.append(file.read(1))
        except OSError:
            pass
    try:
        import socket
        socket.create_connection(("127.0.0.1", 9), 0.1)
        found.append("network")
    except ConnectionRefusedError:
        found.append("network")
    except Exception:
        pass
    try:
        if os.fork() == 0:
            os._exit(0)
        found.append("processes")
    except Exception:
        pass
    raise RuntimeError("found " + ", ".join(map(str, found)) if found else {contained!r})
"""


class _Hostile(msgspec.Struct, frozen=True):
    """A program that tries one thing, and how it has to end."""

    what: str
    body: str
    status: Status
    feedback: str = ""


def check_hostile(bench: Bench, source: str, splits: Splits) -> list[Finding]:
    """The first thing that goes wrong on the first instance of train; `source` is a valid program."""
    every = chain(
        _check_contained(bench, splits),
        _check_wrong_answers(bench, splits),
        _check_spoilt_answers(bench, source, splits),
    )
    return list(islice(every, 1))


def _check_contained(bench: Bench, splits: Splits) -> Iterator[Finding]:
    problem = bench.loaded.problem
    instance = splits[Split.TRAIN][0]
    limits = problem.limits
    short = msgspec.structs.replace(limits, cpu_seconds=min(_SHORT, limits.cpu_seconds))
    for hostile in _programs(bench, limits):
        attempt = bench.attempt(_program(problem.entry_point, hostile.body), instance, short)
        outcome = attempt.outcome
        ended = (
            "with an error of the evaluator"
            if outcome is None
            else f"{outcome.status.value}: {outcome.feedback}"
        )
        if (
            outcome is None
            or outcome.status is not hostile.status
            or hostile.feedback not in outcome.feedback
        ):
            what = f"a program that {hostile.what} ends {ended[:120]}; it has to end {hostile.status.value}"
            fix = (
                attempt.error
                or "do not catch CandidateFailure in `evaluate`; see `evolve doctor` for isolation"
            )
            yield Finding(Check.HOSTILE, instance.name, what, fix)


def _programs(bench: Bench, limits: Limits) -> tuple[_Hostile, ...]:
    paths = [str(bench.loaded.folder / "problem.py"), "/etc/passwd", "/proc/self/environ"]
    reaching = _REACHING.format(paths=paths, contained=_CONTAINED)
    return (
        _Hostile("spins", "    while True:\n        pass\n", Status.TIMEOUT),
        _Hostile(
            "allocates",
            f"    kept = bytearray({2 * limits.memory_bytes})\n    return len(kept)\n",
            Status.OUT_OF_MEMORY,
        ),
        _Hostile(
            "prints without end",
            f"    for _ in range({limits.output_bytes // 1000 + 100}):\n        print('score: 1.0 ' * 100)\n",
            Status.OUTPUT_LIMIT,
        ),
        _Hostile("ends its process", "    import os\n    os._exit(0)\n", Status.CRASHED),
        _Hostile("reads files, environment and network", reaching, Status.CRASHED, _CONTAINED),
    )


def _program(entry_point: EntryPoint, body: str) -> str:
    return f"def {entry_point.signature()}:\n{body}"


def _check_wrong_answers(bench: Bench, splits: Splits) -> Iterator[Finding]:
    entry_point = bench.loaded.problem.entry_point
    instance = splits[Split.TRAIN][0]
    for answer in _WRONG_ANSWERS:
        attempt = bench.attempt(_program(entry_point, f"    return {answer}\n"), instance)
        where = f"the answer {answer}"
        if attempt.outcome is None:
            yield _failing(where, attempt)
        elif attempt.outcome.status in (Status.OK, Status.SUSPECT):
            what = f"it is accepted, with the value {attempt.outcome.value}"
            yield Finding(
                Check.HOSTILE, where, what, "check what comes back before using it; raise InvalidDecision"
            )


def _check_spoilt_answers(bench: Bench, source: str, splits: Splits) -> Iterator[Finding]:
    """An honest program's answers with one thing wrong: refused, or valued like any other answer."""
    entry_point = bench.loaded.problem.entry_point
    instance = splits[Split.TRAIN][0]
    spoilt = {
        f"an answer whose first leaf is {leaf}": with_leaf(source, entry_point, leaf)
        for leaf in _WRONG_LEAVES
    }
    spoilt |= {
        f"an answer with entries {kind}": misshapen(source, entry_point, kind) for kind in _WRONG_SHAPES
    }
    for where, program in spoilt.items():
        attempt = bench.attempt(program, instance)
        outcome = attempt.outcome
        if outcome is None:
            yield _failing(where, attempt)
        elif outcome.status is Status.OK:
            value = outcome.value
            if value is None or not 0.0 < value < math.inf:
                what = f"it is accepted, with the value {value}, of which no ratio can be formed"
                yield Finding(Check.HOSTILE, where, what, "refuse it with InvalidDecision")
            elif beaten(bench.loaded, instance, value) is not None:
                what = f"it is accepted, and its value {value:g} beats the bound"
                yield Finding(Check.HOSTILE, where, what, "refuse it with InvalidDecision")


def _failing(where: str, attempt: Attempt) -> Finding:
    fix = "check types, lengths and ranges before using an answer; raise InvalidDecision"
    return Finding(Check.HOSTILE, where, f"`evaluate` raises {attempt.error}", fix)
