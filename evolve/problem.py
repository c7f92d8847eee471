"""What a problem plug-in implements, and the words in which its outcomes are told.

A problem never runs a program itself. It is handed a `Candidate`, which stands for a program opened in a
sandbox, asks it for decisions, checks them, and computes from them what the program earned.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Protocol, TypeAlias, TypeVar

import msgspec

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats: TypeAlias = NDArray[np.float64]
else:

    def __getattr__(name: str) -> Any:
        """`Floats`, for those who use it: loading numpy takes a fifth of the time of a reading command."""
        if name != "Floats":
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        import numpy as np
        from numpy.typing import NDArray

        return NDArray[np.float64]


Value: TypeAlias = (
    "bool | int | float | str | bytes | NDArray[np.generic] | Sequence[Value] | Mapping[str, Value] | None"
)
"""What may cross into a sandbox. Integers have 64 bits; tuples arrive as lists. What comes back is plain
data of the same kinds, typed `object` because nothing about it is known until it has been checked."""

PayloadT = TypeVar("PayloadT")


class Split(StrEnum):
    """Which part of a problem's instances; `TEST` reaches no prompt and no selection."""

    TRAIN = "train"
    VALIDATION = "validation"
    TEST = "test"


class Status(StrEnum):
    """How an evaluation, or one outcome of it, ended.

    Every status but `OK` and `SUSPECT` goes with a NULL score. All but `INFRASTRUCTURE` are the program's
    doing; that one alone is ours, and alone is retried. `STOPPED` is an evaluation that was not finished,
    because the program was clearly worse than its parent on the first instances.
    """

    OK = "ok"
    INVALID = "invalid"
    CRASHED = "crashed"
    TIMEOUT = "timeout"
    OUT_OF_MEMORY = "out_of_memory"
    OUTPUT_LIMIT = "output_limit"
    REJECTED = "rejected"
    INFRASTRUCTURE = "infrastructure"
    SUSPECT = "suspect"
    STOPPED = "stopped"


class Direction(StrEnum):
    """Which way an objective improves."""

    MINIMISE = "minimise"
    MAXIMISE = "maximise"


class Objective(msgspec.Struct, frozen=True):
    """One thing a problem measures. The first objective of a problem is the one that is scored."""

    metric: str
    unit: str
    direction: Direction


class EntryPoint(msgspec.Struct, frozen=True):
    """The function that a program must define, with the names of its positional parameters."""

    function: str
    parameters: tuple[str, ...]

    def signature(self) -> str:
        """The entry point as a person would write it."""
        return f"{self.function}({', '.join(self.parameters)})"


class Feature(msgspec.Struct, frozen=True):
    """A number that a program may read, written as the expression that reads it."""

    expression: str
    unit: str
    meaning: str


class Limits(msgspec.Struct, frozen=True):
    """What one candidate may use. CPU time is exact; wall time is loose, so that load fails nobody."""

    cpu_seconds: float = 10.0
    wall_seconds: float = 120.0
    memory_bytes: int = 512 * 2**20
    output_bytes: int = 64 * 2**10
    reply_bytes: int = 16 * 2**20


