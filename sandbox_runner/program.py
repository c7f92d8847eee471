"""A loaded program and the loop that answers the evaluator's requests, inside the locked-down process.

Nothing the program does to this module can help it: whatever leaves the process is checked on the other side,
and a false answer is only another answer.
"""

import os
import sys
from collections.abc import Callable
from struct import Struct
from struct import error as struct_error
from types import CodeType, ModuleType
from typing import Any, NoReturn

from sandbox_runner import bundle, wire
from sandbox_runner.codec import Decoder, Encoder, EncodingError
from sandbox_runner.failure import ONE_FILE, MistypedReply, describe, failure_payload
from sandbox_runner.lockstep import LockstepShape
from sandbox_runner.rows import RowShape

_READ_BYTES = 4096
_SMALL = Struct("<I")


class EvaluatorGone(Exception):  # noqa: N818 - an end, not an error
    """There will be no more requests."""


class Requests:
    """The frames that arrive on a descriptor."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._pending = b""

    def next(self) -> bytes:
        """The next whole frame, header included.

        Raises:
            EvaluatorGone: The evaluator has closed its end.
        """
        pending = self._pending
        if not pending:
            pending = os.read(self._descriptor, _READ_BYTES)
        size = len(pending)
        if size >= wire.HEADER_BYTES:
            whole: int = _SMALL.unpack_from(pending)[0] + wire.HEADER_BYTES
            if size == whole:
                self._pending = b""
                return pending
            if size > whole:
                self._pending = pending[whole:]
                return pending[:whole]
        return self._rest(pending)

    def _rest(self, pending: bytes) -> bytes:
        """Complete a frame of which `pending` is the beginning."""
        while len(pending) < wire.HEADER_BYTES:
            more = os.read(self._descriptor, _READ_BYTES) if pending else b""
            if not more:
                raise EvaluatorGone
            pending += more
        whole = _SMALL.unpack_from(pending)[0] + wire.HEADER_BYTES
        if len(pending) >= whole:
            self._pending = pending
            return self.next()
        frame = bytearray(whole)
        frame[: len(pending)] = pending
        view, filled = memoryview(frame), len(pending)
        while filled < whole:
            got = os.readv(self._descriptor, [view[filled:]])
            if not got:
                raise EvaluatorGone
            filled += got
        self._pending = b""
        return bytes(frame)


class Program:
    """The program of one candidate."""

    def __init__(self, requests: int, replies: int) -> None:
        self._requests = Requests(requests)
        self._replies = replies
        self._module = ModuleType("program")
        self._rows: dict[int, RowShape] = {}
        self._locksteps: dict[int, LockstepShape] = {}
        self._instance: object = None
        self._sources: dict[str, str] = {}
        """What the program's files are called in tracebacks, and what is in them."""
        self._sequence = 0
        """Number of the request that is being answered; 0 until there is one."""

    def serve(self) -> None:
        """Load the program and answer requests, until it fails or the evaluator closes its end."""
        try:
            try:
                self._load()
                self._answer_requests()
            except EvaluatorGone:
                return
            except BaseException as error:  # noqa: BLE001 - the boundary of the process: tell what happened
                failure = failure_payload(describe(error, self._sources))
            self._flush()
            while self._sequence == 0:  # the program did not load: the first request is told
                self._sequence = wire.HEADER.unpack_from(self._requests.next())[1]
            self._reply(wire.FAILURE, failure)
        except EvaluatorGone:
            return

    def _load(self) -> None:
        source = str(self._requests.next()[wire.HEADER_BYTES :], "utf-8")
        if source.startswith(bundle.OPENING):
            parts = bundle.split(source)
            self._sources = {bundle.filename(part.name): part.source for part in parts}
            self._module = bundle.load(parts)
            return
        self._sources = {ONE_FILE: source}
        sys.modules["program"] = self._module
        code: CodeType = compile(source, ONE_FILE, "exec", dont_inherit=True)
        exec(code, self._module.__dict__)  # noqa: S102 - to run an untrusted program is what this process is for

    def _answer_requests(self) -> NoReturn:
        next_request, unpack_header, shapes = self._requests.next, wire.HEADER.unpack_from, self._rows
        while True:
            frame = next_request()
            _, self._sequence, kind, _, wide = unpack_header(frame)
            if kind == wire.STEP_NUMBERS:
                name, unpack, arrange = shapes[wide]
                row = unpack(frame)
                method = getattr(self._instance, name)
                self._answer_numbers(method(*(row if arrange is None else arrange(row))))
            elif kind == wire.CALL_NUMBERS:
                name, unpack, arrange = shapes[wide]
                row = unpack(frame)
                result = self._find(name)(*(row if arrange is None else arrange(row)))
                self._flush()
                self._answer_numbers(result)
            else:
                self._answer(kind, wide, memoryview(frame)[wire.HEADER_BYTES :])

    def _answer(self, kind: int, wide: int, payload: memoryview) -> None:
        if kind == wire.LOCKSTEP:
            shape = self._locksteps[wide]
            column = shape.answer(self._find(shape.function), payload)
            self._flush()
            self._reply(wire.COLUMN, column)
            return
        head, arguments = Decoder(payload).decode()
        if kind == wire.SHAPE:
            if head == "row":
                self._rows[wide] = RowShape.declared(*arguments)
            else:
                self._locksteps[wide] = LockstepShape.declared(*arguments)
        elif kind == wire.STEP:
            self._answer_numbers(getattr(self._instance, head)(*arguments))
        else:
            result = self._find(head)(*arguments)
            if kind == wire.CREATE:
                self._instance, result = result, None
            payload_out = encoded(result)
            self._flush()
            self._reply(wire.VALUE, payload_out)

    def _find(self, name: str) -> Callable[..., Any]:
        try:
            found: Callable[..., Any] = self._module.__dict__[name]
        except KeyError:
            raise NameError(f"the program defines no {name!r}") from None
        return found

    def _answer_numbers(self, result: object) -> None:
        """Reply with a number or a few in the shortest form there is; with any other value as it is."""
        kind = type(result)
        sequence = self._sequence
        if kind is float:
            frame = _pack_float(8, sequence, wire.NUMBERS, wire.BARE_NUMBER, 1, result)
        elif kind is int and -(2**63) <= result < 2**63:  # type: ignore[operator]  # an int, by its type
            frame = _pack_int(8, sequence, wire.NUMBERS, wire.BARE_NUMBER, 0, result)
        else:
            numbers = pack_numbers(result) if kind is list or kind is tuple else None
            if numbers is None:
                self._reply(wire.VALUE, encoded(result))
                return
            count, mask, payload = numbers
            frame = wire.HEADER.pack(len(payload), sequence, wire.NUMBERS, count, mask) + payload
        os.write(self._replies, frame)  # a short frame always fits

    def _reply(self, kind: int, payload: bytes) -> None:
        frame = memoryview(wire.HEADER.pack(len(payload), self._sequence, kind, 0, 0) + payload)
        while frame:
            frame = frame[os.write(self._replies, frame) :]

    def _flush(self) -> None:
        """Send what the program printed; it may have closed or replaced the streams."""
        for stream in (sys.__stdout__, sys.__stderr__):
            try:
                if stream is not None:
                    stream.flush()
            except (ValueError, OSError):
                continue


