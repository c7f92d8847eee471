"""The server: a loopback address at which models answer, as far as the plan lets them."""

import asyncio
import hashlib
import sys
import time
from types import TracebackType
from typing import Self

import msgspec

from evolve.randomness import stream
from tests.support.llm_server.anthropic_messages import AnthropicMessages
from tests.support.llm_server.behaviour import BILLED, STATUSES, Behaviour, Kind, Plan
from tests.support.llm_server.config import Metering, ServerConfig
from tests.support.llm_server.exchange import (
    Answer,
    Denial,
    Dialect,
    Ending,
    InvalidRequestError,
    Question,
    Tokens,
    digest_of,
    first_tokens,
    input_tokens,
    marked_tokens,
    token_count,
)
from tests.support.llm_server.http import Connection, HttpRequest, listen, response
from tests.support.llm_server.ledger import Ledger, Report
from tests.support.llm_server.openai_chat import OpenAIChat
from tests.support.llm_server.openai_responses import OpenAIResponses
from tests.support.llm_server.prefixes import PrefixCache
from tests.support.llm_server.responders import Responder
from tests.support.llm_server.wire import JSON, Delivery

DIALECTS: dict[str, Dialect] = {
    dialect.path: dialect for dialect in (OpenAIChat(), OpenAIResponses(), AnthropicMessages())
}
REFUSAL = "I'm sorry, but I can't help with that."