class Instance(msgspec.Struct, Generic[PayloadT], frozen=True):
    """One frozen workload. `payload` is the problem's own type and stays on the trusted side."""

    name: str
    payload: PayloadT


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What one candidate did on one instance.

    `value` is the metric of the problem's first objective, in that objective's unit; it is None unless the
    decisions were valid. `cpu_seconds` and `isolation` are filled in by the executor, which measures them
    from outside the candidate.
    """

    instance: str
    status: Status = Status.OK
    value: float | None = None
    metrics: dict[str, float] = {}
    feedback: str = ""
    cpu_seconds: float = 0.0
    isolation: str = "none"

    @classmethod
    def failed(cls, instance: str, failure: "CandidateFailure") -> "Outcome":
        """The outcome of a candidate that failed."""
        return cls(instance=instance, status=failure.status, feedback=failure.feedback)


class CandidateFailure(Exception):  # noqa: N818 - a finding about a program, not an error of ours
    """A candidate did not deliver: `status` says in which way, `feedback` tells its author why.

    `row` is the row of a lockstep call in which it happened, where that is known.
    """

    def __init__(self, status: Status, feedback: str, row: int | None = None) -> None:
        super().__init__(f"{status.value}: {feedback}")
        self.status = status
        self.feedback = feedback
        self.row = row


class InvalidDecision(CandidateFailure):
    """A candidate answered, but what it decided is not a valid decision; raised by evaluators."""

    def __init__(self, feedback: str, row: int | None = None) -> None:
        super().__init__(Status.INVALID, feedback, row)


class InfrastructureError(Exception):
    """Something of ours failed while a candidate was being evaluated. Retried; never held against it."""


class RecordType(msgspec.Struct, frozen=True):
    """A named row of float64 fields. A program sees each row as an object with these attributes."""

    name: str
    fields: tuple[str, ...]


class Table(msgspec.Struct, frozen=True):
    """Rows of one record type for a lockstep call.

    `rows` has shape (rows, fields), C-contiguous float64. Call i of a lockstep gets row i, or row
    `index[i]` (int32) where an index is given, so that many calls can share a row.
    """

    record: RecordType
    rows: "Floats"
    index: "NDArray[np.int32] | None" = None


class Candidate(Protocol):
    """A program opened in a sandbox: the only way in which an evaluator can reach it.

    Every method raises `CandidateFailure` when the program fails, in whatever way it manages to, and
    `InfrastructureError` when the sandbox does. After either, the candidate is dead.
    """

    def call(self, function: str, *args: Value) -> object:
        """Call a function for a whole plan at once."""
        ...

    def create(self, cls: str, *args: Value) -> None:
        """Make the object on which `step` will call."""
        ...

    def step(self, method: str, *args: Value) -> object:
        """Ask the created object for one decision; for simulations whose future must stay hidden."""
        ...

    def lockstep(self, function: str, *tables: Table) -> "Floats":
        """Call a function once for each row of `tables`, in one round trip.

        All tables hold the same number of calls. Returns float64 of that length. A reply that is not a
        real number is the candidate's failure; NaN and infinities are returned for the caller to judge.
        """
        ...


class Problem(ABC, Generic[PayloadT]):
    """A statement of what is wanted, and the only authority on how well a program does it.

    The folder of a problem holds `problem.py` with an attribute `problem`, `statement.md`, the seed program
    (`seed.py`, or a folder `seed` of several files), and what is named in `baselines`. Instances must be
    the same at every call, and `evaluate` must depend on nothing but its arguments.
    """

    name: ClassVar[str]
    summary: ClassVar[str]
    entry_point: ClassVar[EntryPoint]
    objectives: ClassVar[tuple[Objective, ...]]
    baselines: ClassVar[Mapping[str, str]]
    """Published name of each baseline, and its file or folder, relative to the problem's folder."""
    bound_name: ClassVar[str] = "bound"
    """What `bound` is, as a reader of a table should know it: 'best-known makespan'."""
    features: ClassVar[tuple[Feature, ...]] = ()
    """What a program's expressions can be built from, for operators that build expressions."""
    limits: ClassVar[Limits] = Limits()
    needs_numpy: ClassVar[bool] = False
    """Whether programs find numpy in the sandbox and get arrays as numpy arrays."""

    @property
    def objective(self) -> Objective:
        """The objective that is scored."""
        return self.objectives[0]

    @abstractmethod
    def instances(self, split: Split) -> Sequence[Instance[PayloadT]]:
        """The instances of a split, in a fixed order, with names that are unique over all splits."""

    def read_instances(self, path: Path) -> Sequence[Instance[PayloadT]]:
        """Read instances from a file in a public format.

        Raises:
            InstanceFileError: The file is not in a format that this problem reads.
        """
        raise InstanceFileError(f"{self.name} does not read instances from files: {path}")

    def instance_files(self, path: Path) -> Sequence[Path]:
        """The files that `read_instances` reads for `path`, itself included; all count for the version.

        Raises:
            InstanceFileError: One that belongs to it is missing.
        """
        return (path,)

    @abstractmethod
    def evaluate(self, instance: Instance[PayloadT], candidate: Candidate) -> Outcome:
        """Run one instance and return its outcome with value and metrics filled in.

        Failures of the candidate are left to propagate as `CandidateFailure`.
        """

    def bound(self, instance: Instance[PayloadT]) -> float | None:
        """A value of the first objective that no valid program can beat, or None where none is known."""
        return None


class LockstepProblem(Problem[PayloadT]):
    """A problem that runs many independent instances side by side, one round trip for a decision in each.

    The program must be a function without memory: what it answers for one instance may not depend on
    the others.
    """

    @abstractmethod
    def evaluate_together(
        self, instances: Sequence[Instance[PayloadT]], candidate: Candidate
    ) -> list[Outcome]:
        """The outcomes of `instances`, in their order; the same as one `evaluate` for each.

        A `CandidateFailure` that leaves here has, as its `row`, the position of the instance at fault.
        """

    def evaluate(self, instance: Instance[PayloadT], candidate: Candidate) -> Outcome:
        """Run one instance."""
        return self.evaluate_together([instance], candidate)[0]


class InstanceFileError(ValueError):
    """A file of instances cannot be read; the message names the file, the place and what was expected."""
