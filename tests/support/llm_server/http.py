"""The little of HTTP/1.1 (RFC 9112) that LLM clients use: requests with a length, connections kept alive."""

import asyncio
import socket
import struct
from collections.abc import Coroutine, Mapping
from http import HTTPStatus
from typing import Protocol, TypeAlias, cast

import msgspec

HEAD_BYTES = 64 * 2**10
BODY_BYTES = 32 * 2**20
REASONS = {status.value: status.phrase for status in HTTPStatus} | {529: "Overloaded"}

Headers: TypeAlias = Mapping[str, str]


class HttpRequest(msgspec.Struct, frozen=True):
    """A request with its whole body. Names of headers are in lower case."""

    method: str
    path: str
    headers: Headers
    body: bytes


class HttpError(Exception):
    """A request that cannot be read; `status` is what it is answered with."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Site(Protocol):
    """What connections belong to."""

    def opened(self, connection: "Connection") -> bool:
        """Whether one more connection is welcome."""
        ...

    def closed(self, connection: "Connection") -> None:
        """A connection is gone."""
        ...

    def broken(self, error: BaseException) -> None:
        """The site itself has a mistake."""
        ...

    def handle(self, request: HttpRequest, connection: "Connection") -> Coroutine[None, None, None]:
        """Answer a request. Cancelled when the client goes away."""
        ...


class Connection(asyncio.Protocol):
    """One client's connection: reads one request at a time, and tells at once when the client goes away."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._buffer = bytearray()
        self._task: asyncio.Task[None] | None = None
        self._writable = asyncio.Event()
        self._writable.set()
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        if not self._site.opened(self):
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if len(self._buffer) > HEAD_BYTES + BODY_BYTES:
            self._transport.abort()
        else:
            self._next()

    def connection_lost(self, error: Exception | None) -> None:
        self._writable.set()
        if self._task is not None:
            self._task.cancel()
        self._site.closed(self)

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def write(self, data: bytes) -> None:
        """Send; nothing is sent any more when the client has gone away."""
        self._transport.write(data)

    async def drain(self) -> None:
        """Wait until the system has taken nearly all that was written."""
        await self._writable.wait()

    def cut(self, reset: bool = False) -> None:
        """Close after what has been written; with `reset`, at once, so that the client sees an error."""
        if reset:
            connected: socket.socket = self._transport.get_extra_info("socket")
            connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self._transport.abort()
        else:
            self._transport.close()

    async def end(self) -> None:
        """Stop answering and close."""
        self._transport.abort()
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    def _next(self) -> None:
        if self._task is not None or self._transport.is_closing():
            return
        try:
            request = take_request(self._buffer)
        except HttpError as error:
            self.write(response(error.status, {"Content-Type": "text/plain"}, str(error).encode()))
            self._transport.close()
            return
        if request is not None:
            self._task = asyncio.ensure_future(self._site.handle(request, self))
            self._task.add_done_callback(self._answered)

    def _answered(self, task: asyncio.Task[None]) -> None:
        self._task = None
        if task.cancelled():
            return
        error = task.exception()
        if error is None:
            self._next()
        else:
            self._site.broken(error)
            self._transport.abort()


def take_request(buffer: bytearray) -> HttpRequest | None:
    """Take the first request out of what has arrived; None while it is not whole.

    Raises:
        HttpError: It is no request that this server reads.
    """
    end = buffer.find(b"\r\n\r\n")
    if end < 0:
        if len(buffer) > HEAD_BYTES:
            raise HttpError(431, "the head of the request is too long")
        return None
    first, *lines = bytes(buffer[:end]).decode("latin-1").split("\r\n")
    words = first.split(" ")
    if len(words) != 3 or not words[2].startswith("HTTP/1."):
        raise HttpError(400, f"no request line: {first[:100]!r}")
    headers = {}
    for line in lines:
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    length = _body_length(headers)
    if len(buffer) < end + 4 + length:
        return None
    body = bytes(buffer[end + 4 : end + 4 + length])
    del buffer[: end + 4 + length]
    return HttpRequest(words[0], words[1].partition("?")[0], headers, body)


def _body_length(headers: Headers) -> int:
    if "transfer-encoding" in headers:
        raise HttpError(411, "a body without Content-Length is not read here")
    text = headers.get("content-length", "0")
    if not text.isdecimal():
        raise HttpError(400, f"not a length: {text[:100]!r}")
    if int(text) > BODY_BYTES:
        raise HttpError(413, f"the body is longer than {BODY_BYTES} bytes")
    return int(text)


def head(status: int, headers: Headers) -> bytes:
    """The head of a response."""
    lines = [f"HTTP/1.1 {status} {REASONS[status]}", *(f"{name}: {value}" for name, value in headers.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def response(status: int, headers: Headers, body: bytes) -> bytes:
    """A whole response."""
    return head(status, {**headers, "Content-Length": str(len(body))}) + body


def chunk(data: bytes) -> bytes:
    """A chunk of a body whose length is not told; an empty one ends the body."""
    return b"%x\r\n%b\r\n" % (len(data), data)


async def listen(site: Site) -> asyncio.Server:
    """A server on a free port of 127.0.0.1."""
    return await asyncio.get_running_loop().create_server(
        lambda: Connection(site), "127.0.0.1", 0, backlog=512
    )
