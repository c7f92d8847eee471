"""The sandbox of one worker slot: one box with one zygote, and one candidate in it at a time."""

import contextlib
import platform
import sys
from types import TracebackType
from typing import NamedTuple

from evolve.execution.isolation import (
    DEFAULT_MINIMUM,
    IsolationError,
    IsolationLevel,
    IsolationReport,
    harden_evaluator,
)
from evolve.execution.isolation_box import NAMESPACES, Box, BoxError, bubblewrap_version
from evolve.execution.isolation_probe import LIMITS, SOURCE, Findings, probe
from evolve.execution.sandbox_candidate import SandboxedCandidate, Usage
from evolve.execution.sandbox_channel import Output
from evolve.execution.sandbox_zygote import Zygote
from evolve.problem import CandidateFailure, InfrastructureError, Limits

__all__ = ["Sandbox", "SandboxedCandidate", "Usage"]

_CALIBRATIONS = 5


class Sandbox:
    """Opens programs, one at a time, each in a locked-down process of its own. Used from one thread.

    The level is found by probing inside the box, when the sandbox is made and again whenever its zygote had
    to be replaced. A context manager.
    """

    def __init__(
        self,
        *,
        needs_numpy: bool,
        minimum: IsolationLevel = DEFAULT_MINIMUM,
        _namespaces: tuple[str, ...] = NAMESPACES,
        _landlock: bool = True,
        _seccomp: bool = True,
    ) -> None:
        """Make the best box that this machine allows, and probe it.

        The arguments with an underscore take layers away, for tests.

        Raises:
            IsolationError: Its level is below `minimum`.
            InfrastructureError: No zygote could be started.
        """
        self._needs_numpy = needs_numpy
        self._minimum = minimum
        self._namespaces = _namespaces
        self._layers = (_landlock, _seccomp)
        self._output = Output(LIMITS.output_bytes)
        self._open: SandboxedCandidate | None = None
        self._closed = False
        self._zygote: Zygote | None = None
        self._charged_ns = 0
        try:
            self.report = self._start()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> "Sandbox":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def open(self, source: str, limits: Limits) -> SandboxedCandidate:
        """Start a program in a process of its own.

        A program that does not load makes the first call fail.

        Raises:
            InfrastructureError: The zygote is gone, or cannot be replaced.
            IsolationError: It was replaced, and its box turned out weaker than `minimum`.
            RuntimeError: The sandbox is closed, or the candidate opened before is not.
        """
        if self._closed:
            raise RuntimeError("this sandbox is closed")
        if self._open is not None:
            raise RuntimeError("close the candidate that is open in this sandbox before opening another")
        if self._zygote is None or self._zygote.closed:
            self.report = self._start()
        assert self._zygote is not None
        return self._open_in(self._zygote, source, limits)

    def close(self) -> None:
        """End the candidate and the zygote. Idempotent."""
        if self._closed:
            return
        self._closed = True
        if self._open is not None:
            with contextlib.suppress(InfrastructureError):
                self._open.close()
        if self._zygote is not None:
            self._zygote.close()
        self._output.close()

    def _open_in(self, zygote: Zygote, source: str, limits: Limits) -> SandboxedCandidate:
        if limits.output_bytes != self._output.limit:
            self._output.close()
            self._output = Output(limits.output_bytes)
        self._output.reset()
        self._open = SandboxedCandidate(
            zygote, source, limits, self._output, self._charged_ns, self._candidate_closed
        )
        return self._open

    def _candidate_closed(self) -> None:
        self._open = None

    # --- Finding the best box ----------------------------------------------------------------------------

    def _start(self) -> IsolationReport:
        """Start a zygote in the best box to be had, and probe it."""
        self._zygote = None
        self._charged_ns = 0
        ways, reasons = _known.get(self._namespaces, (self._namespaces, ()))
        best: _Attempt | None = None
        for namespaces in ways:
            attempt = self._attempt(namespaces)
            if isinstance(attempt, str):
                reasons = (*reasons, f"{namespaces}: {attempt}")
            elif best is None or best.findings.level < attempt.findings.level:
                if best is not None:
                    best.zygote.close()
                best = attempt
            else:
                attempt.zygote.close()
            if best is not None and best.findings.level is IsolationLevel.FULL:
                break
        _known.pop(self._namespaces, None)
        if best is None:
            raise InfrastructureError("no sandbox can be started: " + "; ".join(reasons))
        self._zygote = best.zygote
        report = _report(best, reasons)
        if report.level < self._minimum:
            raise IsolationError(_refusal(report, self._minimum))
        if report.level < IsolationLevel.FULL:
            harden_evaluator()
        _known[self._namespaces] = (best.namespaces,), reasons
        self._charged_ns = self._calibrate(best.zygote)
        return report

    def _attempt(self, namespaces: str) -> "_Attempt | str":
        """A zygote in one kind of box and what probing found, or why there is none."""
        try:
            zygote = Zygote(Box(namespaces, self._needs_numpy, *self._layers))
        except BoxError as error:
            return str(error)
        try:
            with self._open_in(zygote, SOURCE, LIMITS) as candidate:
                return _Attempt(namespaces, zygote, probe(candidate))
        except (CandidateFailure, InfrastructureError) as error:
            zygote.close()
            return f"the probe failed: {error}"
        except BaseException:
            zygote.close()
            raise

    def _calibrate(self, zygote: Zygote) -> int:
        """The CPU time, in ns, that a program which does nothing is charged: the least of a few."""
        charges = []
        for _ in range(_CALIBRATIONS):
            with self._open_in(zygote, "def f(): pass", LIMITS) as candidate:
                candidate.call("f")
                charges.append(candidate.close().cpu_seconds)
        return int(min(charges) * 1e9)


class _Attempt(NamedTuple):
    namespaces: str
    zygote: Zygote
    findings: Findings


_known: dict[tuple[str, ...], tuple[tuple[str, ...], tuple[str, ...]]] = {}
"""For each list of ways to make a box, the best that this process has found, and why it was no better one."""


def _report(attempt: _Attempt, reasons: tuple[str, ...]) -> IsolationReport:
    hello, findings = attempt.zygote.hello, attempt.findings
    if findings.level < IsolationLevel.FULL:
        if hello.landlock == 0:
            reasons = (
                *reasons,
                "the kernel offers no Landlock (Linux 5.13 with landlock in its list of LSMs)",
            )
        if not hello.seccomp:
            reasons = (*reasons, f"no seccomp filter for {platform.system()} on {platform.machine()}")
    return IsolationReport(
        level=findings.level,
        allowed_probes=findings.allowed,
        landlock_abi=hello.landlock,
        seccomp=hello.seccomp,
        namespaces=attempt.namespaces,
        bubblewrap=bubblewrap_version(),
        reasons=() if findings.level is IsolationLevel.FULL else reasons,
    )


def _refusal(report: IsolationReport, minimum: IsolationLevel) -> str:
    """What is missing, and the line that gets there."""
    missing = f"isolation is {report.level.value!r} here, {minimum.value!r} is demanded"
    if report.allowed_probes:
        missing += f"; not stopped: {', '.join(report.allowed_probes)}"
    if report.reasons:
        missing += f"; {'; '.join(report.reasons)}"
    if sys.platform != "linux":
        way = f"run on Linux, or accept less: --min-isolation {report.level.value}"
    elif report.bubblewrap is None:
        way = f"apt-get install bubblewrap, or accept less: --min-isolation {report.level.value}"
    else:
        way = (
            f"allow user namespaces (docs/isolation.md), or accept less: --min-isolation {report.level.value}"
        )
    return f"{missing}. {way}"
