import signal

import pytest

from evolve.execution.sandbox_ending import explain_end
from evolve.execution.sandbox_zygote import Verdict
from evolve.problem import CandidateFailure, InfrastructureError, Limits, Status

LIMITS = Limits(cpu_seconds=10.0, memory_bytes=2**30)


def killed(spent: float, resident: int = 2**20, clock_ns: int = -1) -> CandidateFailure | InfrastructureError:
    """What is said of a process that died of SIGKILL after `spent` seconds of CPU time."""
    verdict = Verdict(
        overtime=False,
        wait_status=signal.SIGKILL,
        clock_ns=clock_ns,
        spent_ns=round(spent * 1e9),
        resident_bytes=resident,
    )
    return explain_end(verdict, LIMITS, seccomp=True)


@pytest.mark.parametrize("spent", [9.2, 9.9985, 10.0, 12.0])
def test_killed_at_its_limit_of_cpu_time_as_far_as_clocks_agree(spent: float) -> None:
    found = killed(spent)
    assert isinstance(found, CandidateFailure)
    assert found.status is Status.TIMEOUT


def test_killed_with_much_memory() -> None:
    found = killed(1.0, resident=2**29)
    assert isinstance(found, CandidateFailure)
    assert found.status is Status.OUT_OF_MEMORY


def test_killed_for_no_reason_of_its_own_says_what_it_had_used() -> None:
    found = killed(1.25, resident=3 * 2**20)
    assert isinstance(found, InfrastructureError)
    assert "after 1.25 s of CPU time, holding 3 MiB" in str(found)


def test_killed_by_the_zygote_because_it_said_no_more() -> None:
    found = killed(1.0, clock_ns=1)
    assert isinstance(found, CandidateFailure)
    assert found.status is Status.CRASHED
