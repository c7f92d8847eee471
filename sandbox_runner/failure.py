"""How a failing program is described to its author: the error, and where in its own code it arose."""

from collections.abc import Mapping
from struct import pack
from types import TracebackType
from typing import NamedTuple

_MOST_TEXT = 4000
_MOST_FRAMES = 8
ONE_FILE = "<program>"
"""What the only file of a program is called in tracebacks."""


class MistypedReply(Exception):  # noqa: N818 - a finding about the program
    """The program answered with something that is not an answer. `row` as in a lockstep call."""

    def __init__(self, text: str, row: int = -1) -> None:
        super().__init__(text)
        self.row = row


class RowFailure(Exception):  # noqa: N818 - carries the program's own exception
    """The program raised `error` in one row of a lockstep call."""

    def __init__(self, error: BaseException, row: int) -> None:
        super().__init__(row)
        self.error = error
        self.row = row


class Failure(NamedTuple):
    """What a FAILURE frame says. `status` is a word of the framework's statuses."""

    status: str
    text: str
    row: int


def describe(error: BaseException, sources: Mapping[str, str]) -> Failure:
    """What to tell about an exception that left the program.

    `sources` has the program's files, by what they are called in tracebacks. The text ends with the
    traceback's lines that lie in them; those of this package are left out.
    """
    row = -1
    if isinstance(error, RowFailure):
        row, error = error.row, error.error
    if isinstance(error, MistypedReply):
        return Failure("invalid", str(error), error.row)
    if isinstance(error, MemoryError):
        return Failure("out_of_memory", "MemoryError: the memory limit is reached", row)
    try:
        name = type(error).__name__
        said = str(error)
    except BaseException:  # noqa: BLE001 - the program's exception may do anything when it is printed
        name, said = "an exception", "that cannot be printed"
    if isinstance(error, SystemExit):
        name, said = "the program called sys.exit", said or "0"
    lines = [f"{name}: {said}" if said else name]
    if isinstance(error, SyntaxError) and type(error.filename) is str and error.filename in sources:
        place = _place(error.filename, error.lineno)
        lines = [f"{name}: {error.msg}", f"  {place}: {(error.text or '').strip()}"]
    lines += _own_lines(error.__traceback__, sources)
    return Failure("crashed", "\n".join(lines)[:_MOST_TEXT], row)


def _own_lines(trace: TracebackType | None, sources: Mapping[str, str]) -> list[str]:
    """The innermost frames that lie in the program, outermost first."""
    frames = []
    while trace is not None:
        code = trace.tb_frame.f_code
        if code.co_filename in sources:
            frames.append((code.co_filename, trace.tb_lineno, code.co_name))
        trace = trace.tb_next
    lines = []
    for filename, number, function in frames[-_MOST_FRAMES:]:
        texts = sources[filename].replace("\r\n", "\n").replace("\r", "\n").split("\n")
        text = texts[number - 1].strip() if 0 < number <= len(texts) else ""
        lines.append(f"  {_place(filename, number)}, in {function}: {text[:200]}")
    return lines


def _place(filename: str, line: int | None) -> str:
    """A line of a file; the name of the only one says nothing."""
    return f"line {line}" if filename == ONE_FILE else f"{filename[1:-1]}, line {line}"


def failure_payload(failure: Failure) -> bytes:
    """The payload of a FAILURE frame: msgpack of an array of status, text and row."""
    status, text = (part.encode("utf-8", "replace") for part in (failure.status, failure.text))
    return b"".join(
        (b"\x93", pack(">BH", 0xDA, len(status)), status, pack(">BI", 0xDB, len(text)), text)
    ) + pack(">Bi", 0xD2, failure.row)
