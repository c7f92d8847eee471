"""Frames to and from one candidate, within its limits of time, output and length of reply.

The candidate may be slow, silent, loud, or talk nonsense; every way ends in a `CandidateFailure`. Waiting
looks at the reply and at the output at once, so that what was written before a reply is counted before it.
"""

import contextlib
import fcntl
import os
import select
import sys
from time import monotonic
from typing import TypeAlias

from evolve.problem import CandidateFailure, Limits, Status
from sandbox_runner import wire

_PAUSE_MS = 50
_SHORT_BYTES = 4096
_PIPE_BYTES = 65536
_LARGE_PIPE_BYTES = 2**20
_HEADER_BYTES = wire.HEADER_BYTES
_header = wire.HEADER.unpack_from

Frame: TypeAlias = bytes | bytearray


class ChannelClosed(Exception):  # noqa: N818 - the candidate's process is ending; why is the zygote's to say
    """The other end is closed."""


class Output:
    """The pipe that is a candidate's standard output and standard error."""

    def __init__(self, limit: int) -> None:
        self.reader, self.writer = os.pipe()
        self.limit = limit
        os.set_blocking(self.reader, False)
        self._parts: list[bytes] = []
        self._size = 0
        if sys.platform == "linux":
            # Room for all that may be written, so that an honest program never waits for us to read; where
            # that is refused the usual 64 KiB do, read in the pauses.
            with contextlib.suppress(OSError):
                fcntl.fcntl(self.writer, fcntl.F_SETPIPE_SZ, limit + 4096)

    def drain(self) -> None:
        """Read what is there.

        Raises:
            CandidateFailure: It is more than the limit.
        """
        while self._size <= self.limit:
            try:
                part = os.read(self.reader, _PIPE_BYTES)
            except BlockingIOError:
                return
            self._parts.append(part)
            self._size += len(part)
        raise CandidateFailure(
            Status.OUTPUT_LIMIT, f"the program wrote more than {self.limit} bytes of output"
        )

    @property
    def exceeded(self) -> bool:
        """Whether more than the limit has been read."""
        return self._size > self.limit

    def take(self) -> str:
        """All that was written, up to the limit; leaves the pipe empty."""
        try:
            self.drain()
        except CandidateFailure:
            while True:
                try:
                    os.read(self.reader, _PIPE_BYTES)
                except BlockingIOError:
                    break
        return b"".join(self._parts)[: self.limit].decode("utf-8", "replace")

    def reset(self) -> None:
        """Begin anew, for the next candidate; the pipe must be empty."""
        self._parts, self._size = [], 0

    def close(self) -> None:
        """Close both ends."""
        os.close(self.reader)
        os.close(self.writer)


