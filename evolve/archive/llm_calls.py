"""A run's calls of models: each attempt is a row before it is sent, and ended the moment it is over.

What always holds:

- An attempt that was sent has a row, also if nothing was heard of it again.
- A row that has ended never changes, but for two things: it may become the call's final one when the call is
  given up, and where a run keeps hashes only, its answer goes when its proposal is committed. Until then
  the answer is kept in such a run too, since a continuation would have to buy it again.
- A call has at most one final row. What that says is what the call came to, for ever.
"""

from decimal import Decimal
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, bindparam, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from evolve.archive.engine import Archive
from evolve.archive.lease import RunLease
from evolve.archive.models import LlmCall, table_of
from evolve.archive.records import now
from evolve.errors import ArchiveError, UserError
from evolve.llm.base import CallEnd, CallKey, CallStart, CallStatus, Message, RecordedCall, Spending, Usage
from evolve.llm.prices import exact
from evolve.texts import storable

_CALL = table_of(LlmCall)
_INTERRUPTED = "its process ended before the answer came"
_TOLD = (CallStatus.OK, CallStatus.CUT_OFF, CallStatus.REFUSED)
"""Ends whose text somebody is told: an operator, or as the reason of a refusal."""

_BEGIN = insert(_CALL)
_END = (
    update(_CALL)
    .where(_CALL.c.id == bindparam("of_id"), _CALL.c.status == CallStatus.STARTED.value)
    .values(
        {
            name: bindparam(name)
            for name in (
                "status",
                "is_final",
                "answer",
                "error",
                "tokens_in",
                "tokens_out",
                "tokens_cached",
                "tokens_cache_write",
                "tokens_reasoning",
                "cost_usd",
                "latency_seconds",
                "request_id",
            )
        }
    )
)
_OF_CALL = (
    _CALL.c.run_id == bindparam("of_run"),
    _CALL.c.proposal == bindparam("of_proposal"),
    _CALL.c.call == bindparam("of_call"),
)
_READ = select(_CALL).where(*_OF_CALL).order_by(_CALL.c.attempt)
_GIVE_UP = (
    update(_CALL)
    .where(*_OF_CALL, _CALL.c.attempt == bindparam("of_attempt"))
    .values(is_final=True, error=bindparam("error"))
)
_FORGET = (
    update(_CALL)
    .where(_CALL.c.run_id == bindparam("of_run"), _CALL.c.proposal == bindparam("of_proposal"))
    .values(answer=None)
)


class RunLedger:
    """The calls of one run: the ledger that its client keeps. Its lease has to be held."""

    def __init__(self, archive: Archive, run_id: int, lease: RunLease, *, prompt_text: bool = True) -> None:
        """The record as it stands; attempts whose process died in the middle are lost from now on.

        Raises:
            ArchiveError: The database refuses, or somebody else has taken the run over.
        """
        self._archive = archive
        self._run_id = run_id
        self._lease = lease
        self._prompt_text = prompt_text
        with archive.writing() as connection:
            lease.check(connection)
            connection.execute(
                update(_CALL)
                .where(_CALL.c.run_id == run_id, _CALL.c.status == CallStatus.STARTED.value)
                .values(status=CallStatus.LOST.value, error=_INTERRUPTED)
            )
        self._known = self._calls_on_record()

    def _calls_on_record(self) -> set[CallKey]:
        """The calls that earlier processes began; the others need not be looked up."""
        with self._archive.reading() as connection:
            rows = connection.execute(
                select(_CALL.c.proposal, _CALL.c.call).where(_CALL.c.run_id == self._run_id).distinct()
            )
            return {CallKey(row.proposal, row.call) for row in rows}

    def begin(self, start: CallStart) -> int:
        """Record that an attempt is about to be sent; its key for `end`.

        Raises:
            ArchiveError: The database refuses, or somebody else has taken the run over: nothing may be sent.
        """
        messages = msgspec.to_builtins(start.prompt.messages) if self._prompt_text else None
        try:
            with self._archive.writing(beside_others=True) as connection:
                self._lease.check(connection)
                made = connection.execute(
                    _BEGIN,
                    {
                        "run_id": self._run_id,
                        "proposal": start.key.proposal,
                        "call": start.key.call,
                        "attempt": start.attempt,
                        "operator": start.operator,
                        "model": start.model,
                        "status": CallStatus.STARTED.value,
                        "is_final": False,
                        "prompt_hash": start.prompt_hash,
                        "prompt": messages,
                        "cut": list(start.prompt.cut),
                        "reserved_usd": start.reserved_usd,
                        "reserved_tokens": start.reserved_tokens,
                        "started_at": now(),
                    },
                )
        except IntegrityError as error:
            raise _not_alone(start.key) from error
        self._known.add(start.key)
        key = made.inserted_primary_key
        assert key is not None
        return int(key[0])

    def end(self, key: int, end: CallEnd) -> None:
        """Record how an attempt ended.

        Who holds the lease does not matter here: what was paid for is written as long as nobody has taken
        the attempt for lost.

        Raises:
            ArchiveError: The database refuses, or somebody else has taken the run over.
        """
        usage = end.usage
        values: dict[str, Any] = {
            "of_id": key,
            "status": end.status.value,
            "is_final": end.status.is_answer,
            "answer": None if end.text is None else storable(end.text),
            "error": None if end.error is None else storable(end.error),
            "tokens_in": None if usage is None else usage.input,
            "tokens_out": None if usage is None else usage.output,
            "tokens_cached": None if usage is None else usage.cached,
            "tokens_cache_write": None if usage is None else usage.cache_writes,
            "tokens_reasoning": None if usage is None else usage.reasoning,
            "cost_usd": end.cost_usd,
            "latency_seconds": end.latency,
            "request_id": None if end.request_id is None else storable(end.request_id),
        }
        with self._archive.writing(beside_others=True) as connection:
            if connection.execute(_END, values).rowcount != 1:
                raise ArchiveError(
                    "an answer came too late: another process has taken this run over; this one ends"
                )

    def give_up(self, key: CallKey, reason: str) -> None:
        """Record that a call will not be tried again; its last attempt becomes final, with the reason.

        Raises:
            ArchiveError: The database refuses, or somebody else has taken the run over.
        """
        with self._archive.writing(beside_others=True) as connection:
            self._lease.check(connection)
            of_call = self._of_call(key)
            last = connection.scalar(select(func.max(_CALL.c.attempt)).where(*_OF_CALL), of_call)
            connection.execute(_GIVE_UP, {**of_call, "of_attempt": last, "error": storable(reason)})

    def recorded(self, key: CallKey) -> RecordedCall | None:
        """How a call ended, where it has; None where it has to be made."""
        rows = self._rows(key)
        return _recorded(key, rows) if any(row.is_final for row in rows) else None

    def attempts(self, key: CallKey) -> int:
        """How many attempts at a call there have been so far."""
        return len(self._rows(key))

    def spending(self) -> Spending:
        """What has been spent, over all continuations of the run; attempts in flight not included."""
        with self._archive.reading() as connection:
            return run_spending(connection, self._run_id)

    def _rows(self, key: CallKey) -> list[Row[Any]]:
        if key not in self._known:
            return []
        with self._archive.reading() as connection:
            return list(connection.execute(_READ, self._of_call(key)))

    def _of_call(self, key: CallKey) -> dict[str, int]:
        return {"of_run": self._run_id, "of_proposal": key.proposal, "of_call": key.call}


