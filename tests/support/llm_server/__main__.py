"""`python -m tests.support.llm_server`: reads its configuration from the first line of standard input.

Prints `{"port": ...}` and serves until standard input ends, its parent dies, or its lifetime is over.
"""

import asyncio
import json
import os
import signal
import sys

import msgspec

from tests.support.llm_server.config import ServerConfig
from tests.support.llm_server.server import LLMServer

PARENT_CHECK_S = 0.25


async def main() -> None:
    parent = os.getppid()
    config = msgspec.json.decode(sys.stdin.buffer.readline(), type=ServerConfig)
    loop = asyncio.get_running_loop()
    async with LLMServer(config) as server:
        loop.add_reader(sys.stdin.fileno(), stop_at_end, server)
        # A Ctrl-C in the terminal reaches this process too; the parent decides when it is over.
        loop.add_signal_handler(signal.SIGINT, lambda: None)
        watch = asyncio.ensure_future(watch_parent(parent, server))
        print(json.dumps({"port": server.port}), flush=True)
        await server.stopped()
        watch.cancel()


def stop_at_end(server: LLMServer) -> None:
    """Stop when there is no more input."""
    if not os.read(sys.stdin.fileno(), 65536):
        server.stop()


async def watch_parent(parent: int, server: LLMServer) -> None:
    """Stop when the parent has died. Others that it has started may keep standard input open."""
    while os.getppid() == parent:
        await asyncio.sleep(PARENT_CHECK_S)
    server.stop()


if __name__ == "__main__":
    asyncio.run(main())