class Channel:
    """The evaluator's ends of the two pipes to one candidate.

    Pipes, because a round trip over them takes two thirds of the time of one over a socket.
    """

    def __init__(self, output: Output, limits: Limits) -> None:
        """Make the pipes. The candidate's ends are `theirs`, to be closed once they are handed over."""
        request_reader, self._writer = os.pipe()
        self._reader, reply_writer = os.pipe()
        self.theirs = (request_reader, reply_writer)
        os.set_blocking(self._writer, False)
        self._output = output
        self._limits = limits
        self._most = limits.reply_bytes + _HEADER_BYTES
        self._deadline = 0.0
        self._unsent = b""
        self._plain = False
        """Whether the next exchange is nothing but one frame and its reply."""
        poll = select.poll()
        poll.register(self._reader, select.POLLIN)
        poll.register(output.reader, select.POLLIN)
        self._poll = poll.poll
        self._replied = (self._reader, select.POLLIN)
        self.waited = 0.0
        """Seconds spent waiting for this candidate."""
        self.ready_ns = -1
        """The candidate's CPU clock before its first own instruction; -1 until it has told."""

    def start(self, frame: bytes) -> None:
        """Send as much of a frame that has no reply as goes without waiting; the rest goes later."""
        try:
            sent = os.write(self._writer, frame)
        except OSError:  # closed already; the first exchange will tell
            sent = 0
        self._unsent = frame[sent:]

    def queue(self, frame: bytes) -> None:
        """Have a frame that has no reply sent ahead of the next request."""
        self._unsent += frame
        self._plain = False

    def exchange(self, frame: bytes, sequence: int) -> tuple[int, int, int, Frame]:
        """Send requests and receive the reply to the last: kind, small, wide, and the whole frame.

        Raises:
            CandidateFailure: Out of time or output, or the reply is malformed.
            ChannelClosed: The candidate has closed its end.
        """
        begun = monotonic()
        sent, reply = 0, b""
        try:
            if self._plain:
                sent = os.write(self._writer, frame)
                # An answer from the reader alone means that there is a reply, and no output.
                if (
                    sent == len(frame)
                    and len(ready := self._poll(_PAUSE_MS)) == 1
                    and ready[0] == self._replied
                ):
                    reply = os.read(self._reader, _SHORT_BYTES)
                    if _HEADER_BYTES <= len(reply) <= self._most:
                        length, told, kind, small, wide = _header(reply)
                        if told == sequence and len(reply) == length + _HEADER_BYTES:
                            self.waited += monotonic() - begun
                            return kind, small, wide, reply
        except BlockingIOError:
            pass
        except OSError:
            raise ChannelClosed from None
        return self._exchange_slowly(frame[sent:], reply, sequence, begun)

    def _exchange_slowly(
        self, frame: bytes, reply: bytes, sequence: int, begun: float
    ) -> tuple[int, int, int, Frame]:
        """Send the rest of a frame and receive the rest of the reply."""
        self._deadline = begun + self._limits.wall_seconds - self.waited
        try:
            self._send(self._unsent + frame)
            self._unsent = b""
            if self.ready_ns < 0:
                reply = self._receive_ready()
            self._plain = True
            return self._receive(reply, sequence)
        except OSError:
            self.look_for_ready()
            raise ChannelClosed from None
        finally:
            self.waited += monotonic() - begun

    def _send(self, frame: bytes) -> None:
        rest = memoryview(frame)
        if len(rest) > _PIPE_BYTES and sys.platform == "linux":
            with contextlib.suppress(OSError):
                fcntl.fcntl(self._writer, fcntl.F_SETPIPE_SZ, _LARGE_PIPE_BYTES)
        room = select.poll()
        room.register(self._writer, select.POLLOUT)
        while rest:
            try:
                rest = rest[os.write(self._writer, rest) :]
            except BlockingIOError:
                room.poll(_PAUSE_MS)
                self._check()

    def _receive_ready(self) -> bytes:
        """Receive the frame that precedes all replies; what came with it of the next."""
        size = _HEADER_BYTES + 8
        filled = self._fill(b"", size)
        # Sent by the runner before any code of the program ran, so it can be believed.
        self.ready_ns = int.from_bytes(filled[_HEADER_BYTES:size], "little")
        return filled[size:]

    def look_for_ready(self) -> None:
        """Learn whether the program had begun, where nothing was received before its process ended."""
        if self.ready_ns < 0 and any(descriptor == self._reader for descriptor, _ in self._poll(0)):
            frame = os.read(self._reader, _HEADER_BYTES + 8)
            if len(frame) == _HEADER_BYTES + 8:
                self.ready_ns = int.from_bytes(frame[_HEADER_BYTES:], "little")

    def _receive(self, reply: bytes, sequence: int) -> tuple[int, int, int, Frame]:
        """Receive the rest of a reply."""
        reply = self._fill(reply, _HEADER_BYTES)
        length, told, kind, small, wide = _header(reply)
        if told != sequence:
            raise CandidateFailure(Status.INVALID, "a reply to something that was not asked")
        if length > self._limits.reply_bytes:
            text = f"a reply of {length} bytes, limit {self._limits.reply_bytes}"
            raise CandidateFailure(Status.INVALID, text)
        size = _HEADER_BYTES + length
        if len(reply) > size:
            raise CandidateFailure(Status.INVALID, "more bytes than the reply has")
        frame = bytearray(size)
        frame[: len(reply)] = reply
        view, filled = memoryview(frame), len(reply)
        while filled < size:
            self._await()
            received = os.readv(self._reader, [view[filled:]])
            if not received:
                raise ChannelClosed
            filled += received
        self._output.drain()
        return kind, small, wide, frame

    def _fill(self, start: bytes, wanted: int) -> bytes:
        """What begins with `start` and has at least `wanted` bytes."""
        while len(start) < wanted:
            self._await()
            more = os.read(self._reader, _SHORT_BYTES)
            if not more:
                raise ChannelClosed
            start += more
        return start

    def _await(self) -> None:
        """Wait until the reader has something, while there is time, and room for output."""
        while True:
            ready = self._poll(_PAUSE_MS)
            self._check()
            if any(descriptor == self._reader for descriptor, _ in ready):
                return

    def _check(self) -> None:
        self._output.drain()
        if monotonic() > self._deadline:
            limit = self._limits.wall_seconds
            raise CandidateFailure(Status.TIMEOUT, f"no reply within {limit:g} s of waiting (wall clock)")

    def close_theirs(self) -> None:
        """Close the candidate's ends here, once it has them."""
        for descriptor in self.theirs:
            os.close(descriptor)

    def close(self) -> None:
        """Close our ends."""
        os.close(self._writer)
        os.close(self._reader)
