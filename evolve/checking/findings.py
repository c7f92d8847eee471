"""What checking a problem comes to."""

from enum import StrEnum

import msgspec


class Check(StrEnum):
    """What is checked, in this order."""

    ENTRY_POINT = "entry point"
    LIMITS = "limits"
    STATEMENT = "statement"
    INSTANCES = "instances"
    PROGRAMS = "shipped programs"
    BOUND = "bound"
    DETERMINISM = "determinism"
    HIDDEN = "hidden test split"
    CLAIMS = "claims"
    HOSTILE = "hostile programs"
    TIME = "time"
    TELLING_APART = "telling apart"
    TRIVIAL = "trivial programs"


class Finding(msgspec.Struct, frozen=True):
    """One thing that is wrong."""

    check: Check
    where: str
    what: str
    fix: str


class Figures(msgspec.Struct, frozen=True):
    """What evaluations of the split train cost; None where no program could be evaluated."""

    instances: dict[str, int] = {}
    """By split."""
    cpu_seconds: dict[str, float] = {}
    """CPU time of each shipped program, by its name."""
    evaluation_seconds: float | None = None
    """Wall time of the reference's evaluation, with what the evaluator itself needs."""
    proposals_per_hour: float | None = None
    """How many programs of that kind one core evaluates in an hour."""


class Report(msgspec.Struct, frozen=True):
    """All findings on one problem."""

    problem: str
    version: str
    isolation: str
    findings: tuple[Finding, ...]
    figures: Figures
    unchecked: tuple[Check, ...] = ()
    """What could not be checked because of the findings."""

    @property
    def sound(self) -> bool:
        """Whether everything was checked and nothing is wrong."""
        return not self.findings
