"""Why a candidate's process ended, as far as its exit tells, in words for the program's author."""

import os
import signal

from evolve.execution.sandbox_zygote import Verdict
from evolve.problem import CandidateFailure, InfrastructureError, Limits, Status
from sandbox_runner import wire

NEARLY = 0.9
"""A process that was killed after this share of its CPU time was killed for it: the kernel's own limit counts
ticks of the clock. On a crowded virtual machine, a limit of 6 s was seen to kill after 5.04 s of CPU time."""
UNKNOWN = Verdict(overtime=False, wait_status=0, clock_ns=-1, spent_ns=0, resident_bytes=0)
"""Where the zygote is gone, or has nothing to tell."""


def explain_early_end(verdict: Verdict, output: str) -> InfrastructureError:
    """Why a process ended before the program began: always a fault of ours."""
    code = os.waitstatus_to_exitcode(verdict.wait_status)
    if code == wire.NOT_LOCKED_DOWN:
        return InfrastructureError(f"a sandbox could not lock its process down: {output[-500:]}")
    return InfrastructureError(f"a sandbox's process ended with {code} before the program began")


def explain_end(verdict: Verdict, limits: Limits, seccomp: bool) -> CandidateFailure | InfrastructureError:
    """Why a process ended once the program had begun.

    Args:
        verdict: What the zygote tells.
        limits: The candidate's.
        seccomp: Whether a filter kept the program from killing itself.
    """
    overtime = CandidateFailure(Status.TIMEOUT, f"used more than {limits.cpu_seconds:g} s of CPU time")
    if verdict.overtime:
        return overtime
    code = os.waitstatus_to_exitcode(verdict.wait_status)
    if code == wire.MEMORY_EXHAUSTED:
        return CandidateFailure(Status.OUT_OF_MEMORY, "MemoryError: the memory limit is reached")
    if code >= 0:
        return CandidateFailure(Status.CRASHED, f"the process ended itself with exit code {code}")
    if -code == signal.SIGXCPU:
        return overtime
    if -code == getattr(signal, "SIGSYS", 0):
        return CandidateFailure(Status.CRASHED, "the process made a forbidden system call and was killed")
    if -code != signal.SIGKILL:
        return CandidateFailure(Status.CRASHED, f"the process died of {_signal_name(-code)}")
    if verdict.clock_ns >= 0:  # the zygote killed it, because nothing was to be expected from it any more
        return CandidateFailure(Status.CRASHED, "the program closed its connection")
    if verdict.spent_ns >= NEARLY * limits.cpu_seconds * 1e9:
        return overtime
    if verdict.resident_bytes >= limits.memory_bytes / 2:
        return CandidateFailure(Status.OUT_OF_MEMORY, "the system killed the process, which held much memory")
    if seccomp:
        spent, held = verdict.spent_ns / 1e9, verdict.resident_bytes / 2**20
        return InfrastructureError(
            f"something killed a candidate's process after {spent:.3g} s of CPU time, holding {held:.0f} MiB;"
            " is the machine out of memory?"
        )
    return CandidateFailure(Status.CRASHED, "the process died of SIGKILL")


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def printable(text: str) -> str:
    """Text of a stranger without characters that a terminal or a database would stumble over."""
    return "".join(c if c in "\n\t" or c.isprintable() else "\ufffd" for c in text)
