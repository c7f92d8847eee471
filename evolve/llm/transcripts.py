"""A run's calls in a file, which can be shared and used in place of any provider.

The file is text, a JSON object a line. The first says whose it is (`transcript`, the version of this format;
`run`, `problem`, `problem_version`, and how many `calls` follow); each further one is a call that has ended
(`RecordedCall`, and its `prompt` where that was asked for), in order.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import msgspec

from evolve.errors import UserError
from evolve.files import read_text
from evolve.llm.base import CallKey, CallStatus, Message, RecordedCall

FORMAT = 1


class Header(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The first line of a transcript."""

    transcript: int = FORMAT
    run: str
    problem: str
    problem_version: str
    calls: int
    """How many follow."""


_T = TypeVar("_T", bound=msgspec.Struct)


class _Line(RecordedCall, frozen=True, kw_only=True, forbid_unknown_fields=True):
    prompt: tuple[Message, ...] | None = None


class Transcript:
    """Answers that were given before, found by their calls (`evolve.llm.client.AnswerSource`)."""

    def __init__(self, origin: str, calls: Iterable[RecordedCall]) -> None:
        """`origin` says in errors where the calls are from, as in "transcript x.jsonl"."""
        self._origin = origin
        self._calls: Mapping[CallKey, RecordedCall] = {call.key: call for call in calls}

    @classmethod
    def read(cls, path: Path) -> "Transcript":
        """The calls in a file.

        Raises:
            UserError: It cannot be read, or is no transcript; the message names the line.
        """
        _, calls = read_transcript(path)
        return cls(f"transcript {path}", calls)

    def answer(self, key: CallKey, model: str, prompt_hash: str) -> RecordedCall:
        """How that call ended.

        Raises:
            UserError: There is no such call, or it was another one.
        """
        call = self._calls.get(key)
        where = f"call {key.call} of proposal {key.proposal}"
        if call is None:
            raise UserError(f"{self._origin} has no answer to {where}; it ends with {self._end()}")
        if call.model != model:
            raise UserError(
                f"{self._origin}: {where} was answered by '{call.model}', and is put to '{model}' here"
            )
        if call.prompt_hash != prompt_hash:
            raise UserError(
                f"{self._origin}: {where} was another question (prompt {call.prompt_hash}, here"
                f" {prompt_hash}); problem, settings, templates and evolve have to be those it was made with"
            )
        return call

    def _end(self) -> str:
        if not self._calls:
            return "its header: it is empty"
        last = max(self._calls)
        return f"call {last.call} of proposal {last.proposal}"


def transcript_text(
    run: str,
    problem: str,
    problem_version: str,
    calls: Sequence[tuple[RecordedCall, tuple[Message, ...] | None]],
) -> str:
    """A transcript, ready to be written; calls whose messages are None go without their prompts."""
    header = Header(run=run, problem=problem, problem_version=problem_version, calls=len(calls))
    lines: list[msgspec.Struct] = [header]
    for call, messages in calls:
        fields = {name: getattr(call, name) for name in call.__struct_fields__}
        lines.append(_Line(**fields, prompt=messages))
    return "".join(msgspec.json.encode(line).decode() + "\n" for line in lines)


def read_transcript(path: Path) -> tuple[Header, list[RecordedCall]]:
    """A transcript's header and calls.

    Raises:
        UserError: It cannot be read, or is no transcript; the message names the line.
    """
    lines = read_text(path).removesuffix("\n").split("\n")
    header = _decode(lines[0], Header, f"{path}, line 1")
    if header.transcript != FORMAT:
        raise UserError(
            f"{path} is a transcript of format {header.transcript}, and this evolve reads {FORMAT}"
        )
    calls: dict[CallKey, RecordedCall] = {}
    for number, line in enumerate(lines[1:], 2):
        where = f"{path}, line {number}"
        call = _decode(line, _Line, where)
        if complaint := _complaint(call, calls):
            raise UserError(f"{where}: {complaint}")
        calls[call.key] = call
    if len(calls) != header.calls:
        raise UserError(
            f"{path} has {len(calls)} calls where its first line says {header.calls}; it is not whole"
        )
    return header, list(calls.values())


def _decode(line: str, kind: type[_T], where: str) -> _T:
    try:
        return msgspec.json.decode(line, type=kind)
    except (msgspec.DecodeError, UnicodeEncodeError) as error:
        raise UserError(f"{where} is not of a transcript: {error}") from error


def _complaint(call: RecordedCall, before: Mapping[CallKey, RecordedCall]) -> str | None:
    """What is wrong with a call, beyond its types."""
    usage = call.usage
    if call.key in before:
        return f"call {call.key.call} of proposal {call.key.proposal} is there already"
    if min(call.key.proposal, call.key.call, *msgspec.structs.astuple(usage)) < 0:
        return "a number or a count of tokens is negative"
    if not (math.isfinite(call.cost_usd) and call.cost_usd >= 0):
        return f"cost_usd is {call.cost_usd}"
    if call.status is CallStatus.STARTED:
        return "the call has not ended"
    return None