def run_spending(connection: Connection, run_id: int) -> Spending:
    """What a run has spent on models, to the last digit; attempts in flight not included."""
    rows = connection.execute(
        select(
            _CALL.c.cost_usd,
            _CALL.c.reserved_usd,
            _CALL.c.reserved_tokens,
            _CALL.c.tokens_in,
            _CALL.c.tokens_out,
        ).where(_CALL.c.run_id == run_id, _CALL.c.status != CallStatus.STARTED.value)
    )
    known = unknown = Decimal(0)
    tokens = unknown_tokens = 0
    for row in rows:
        tokens += (row.tokens_in or 0) + (row.tokens_out or 0)
        if row.cost_usd is not None:
            known += exact(row.cost_usd)
            continue
        unknown += exact(row.reserved_usd)
        unknown_tokens += row.reserved_tokens if row.tokens_in is None else 0
    return Spending(float(known), float(unknown), tokens, unknown_tokens)


def final_calls(connection: Connection, run_id: int) -> list[tuple[RecordedCall, tuple[Message, ...] | None]]:
    """The calls of a run that have ended, in order, each with its prompt where that was kept.

    Raises:
        UserError: The run keeps hashes only, and what a call was answered is gone.
    """
    rows = connection.execute(
        select(_CALL)
        .where(_CALL.c.run_id == run_id)
        .order_by(_CALL.c.proposal, _CALL.c.call, _CALL.c.attempt)
    )
    calls: dict[CallKey, list[Row[Any]]] = {}
    for row in rows:
        calls.setdefault(CallKey(row.proposal, row.call), []).append(row)
    ended = [(key, attempts) for key, attempts in calls.items() if any(row.is_final for row in attempts)]
    return [(_recorded(key, attempts), _messages(attempts)) for key, attempts in ended]


def forget_answers(connection: Connection, run_id: int, proposal: int) -> None:
    """Drop the answers of a proposal, within the transaction that commits it, where only hashes are kept."""
    connection.execute(_FORGET, {"of_run": run_id, "of_proposal": proposal})


def _recorded(key: CallKey, rows: list[Row[Any]]) -> RecordedCall:
    final = next(row for row in rows if row.is_final)
    if final.status in _TOLD and final.answer is None:
        raise UserError(
            f"the answer to call {key.call} of proposal {key.proposal} was not kept: the run was made with"
            " --no-prompt-text, which keeps hashes only"
        )
    known = [exact(row.cost_usd) for row in rows if row.cost_usd is not None]
    return RecordedCall(
        key=key,
        model=final.model,
        prompt_hash=final.prompt_hash,
        status=CallStatus(final.status),
        text=final.answer or "",
        usage=Usage(
            input=final.tokens_in or 0,
            output=final.tokens_out or 0,
            cached=final.tokens_cached or 0,
            reasoning=final.tokens_reasoning or 0,
            cache_writes=final.tokens_cache_write or 0,
        ),
        cost_usd=float(sum(known, Decimal(0))),
        error=final.error,
    )


def _messages(rows: list[Row[Any]]) -> tuple[Message, ...] | None:
    kept = next((row.prompt for row in rows if row.is_final), None)
    return None if kept is None else msgspec.convert(kept, tuple[Message, ...])


def _not_alone(key: CallKey) -> ArchiveError:
    return ArchiveError(
        f"call {key.call} of proposal {key.proposal} has been written by another process;"
        " is this run going on twice?"
    )
