"""A program opened in a sandbox: its calls, its failures, and what it has used."""

from collections.abc import Callable, Sequence
from struct import Struct
from struct import error as struct_error
from typing import NoReturn

import msgspec
import numpy as np

from evolve.execution.sandbox_channel import Channel, ChannelClosed, Frame, Output
from evolve.execution.sandbox_codec import UndecodableReply, decode, decode_failure, encode
from evolve.execution.sandbox_ending import UNKNOWN, explain_early_end, explain_end, printable
from evolve.execution.sandbox_rows import RowShape, described, flattened, may_be_row, row_shape
from evolve.execution.sandbox_tables import field_names, number_of_calls
from evolve.execution.sandbox_zygote import Verdict, Zygote
from evolve.problem import (
    CandidateFailure,
    Floats,
    InfrastructureError,
    Limits,
    Status,
    Table,
    Value,
)
from sandbox_runner import wire

_STATUSES = {status.value: status for status in (Status.CRASHED, Status.OUT_OF_MEMORY, Status.INVALID)}
_MOST_SHAPES = 1000
_pack_header = wire.HEADER.pack


class Usage(msgspec.Struct, frozen=True):
    """What a candidate used, measured from outside its process."""

    cpu_seconds: float
    """From the program's first instruction to its end, less what a program that does nothing is charged."""
    wall_seconds: float
    """Time spent waiting for it."""
    peak_memory_bytes: int
    """Resident, the interpreter's own pages included."""
    output: str
    """What it wrote to standard output and standard error, up to the limit."""
    output_exceeded: bool = False


