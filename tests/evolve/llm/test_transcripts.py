import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evolve.errors import UserError
from evolve.llm.base import CallKey, CallStatus, Message, RecordedCall, Usage
from evolve.llm.transcripts import Transcript, read_transcript, transcript_text

STORABLE = st.text(st.characters(codec="utf-8"))
CALLS = st.lists(
    st.builds(
        RecordedCall,
        key=st.builds(CallKey, st.integers(0, 50), st.integers(0, 3)),
        model=st.sampled_from(["openai/a", "own/b"]),
        prompt_hash=st.just("0" * 32),
        status=st.sampled_from([one for one in CallStatus if one is not CallStatus.STARTED]),
        text=STORABLE,
        usage=st.builds(Usage, *[st.integers(0, 10**6)] * 4),
        cost_usd=st.floats(0, 1e6),
        error=st.none() | STORABLE,
    ),
    unique_by=lambda call: call.key,
    max_size=10,
)
CALL = RecordedCall(
    key=CallKey(3, 1),
    model="openai/a",
    prompt_hash="f" * 32,
    status=CallStatus.OK,
    text="because\u2028of that",
    usage=Usage(10, 5),
    cost_usd=0.1,
)
PROMPT = (Message("user", "why?"),)


def written(folder: Path, *calls: RecordedCall) -> Path:
    path = folder / "transcript.jsonl"
    path.write_text(transcript_text("run", "sums", "1", [(call, PROMPT) for call in calls]))
    return path


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(calls=CALLS, prompts=st.booleans())
def test_what_is_written_is_read(tmp_path: Path, calls: list[RecordedCall], prompts: bool) -> None:
    path = tmp_path / "transcript.jsonl"
    path.write_text(
        transcript_text("a run", "sums", "7", [(call, PROMPT if prompts else None) for call in calls]),
        encoding="utf-8",
    )
    header, found = read_transcript(path)
    assert (header.run, header.problem, header.problem_version) == ("a run", "sums", "7")
    fields = RecordedCall.__struct_fields__
    assert [{name: getattr(call, name) for name in fields} for call in found] == [
        {name: getattr(call, name) for name in fields} for call in calls
    ]
    assert path.read_text().count("\n") == len(calls) + 1
    assert ("why?" in path.read_text()) is (prompts and bool(calls)) or any(
        "why?" in one.text for one in calls
    )


def test_calls_are_found_by_their_keys(tmp_path: Path) -> None:
    source = Transcript.read(written(tmp_path, CALL))
    answer = source.answer(CALL.key, CALL.model, CALL.prompt_hash)
    assert (answer.text, answer.cost_usd) == (CALL.text, 0.1)
    with pytest.raises(
        UserError, match="no answer to call 0 of proposal 4; it ends with call 1 of proposal 3"
    ):
        source.answer(CallKey(4, 0), CALL.model, CALL.prompt_hash)
    with pytest.raises(UserError, match="answered by 'openai/a', and is put to 'openai/b'"):
        source.answer(CALL.key, "openai/b", CALL.prompt_hash)
    with pytest.raises(UserError, match="another question"):
        source.answer(CALL.key, CALL.model, "0" * 32)
    with pytest.raises(UserError, match="empty"):
        Transcript("it", []).answer(CALL.key, CALL.model, CALL.prompt_hash)


def changed(**fields: Any) -> Callable[[list[str]], list[str]]:
    def change(lines: list[str]) -> list[str]:
        return [lines[0], json.dumps({**json.loads(lines[1]), **fields}), *lines[2:]]

    return change


@pytest.mark.parametrize(
    ("damage", "complaint"),
    [
        (lambda lines: [], "line 1"),
        (lambda lines: ["nonsense", *lines[1:]], "line 1"),
        (lambda lines: [lines[0].replace('"transcript":1', '"transcript":9'), *lines[1:]], "format 9"),
        (lambda lines: lines[:-1], "not whole"),
        (lambda lines: [*lines[:-1], lines[-1][:40]], "line 3"),
        (lambda lines: [*lines[:2], lines[1]], "line 3: call 1 of proposal 3 is there already"),
        (changed(status="started"), "line 2: the call has not ended"),
        (changed(status="strange"), "line 2"),
        (changed(cost_usd=-1.0), "line 2: cost_usd"),
        (changed(usage={"input": -1}), "line 2: .*negative"),
        (changed(unknown="field"), "line 2"),
        (changed(text=7), "line 2"),
    ],
)
def test_damage_is_told_with_its_line(
    damage: Callable[[list[str]], list[str]], complaint: str, tmp_path: Path
) -> None:
    path = written(tmp_path, CALL, msgspec.structs.replace(CALL, key=CallKey(3, 2)))
    path.write_text("\n".join(damage(path.read_text().split("\n")[:-1])) + "\n")
    with pytest.raises(UserError, match=complaint):
        read_transcript(path)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="nowhere"):
        Transcript.read(tmp_path / "nowhere.jsonl")