class LLMServer:
    """Serves while it is entered. `plan` and `responder` replace those of the configuration.

    Raises:
        BaseException: At the end, the first mistake of the server itself, so that no test overlooks it.
    """

    def __init__(
        self,
        config: ServerConfig | None = None,
        *,
        plan: Plan | None = None,
        responder: Responder | None = None,
    ) -> None:
        self._config = config or ServerConfig()
        self._plan: Plan = plan or self._config.plan
        self._responder: Responder = responder or self._config.responder
        self._ledger = Ledger()
        self._prefixes = PrefixCache(self._config.metering)
        self._connections: dict[Connection, None] = {}
        self._failure: BaseException | None = None
        self._stopping = asyncio.Event()

    async def __aenter__(self) -> Self:
        self._server = await listen(self)
        self._end = asyncio.get_running_loop().call_later(self._config.lifetime_s, self._stopping.set)
        self._watch = asyncio.ensure_future(self._stop())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        await self._watch
        if self._failure is not None:
            raise self._failure

    @property
    def port(self) -> int:
        """On 127.0.0.1."""
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    @property
    def url(self) -> str:
        """Without a path, as Anthropic's SDK wants it; OpenAI's wants `/v1` after it."""
        return f"http://127.0.0.1:{self.port}"

    def report(self) -> Report:
        """The ledger as it stands."""
        return self._ledger.report()

    def stop(self) -> None:
        """Begin to stop."""
        self._stopping.set()

    async def stopped(self) -> None:
        """Wait until it has stopped, for whatever reason."""
        await asyncio.shield(self._watch)

    async def _stop(self) -> None:
        await self._stopping.wait()
        self._end.cancel()
        self._server.close()
        await asyncio.gather(*(connection.end() for connection in list(self._connections)))

    def opened(self, connection: Connection) -> bool:
        self._connections[connection] = None
        self._ledger.connected(1)
        return self._ledger.connections <= self._config.max_connections and not self._stopping.is_set()

    def closed(self, connection: Connection) -> None:
        del self._connections[connection]
        self._ledger.connected(-1)

    def broken(self, error: BaseException) -> None:
        self._failure = self._failure or error
        sys.excepthook(type(error), error, error.__traceback__)

    async def handle(self, request: HttpRequest, connection: Connection) -> None:
        if (request.method, request.path) == ("GET", "/ledger"):
            body = msgspec.json.encode(self.report())
            connection.write(response(200, {"Content-Type": JSON}, body))
        elif request.path not in DIALECTS:
            connection.write(response(404, {"Content-Type": "text/plain"}, b"there is nothing here"))
        elif request.method != "POST":
            connection.write(response(405, {"Allow": "POST"}, b""))
        else:
            await self._serve(DIALECTS[request.path], request, connection)
        await connection.drain()

    async def _serve(self, dialect: Dialect, request: HttpRequest, connection: Connection) -> None:
        question, mistake = _read(dialect, request)
        seen = self._ledger.seen(question.digest)
        natural = self._denied(dialect, request, question, mistake)
        behaviour = self._behaviour(question, seen) if natural is None else Behaviour(natural[0])
        name = hashlib.sha256(f"{self._config.seed}/{question.digest}/{seen}".encode()).hexdigest()
        request_id, answer_id = name[:32], name[32:]
        answer = self._answer(question, behaviour.kind, answer_id)
        index = self._ledger.open(question, behaviour.kind, seen, request_id, answer_id, answer.tokens)
        delivery = Delivery(
            dialect=dialect,
            behaviour=behaviour,
            connection=connection,
            request_id=request_id,
            answering=lambda status: self._ledger.answering(index, status),
        )
        sent = False
        try:
            await asyncio.sleep(behaviour.delay_s)
            if behaviour.kind in STATUSES:
                detail = natural[1] if natural else self._detail(dialect, request, question, behaviour)
                await delivery.deny(
                    Denial(
                        kind=behaviour.kind,
                        model=question.model,
                        request_id=request_id,
                        detail=detail,
                        retry_after_s=behaviour.retry_after_s,
                    )
                )
            else:
                if behaviour.kind in BILLED:
                    self._prefixes.keep(question)
                await delivery.answer(answer)
            sent = True
        finally:
            self._ledger.close(index, sent)

    def _behaviour(self, question: Question, seen: int) -> Behaviour:
        behaviour = self._plan.decide(question.digest, question.text, seen, self._ledger.requests)
        if behaviour.kind is Kind.ERROR_IN_STREAM and not question.stream:
            return msgspec.structs.replace(behaviour, kind=Kind.OVERLOADED)
        return behaviour

    def _denied(
        self, dialect: Dialect, request: HttpRequest, question: Question, mistake: str
    ) -> tuple[Kind, str] | None:
        """Why the request cannot be answered, whatever the plan says."""
        config = self._config
        if self._ledger.requests >= config.max_requests:
            if self._ledger.requests >= 2 * config.max_requests:
                self.stop()
            return Kind.OVER_LIMIT, f"this server was made for {config.max_requests} requests"
        if config.keys is not None and dialect.key(request.headers) not in config.keys:
            return Kind.BAD_KEY, masked(dialect.key(request.headers))
        if mistake:
            return Kind.INVALID_REQUEST, mistake
        if config.models is not None and question.model not in config.models:
            return Kind.UNKNOWN_MODEL, ""
        asked = input_tokens(question.turns)
        if asked + (question.max_output_tokens or 0) > config.context_tokens:
            return Kind.CONTEXT_EXCEEDED, dialect.too_long(asked, config.context_tokens)
        return None

    def _detail(self, dialect: Dialect, request: HttpRequest, question: Question, wanted: Behaviour) -> str:
        """What the error says that the plan wants."""
        key = dialect.key(request.headers)
        match wanted.kind:
            case Kind.BAD_KEY:
                return key if wanted.echo_key else masked(key)
            case Kind.CONTEXT_EXCEEDED:
                asked = input_tokens(question.turns)
                return dialect.too_long(asked, asked - 1)
            case Kind.INVALID_REQUEST:
                return "the plan wants this request to be invalid"
            case _:
                return ""

    def _answer(self, question: Question, kind: Kind, answer_id: str) -> Answer:
        text, ending = self._responder.respond(question) if question.turns else "", Ending.STOP
        match kind:
            case Kind.EMPTY:
                text = ""
            case Kind.REFUSED:
                text, ending = REFUSAL, Ending.REFUSED
            case Kind.FILTERED:
                text, ending = "", Ending.FILTERED
            case Kind.LENGTH:
                text, ending = first_tokens(text, token_count(text) // 2), Ending.LENGTH
        cached, reasoning = metered(self._config.metering, self._config.seed, question)
        room = question.max_output_tokens or sys.maxsize
        reasoning = min(reasoning, room)
        if token_count(text) > room - reasoning:
            text, ending = first_tokens(text, room - reasoning), Ending.LENGTH
        # The end of an answer is a token too, where there is nothing before it.
        output = min(reasoning + max(token_count(text), 1), room)
        tokens = Tokens(input_tokens(question.turns), output, cached, reasoning)
        if kind in BILLED and marked_tokens(question.turns):
            tokens = self._prefixes.metered(question, output, reasoning)
        return Answer(
            question=question,
            id=answer_id,
            created=int(time.time()),
            text=text,
            ending=ending,
            tokens=tokens,
        )


def metered(metering: Metering, seed: int, question: Question) -> tuple[int, int]:
    """Tokens of a question's prompt that come from the cache, and of reasoning before its answer."""
    numbers = stream(seed, f"metering {question.digest}", 0)
    asked = input_tokens(question.turns)
    cached = int(asked * metering.cached_share * numbers.random()) // 128 * 128 if asked >= 1024 else 0
    return cached, numbers.randint(0, metering.reasoning)


def masked(key: str) -> str:
    """A key as OpenAI quotes it in errors: the first eight and the last four characters."""
    return key if len(key) <= 12 else f"{key[:8]}{'*' * (len(key) - 12)}{key[-4:]}"


def _read(dialect: Dialect, request: HttpRequest) -> tuple[Question, str]:
    """The question in a request, and why it is none."""
    empty = Question(dialect.name, "", (), hashlib.sha256(request.body).hexdigest(), None, stream=False)
    try:
        body = msgspec.json.decode(request.body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        return empty, f"We could not parse the JSON body of your request: {error}"
    if not isinstance(body, dict):
        return empty, "the body is not an object"
    try:
        return dialect.read(body, digest_of(body)), ""
    except InvalidRequestError as mistake:
        return empty, str(mistake)
