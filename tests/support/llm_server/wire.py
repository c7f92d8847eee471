"""How an answer goes over the wire, and what goes wrong there."""

import asyncio
import time
from collections.abc import Callable
from email.utils import formatdate

import msgspec

from tests.support.llm_server.behaviour import STATUSES, Behaviour, Kind
from tests.support.llm_server.exchange import Answer, Denial, Dialect
from tests.support.llm_server.http import Connection, chunk, head, response

JSON = "application/json"
STREAM = "text/event-stream; charset=utf-8"
GATEWAY_ERROR = b"upstream connect error or disconnect/reset before headers"
PAGE = b"<!DOCTYPE html><html><head><title>Just a moment...</title></head><body></body></html>"


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """An answer on its way to a client."""

    dialect: Dialect
    behaviour: Behaviour
    connection: Connection
    request_id: str
    answering: Callable[[int], None]
    """Told the status before the head is sent."""

    async def deny(self, denial: Denial) -> None:
        """Send an error."""
        status = STATUSES[denial.kind]
        headers = {"Content-Type": JSON, **self.dialect.headers(self.request_id), **self._waiting()}
        if denial.kind is Kind.RATE_LIMITED:
            headers |= self.dialect.limit_headers(self.behaviour.retry_after_s or 0.0)
        body = msgspec.json.encode(self.dialect.error(denial))
        if denial.kind is Kind.UNAVAILABLE:
            headers["Content-Type"] = "text/plain"
            body = GATEWAY_ERROR
        self.answering(status)
        self.connection.write(response(status, headers, body))
        await self.connection.drain()

    async def answer(self, answer: Answer) -> None:
        """Send an answer, or what is left of it."""
        match self.behaviour.kind:
            case Kind.HANG:
                await asyncio.Event().wait()
            case Kind.CUT_BEFORE_HEAD:
                self.connection.cut(self.behaviour.reset)
            case Kind.WEB_PAGE:
                await self._send_whole(PAGE, "text/html")
            case Kind.WRONG_SHAPE:
                error = {"error": {"message": "Provider returned error", "code": 502}}
                await self._send_whole(msgspec.json.encode(error), JSON)
            case _ if answer.question.stream:
                await self._send_events(self.dialect.events(answer), answer.question.model)
            case _:
                await self._send_body(msgspec.json.encode(self.dialect.whole(answer)))

    async def _send_body(self, body: bytes) -> None:
        half = len(body) // 2
        match self.behaviour.kind:
            case Kind.CUT_IN_BODY:
                self._send_head({"Content-Type": JSON, "Content-Length": str(len(body))})
                await self._cut_after([body[:half]])
            case Kind.TRUNCATED:
                await self._send_whole(body[:half], JSON)
            case Kind.MALFORMED:
                await self._send_whole(body.replace(b":", b"=", 3), JSON)
            case Kind.DRIP:
                self._send_head({"Content-Type": JSON, "Content-Length": str(len(body))})
                await self._drip(body, lambda piece: piece)
            case _:
                await self._send_whole(body, JSON)

    async def _send_events(self, events: list[bytes], model: str) -> None:
        half = len(events) // 2
        self._send_head({"Content-Type": STREAM, "Cache-Control": "no-cache", "Transfer-Encoding": "chunked"})
        end = chunk(b"")
        match self.behaviour.kind:
            case Kind.CUT_IN_BODY:
                await self._cut_after([chunk(one) for one in events[:half]])
                return
            case Kind.TRUNCATED:
                frames = [chunk(one) for one in events[:half]]
            case Kind.MALFORMED:
                events[half] = events[half].replace(b'":', b'"=', 3)
                frames = [chunk(one) for one in events]
            case Kind.ERROR_IN_STREAM:
                denial = Denial(kind=Kind.OVERLOADED, model=model, request_id=self.request_id)
                broken = [*events[:half], self.dialect.error_event(denial, half)]
                frames = [chunk(one) for one in broken]
            case Kind.DRIP:
                await self._drip(b"".join(events), chunk)
                frames = []
            case _:
                frames = [chunk(one) for one in events]
        self.connection.write(b"".join(frames) + end)
        await self.connection.drain()

    async def _send_whole(self, body: bytes, kind: str) -> None:
        self._send_head({"Content-Type": kind, "Content-Length": str(len(body))})
        self.connection.write(body)
        await self.connection.drain()

    async def _cut_after(self, parts: list[bytes]) -> None:
        """Cut the connection when the client has had the time to read what comes before."""
        self.connection.write(b"".join(parts))
        await self.connection.drain()
        await asyncio.sleep(0.02)
        self.connection.cut(self.behaviour.reset)

    async def _drip(self, body: bytes, framed: Callable[[bytes], bytes]) -> None:
        length = -(-len(body) // self.behaviour.pieces)
        for start in range(0, len(body), length):
            if start:
                await asyncio.sleep(self.behaviour.pause_s)
            self.connection.write(framed(body[start : start + length]))
            await self.connection.drain()

    def _send_head(self, headers: dict[str, str]) -> None:
        self.answering(200)
        self.connection.write(head(200, {**headers, **self.dialect.headers(self.request_id)}))

    def _waiting(self) -> dict[str, str]:
        wait_s = self.behaviour.retry_after_s
        if wait_s is None:
            return {}
        match self.behaviour.retry_after_as:
            case "seconds":
                return {"Retry-After": f"{wait_s:g}"}
            case "milliseconds":
                return {"retry-after-ms": f"{wait_s * 1000:g}"}
            case "date":
                return {"Retry-After": formatdate(time.time() + wait_s, usegmt=True)}
