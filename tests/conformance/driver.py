"""An evaluator in a process of its own: opens the programs it is sent and tells how they ended.

Lines of JSON in, lines of JSON out. Tests start it as other users and with layers taken away.
"""

import json
import os
import resource
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from evolve.execution.isolation import IsolationLevel
from evolve.execution.sandbox import Sandbox, SandboxedCandidate
from evolve.problem import CandidateFailure, InfrastructureError, Limits, RecordType, Table

ROWS = Table(RecordType("Row", ("x",)), np.arange(8.0).reshape(8, 1))


def plain(value: Any) -> Any:
    """What JSON can carry of a value."""
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (str, int, float, bool)) or value is None:
        return value
    return repr(value)


def answer(candidate: SandboxedCandidate, shape: str, name: str, arguments: list[Any]) -> Any:
    if shape == "pause":
        return time.sleep(arguments[0])
    if shape == "lockstep":
        return candidate.lockstep(name, ROWS)
    return {"call": candidate.call, "create": candidate.create, "step": candidate.step}[shape](
        name, *arguments
    )


def attempt(sandbox: Sandbox, order: dict[str, Any]) -> dict[str, Any]:
    values: list[Any] = []
    told: dict[str, Any] = {"status": "ok", "feedback": "", "row": None}
    try:
        candidate = sandbox.open(order["source"], Limits(**order["limits"]))
    except InfrastructureError as error:
        return {"status": "infrastructure", "feedback": str(error), "values": []}
    try:
        for shape, name, arguments in order["calls"]:
            values.append(plain(answer(candidate, shape, name, arguments)))
    except CandidateFailure as failure:
        told = {"status": failure.status.value, "feedback": failure.feedback, "row": failure.row}
    except InfrastructureError as error:
        told = {"status": "infrastructure", "feedback": str(error), "row": None}
    usage = candidate.close()
    return {
        **told,
        "values": values,
        "cpu": usage.cpu_seconds,
        "wall": usage.wall_seconds,
        "memory": usage.peak_memory_bytes,
        "output": usage.output,
    }


def state(sandbox: Sandbox) -> dict[str, Any]:
    report = sandbox.report
    assert sandbox._zygote is not None
    return {
        "level": report.level.value,
        "allowed": report.allowed_probes,
        "namespaces": report.namespaces,
        "reasons": report.reasons,
        "uid": os.getuid(),
        "pid": os.getpid(),
        "zygote": sandbox._zygote.pid,
        "descriptors": len(list(Path("/proc/self/fd").iterdir()))
        if os.access("/proc/self/fd", os.R_OK)
        else -1,
        "threads": threading.active_count(),
        "resident_kib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
    }


def main() -> None:
    options = json.loads(sys.argv[1])
    sandbox = Sandbox(
        needs_numpy=options["needs_numpy"],
        minimum=IsolationLevel.NONE,
        _namespaces=tuple(options["namespaces"]),
        _landlock=options["landlock"],
        _seccomp=options["seccomp"],
    )
    print(json.dumps(state(sandbox)), flush=True)
    for line in sys.stdin:
        order = json.loads(line)
        reply = attempt(sandbox, order) if "source" in order else state(sandbox)
        print(json.dumps(reply), flush=True)
    sandbox.close()


if __name__ == "__main__":
    main()
