"""Rows of `llm_call`, for runs that were made without models."""

from typing import Any

from sqlalchemy import Connection, insert

from evolve.archive.models import LlmCall
from evolve.archive.records import now


def add_call(connection: Connection, run_id: int, proposal: int, call: int = 0, **fields: Any) -> None:
    """An attempt that was answered for one dollar, unless the fields say otherwise."""
    usual = {
        "run_id": run_id,
        "proposal": proposal,
        "call": call,
        "attempt": 0,
        "operator": "edit",
        "model": "openai/gpt-test",
        "status": "ok",
        "is_final": True,
        "prompt_hash": "0",
        "cut": [],
        "tokens_in": 100,
        "tokens_out": 10,
        "reserved_usd": 4.0,
        "reserved_tokens": 1000,
        "cost_usd": 1.0,
        "started_at": now(),
    }
    connection.execute(insert(LlmCall).values(**(usual | fields)))
