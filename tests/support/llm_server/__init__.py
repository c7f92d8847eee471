"""A server on 127.0.0.1 that speaks three protocols of LLM providers, well or badly, and keeps the books.

In the same process, with any plan and any responder:

    limited = Script((Behaviour(Kind.RATE_LIMITED, retry_after_s=1.0),))
    async with LLMServer(ServerConfig(plan=limited)) as server:
        AsyncOpenAI(base_url=f"{server.url}/v1", api_key="any")
        AsyncAnthropic(base_url=server.url, api_key="any")
        server.report().billed

In a process of its own, with what a `ServerConfig` can say:

    with ServerProcess(ServerConfig(plan=Seeded(1, evenly(0.2, *TRANSIENT)))) as server:
        server.report().cost_usd({"gpt-test": Price(Decimal("1.25"), Decimal("10"), Decimal("0.125"))})
"""

from tests.support.llm_server.behaviour import (
    BILLED,
    STATUSES,
    TELLING,
    TRANSIENT,
    Behaviour,
    Kind,
    Latency,
    Plan,
    Rule,
    Rules,
    Script,
    Seeded,
    Share,
    evenly,
)
from tests.support.llm_server.config import Metering, ServerConfig
from tests.support.llm_server.exchange import Question, Tokens, Turn, token_count
from tests.support.llm_server.ledger import Entry, Price, Report
from tests.support.llm_server.process import ServerProcess
from tests.support.llm_server.responders import Fixed, ProgramAuthor, Responder
from tests.support.llm_server.server import LLMServer

__all__ = [
    "BILLED",
    "STATUSES",
    "TELLING",
    "TRANSIENT",
    "Behaviour",
    "Entry",
    "Fixed",
    "Kind",
    "LLMServer",
    "Latency",
    "Metering",
    "Plan",
    "Price",
    "ProgramAuthor",
    "Question",
    "Report",
    "Responder",
    "Rule",
    "Rules",
    "Script",
    "Seeded",
    "ServerConfig",
    "ServerProcess",
    "Share",
    "Tokens",
    "Turn",
    "evenly",
    "token_count",
]
