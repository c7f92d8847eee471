"""Asks a server many things through a real client with a real archive, in a process that may be killed.

Takes the archive's file, the server's URL, how many proposals to make calls for and how many at a time.
"""

import asyncio
import sys
from collections import deque

from evolve.archive.engine import open_archive
from evolve.archive.llm_calls import RunLedger
from evolve.config import Budget, Endpoint, ModelSettings, Price, Resources
from evolve.llm.base import CallStatus, Message, NoAnswer
from evolve.llm.client import Client
from evolve.llm.retries import Pacing
from tests.evolve.archive.rows import start_search

MODEL = "openai/gpt-test"
PRICE = Price(input=1.25, output=10.0, cached=0.125)
PACING = Pacing(first=0.02, longest=0.1, probe_every=0.2, patience=20.0)
CALLS = 2
"""Of each proposal."""


def resources(url: str, concurrency: int) -> Resources:
    endpoint = Endpoint(api_base=f"{url}/v1", concurrency=concurrency, retries=8, timeout=20.0)
    return Resources(providers={"openai": endpoint}, prices={MODEL: PRICE})


def question(proposal: int, call: int) -> tuple[Message, ...]:
    return (
        Message("system", "Be brief."),
        Message("user", f"Proposal {proposal}, call {call}. " + "why? " * 100),
    )


async def ask_all(client: Client, proposals: int, lanes: int) -> list[str]:
    """The answers of all calls in order, with '' where there is none."""
    left = deque(range(proposals))
    answers: dict[tuple[int, int], str] = {}

    async def lane() -> None:
        while left:
            proposal = left.popleft()
            session = client.session(proposal=proposal, operator="edit", model=MODEL)
            for call in range(CALLS):
                try:
                    answer = await session.ask(question(proposal, call))
                    assert answer.status in (CallStatus.OK, CallStatus.CUT_OFF)
                    answers[proposal, call] = answer.text
                except NoAnswer:
                    answers[proposal, call] = ""

    await asyncio.gather(*(lane() for _ in range(lanes)))
    return [answers[key] for key in sorted(answers)]


def main() -> None:
    file, url, proposals, lanes = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    archive = open_archive(f"sqlite:///{file}")
    search = start_search(archive)
    record = RunLedger(archive, search.run.id, search.lease)
    models = {MODEL: ModelSettings(max_output_tokens=200)}

    async def work() -> None:
        client = Client.start(models, resources(url, lanes), Budget(), record, pacing=PACING)
        await ask_all(client, proposals, lanes)
        await client.close()

    asyncio.run(work())
    search.lease.give_back()


if __name__ == "__main__":
    main()
