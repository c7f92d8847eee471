"""The server in a process of its own, so that what is measured in this one is the client alone."""

import json
import subprocess
import sys
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from tests.support.llm_server.config import ServerConfig
from tests.support.llm_server.ledger import Report

ROOT = Path(__file__).resolve().parents[3]
COMMAND = (sys.executable, "-m", "tests.support.llm_server")


class ServerProcess:
    """Serves while it is entered. The process ends with this one, however this one ends."""

    def __init__(self, config: ServerConfig | None = None) -> None:
        self._config = config or ServerConfig()
        self.port = 0

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            COMMAND, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(msgspec.json.encode(self._config).decode() + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, "the server has not started; its error is above"
        self.port = int(json.loads(line)["port"])
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        try:
            code = self._process.wait(timeout=10)
        finally:
            self._process.kill()
            self._process.wait()
            self._process.stdout.close()
        assert code == 0 or error is not None, f"the server ended with {code}; its error is above"

    @property
    def pid(self) -> int:
        """Of the server's process."""
        return self._process.pid

    @property
    def url(self) -> str:
        """Without a path, as Anthropic's SDK wants it; OpenAI's wants `/v1` after it."""
        return f"http://127.0.0.1:{self.port}"

    def report(self) -> Report:
        """The ledger as it stands."""
        with urllib.request.urlopen(f"{self.url}/ledger", timeout=30) as answer:
            return msgspec.json.decode(answer.read(), type=Report)