_pack_float = Struct("<IIBBHd").pack
_pack_int = Struct("<IIBBHq").pack
_NUMBERS: dict[tuple[type, ...], tuple[int, Struct]] = {}


def pack_numbers(row: Any) -> tuple[int, int, bytes] | None:
    """Count, mask and bytes of a short row of numbers; None where it is something else."""
    types = tuple(map(type, row))
    known = _NUMBERS.get(types)
    if known is None:
        if not 0 < len(types) <= wire.MOST_NUMBERS or not set(types) <= {float, int}:
            return None
        mask = sum(1 << at for at, kind in enumerate(types) if kind is float)
        letters = "".join("d" if kind is float else "q" for kind in types)
        known = _NUMBERS[types] = mask, Struct("<" + letters)
    try:
        return len(types), known[0], known[1].pack(*row)
    except struct_error:
        return None


def encoded(result: object) -> bytes:
    """The payload that carries what the program returned."""
    try:
        return Encoder().encode(result)
    except EncodingError as error:
        raise MistypedReply(f"what the program returned cannot be sent: {error}") from None


def warm_up(rounds: int) -> None:
    """Load and call a small program, in this process, as candidates will.

    The interpreter specialises code as it runs, writing into it. What is written before the fork is shared;
    what is written after costs each candidate a copy of a page.
    """
    source = b"def f(x):\n    return [x, 1.5]\nclass C:\n    def g(self, *a):\n        return 1\n"
    call = b"\x92\xa1f\x91\x01"
    for _ in range(rounds):
        request_reader, request_writer = os.pipe()
        reply_reader, reply_writer = os.pipe()
        os.write(request_writer, wire.HEADER.pack(len(source), 0, wire.SOURCE, 0, 0) + source)
        payload = wire.TREE_LENGTH.pack(len(call)) + call
        for sequence in (1, 2):
            os.write(request_writer, wire.HEADER.pack(len(payload), sequence, wire.CALL, 0, 0) + payload)
        os.close(request_writer)
        Program(request_reader, reply_writer).serve()
        for descriptor in (request_reader, reply_reader, reply_writer):
            os.close(descriptor)
    sys.modules.pop("program", None)