class SandboxedCandidate:
    """Implements `evolve.problem.Candidate`. A context manager; made by `Sandbox.open`."""

    def __init__(
        self,
        zygote: Zygote,
        source: str,
        limits: Limits,
        output: Output,
        charged_ns: int,
        on_close: Callable[[], None],
    ) -> None:
        self._zygote = zygote
        self._limits = limits
        self._output = output
        self._charged_ns = charged_ns
        self._on_close = on_close
        self._usage: Usage | None = None
        self._verdict: Verdict | None = None
        self._failure: CandidateFailure | InfrastructureError | None = None
        self._sequence = 0
        self._steps: dict[object, RowShape | None] = {}
        self._calls: dict[object, RowShape | None] = {}
        self._called: set[object] = set()
        """Keys of calls of which there has been one, and which have no shape yet."""
        self._locksteps: dict[object, int] = {}
        self._declared = 0
        self._reply_forms: dict[tuple[int, int], Struct] = {}
        self._channel = Channel(output, limits)
        self._dead = False
        try:
            descriptors = (*self._channel.theirs, output.writer)
            self._job = zygote.open(descriptors, int(limits.cpu_seconds * 1e9), limits.memory_bytes)
        except BaseException:
            self._channel.close()
            raise
        finally:
            self._channel.close_theirs()
        text = source.encode("utf-8", "replace")
        self._channel.start(_pack_header(len(text), 0, wire.SOURCE, 0, 0) + text)

    def __enter__(self) -> "SandboxedCandidate":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- The calls of `evolve.problem.Candidate` ---------------------------------------------------------

    def call(self, function: str, *args: Value) -> object:
        """Call a function of the program and return what it returned.

        From the second such call on, numbers, lists of numbers and mappings to numbers travel fast.
        """
        if may_be_row(args):
            key, flat = flattened(function, args)
            shape = self._calls.get(key) or self._call_shape(key, function, args)
            if shape is not None:
                return self._result(self._ask(self._row(wire.CALL_NUMBERS, shape, flat)))
        return self._value(wire.CALL, function, args)

    def create(self, cls: str, *args: Value) -> None:
        """Call `cls`, and keep what it returns for `step`."""
        self._value(wire.CREATE, cls, args)

    def _value(self, kind: int, name: str, args: tuple[Value, ...]) -> object:
        payload = encode([name, args])
        return self._decoded(self._ask(self._frame(kind, payload)))

    def step(self, method: str, *args: Value) -> object:
        """Call a method of the created object. Numbers and lists of numbers travel fastest."""
        flat: Sequence[Value] = args
        types = (*map(type, args),)
        key: object = (method, types)
        if list in types or tuple in types or dict in types:
            key, flat = flattened(method, args)
        try:
            shape = self._steps[key]
        except KeyError:
            shape = self._steps[key] = self._declare(method, args)
        if shape is None:
            return self._result(self._ask(self._frame(wire.STEP, encode([method, args]))))
        return self._result(self._ask(self._row(wire.STEP_NUMBERS, shape, flat)))

    def lockstep(self, function: str, *tables: Table) -> Floats:
        """Call a function once for each row of `tables`; float64 of the number of calls."""
        calls = number_of_calls(tables)
        key = (function, *[table.record for table in tables])
        number = self._locksteps.get(key)
        prefix = b""
        if number is None:
            number = self._next_shape()
            records = [[table.record.name, field_names(table.record)] for table in tables]
            prefix = self._shape(number, "lockstep", [function, records])
            self._locksteps[key] = number
        parts = []
        for table in tables:
            index = table.index
            parts.append(wire.TABLE.pack(len(table.rows), -1 if index is None else len(index)))
            parts.append(np.ascontiguousarray(table.rows, "<f8").tobytes())
            if index is not None:
                parts.append(np.ascontiguousarray(index, "<i4").tobytes())
        payload = b"".join(parts)
        self._sequence += 1
        header = _pack_header(len(payload), self._sequence, wire.LOCKSTEP, 0, number)
        kind, _, _, reply = self._ask(prefix + header + payload, calls)
        if kind != wire.COLUMN or len(reply) != wire.HEADER_BYTES + 8 * calls:
            self._fail(CandidateFailure(Status.INVALID, "a reply of the wrong kind or length"))
        return np.frombuffer(reply, "<f8", offset=wire.HEADER_BYTES).astype(np.float64)

    # --- Frames ------------------------------------------------------------------------------------------

    def _frame(self, kind: int, payload: bytes) -> bytes:
        self._sequence += 1
        return _pack_header(len(payload), self._sequence, kind, 0, 0) + payload

    def _shape(self, number: int, kind: str, description: list[Value]) -> bytes:
        payload = encode([kind, description])
        return _pack_header(len(payload), 0, wire.SHAPE, 0, number) + payload

    def _row(self, kind: int, shape: RowShape, flat: Sequence[Value]) -> bytes:
        number, length, pack = shape
        self._sequence += 1
        try:
            return pack(length, self._sequence, kind, 0, number, *flat)
        except struct_error:
            raise OverflowError("an integer beyond 64 bits cannot be sent to a program") from None

    def _call_shape(self, key: object, function: str, args: Sequence[Value]) -> RowShape | None:
        """The shape of a call that has none yet: declared when the like comes a second time."""
        if key not in self._called:
            if len(self._called) < _MOST_SHAPES:
                self._called.add(key)
            return None
        if key not in self._calls:
            self._calls[key] = self._declare(function, args)
        return self._calls[key]

    def _declare(self, name: str, args: Sequence[Value]) -> RowShape | None:
        """Tell the runner how the numbers of `args` follow each other, if numbers are all they are."""
        found = described(args) if self._declared < _MOST_SHAPES else None
        if found is None:
            return None
        letters, spans = found
        shape = row_shape(self._next_shape(), letters)
        self._channel.queue(self._shape(shape.number, "row", [name, letters, spans]))
        return shape

    def _next_shape(self) -> int:
        self._declared += 1
        return self._declared - 1

    def _ask(self, frame: bytes, calls: int = 0) -> tuple[int, int, int, Frame]:
        """Exchange a frame for a reply; `calls` is how many rows a failure may name."""
        if self._dead:
            self._refuse()
        try:
            answer = self._channel.exchange(frame, self._sequence)
        except ChannelClosed:
            self._fail(self._explain_end())
        except CandidateFailure as failure:
            self._fail(failure)
        except BaseException:  # an interrupt: the next reply would be to the wrong question
            self._dead, self._failure = True, InfrastructureError("a call of the program was interrupted")
            raise
        if answer[0] == wire.FAILURE:
            self._fail(self._told_failure(_payload(answer[3]), calls))
        return answer

    def _result(self, answer: tuple[int, int, int, Frame]) -> object:
        """What a program returned, as a number, a few numbers, or any value."""
        kind, small, wide, reply = answer
        if kind != wire.NUMBERS:
            return self._decoded(answer)
        if small == wire.BARE_NUMBER and len(reply) == _BARE_BYTES:
            return (_unpack_float if wide else _unpack_int)(reply)[0]
        return self._numbers(small, wide, reply)

    def _numbers(self, count: int, mask: int, reply: Frame) -> list[float | int]:
        form = self._reply_forms.get((count, mask))
        if form is None:
            if not 0 < count <= wire.MOST_NUMBERS or mask >> count:
                self._fail(CandidateFailure(Status.INVALID, "a malformed row of numbers"))
            letters = "".join("d" if mask >> at & 1 else "q" for at in range(count))
            form = self._reply_forms[count, mask] = Struct(f"<{wire.HEADER_BYTES}x{letters}")
        if len(reply) != form.size:
            self._fail(CandidateFailure(Status.INVALID, "a malformed row of numbers"))
        return list(form.unpack(reply))

    def _decoded(self, answer: tuple[int, int, int, Frame]) -> object:
        if answer[0] != wire.VALUE:
            self._fail(CandidateFailure(Status.INVALID, f"a reply of unknown kind {answer[0]}"))
        try:
            return decode(_payload(answer[3]))
        except UndecodableReply as error:
            self._fail(CandidateFailure(Status.INVALID, f"a malformed reply: {error}"))

    # --- Failures ----------------------------------------------------------------------------------------

    def _refuse(self) -> NoReturn:
        if self._failure is not None:
            raise self._failure
        raise RuntimeError("this candidate is closed")

    def _fail(self, failure: CandidateFailure | InfrastructureError) -> NoReturn:
        """Remember why the candidate is dead, end it, and raise."""
        self._failure = failure
        self._dead = True
        if not isinstance(failure, InfrastructureError):
            self.close()
        raise failure

    def _told_failure(self, payload: memoryview, calls: int) -> CandidateFailure:
        """The failure that the candidate's process tells of: words of a stranger, but failing is no gain."""
        try:
            status, text, row = decode_failure(payload)
        except UndecodableReply as error:
            return CandidateFailure(Status.INVALID, f"a malformed reply: {error}")
        known = _STATUSES.get(status, Status.INVALID)
        return CandidateFailure(known, printable(text), row if 0 <= row < calls else None)

    def _explain_end(self) -> CandidateFailure | InfrastructureError:
        """Why the candidate's process has closed its pipe."""
        try:
            self._verdict = self._zygote.end(self._job)
        except InfrastructureError as error:
            self._verdict = UNKNOWN
            return error
        if self._channel.ready_ns < 0:
            return explain_early_end(self._verdict, self._output.take())
        return explain_end(self._verdict, self._limits, self._zygote.hello.seccomp)

    # --- The end -----------------------------------------------------------------------------------------

    @property
    def usage(self) -> Usage:
        """What was used, known once the candidate is closed.

        Raises:
            RuntimeError: It is not closed.
        """
        if self._usage is None:
            raise RuntimeError("a candidate's usage is known when it is closed")
        return self._usage

    def close(self) -> Usage:
        """Kill and reap the process; what it has used. Idempotent.

        Raises:
            InfrastructureError: The zygote is gone, and with it the candidate.
        """
        if self._usage is not None:
            return self._usage
        self._dead = True
        failure: InfrastructureError | None = None
        try:
            verdict = self._verdict or self._zygote.end(self._job)
        except InfrastructureError as error:
            failure, verdict = error, UNKNOWN
        self._channel.look_for_ready()
        self._channel.close()
        output = printable(self._output.take())
        ready = max(0, self._channel.ready_ns)
        spent = verdict.clock_ns if verdict.clock_ns >= 0 else verdict.spent_ns
        self._usage = Usage(
            cpu_seconds=max(0, spent - ready - self._charged_ns) / 1e9 if ready else 0.0,
            wall_seconds=self._channel.waited,
            peak_memory_bytes=verdict.resident_bytes,
            output=output,
            output_exceeded=self._output.exceeded,
        )
        self._on_close()
        if failure is not None and self._failure is None:
            self._failure = failure
            raise failure
        return self._usage


_BARE_BYTES = wire.HEADER_BYTES + 8
_unpack_float = Struct(f"<{wire.HEADER_BYTES}xd").unpack
_unpack_int = Struct(f"<{wire.HEADER_BYTES}xq").unpack


def _payload(frame: Frame) -> memoryview:
    return memoryview(frame)[wire.HEADER_BYTES :]
