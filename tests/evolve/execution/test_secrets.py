"""Workers hold problems, which are code of other people, and have no business with any provider."""

import asyncio
import os
from pathlib import Path

import pytest

from evolve.execution.base import ExecutorSettings
from evolve.execution.local import LocalExecutor
from evolve.loading import ProblemReference
from tests.support import curve

KEY = "sk-planted-0123456789"


def _environments(pid: int) -> list[bytes]:
    """Of all processes below one, as they were started."""
    found = []
    for process in Path("/proc").iterdir():
        try:
            parent = int((process / "stat").read_text().rpartition(")")[2].split()[1])
            environment = (process / "environ").read_bytes()
        except (OSError, ValueError, IndexError):
            continue
        if parent == pid:
            found += [environment, *_environments(int(process.name))]
    return found


def test_no_process_of_an_executor_inherits_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("HARMLESS", "harmless-0123456789")

    async def started() -> list[bytes]:
        settings = ExecutorSettings(ProblemReference(f"{curve.FOLDER}/"), 2, None)
        executor = await LocalExecutor.start(settings)
        try:
            return _environments(os.getpid())
        finally:
            await executor.close()

    found = asyncio.run(started())
    assert len(found) >= 2
    assert any(b"harmless-0123456789" in one for one in found)
    assert not any(KEY.encode() in one for one in found)
