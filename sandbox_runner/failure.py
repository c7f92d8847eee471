"""How a failing program is described to its author: the error, and where in its own code it arose."""

from struct import pack
from types import TracebackType
from typing import NamedTuple

_MOST_TEXT = 4000
_MOST_FRAMES = 8
_FILENAME = "<program>"


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


def describe(error: BaseException, source: str) -> Failure:
    """What to tell about an exception that left the program.

    The text ends with the traceback's lines that lie in the program; those of this package are left out.
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
    if isinstance(error, SyntaxError) and error.filename == _FILENAME:
        lines = [f"{name}: {error.msg}", f"  line {error.lineno}: {(error.text or '').strip()}"]
    lines += _own_lines(error.__traceback__, source.splitlines())
    return Failure("crashed", "\n".join(lines)[:_MOST_TEXT], row)


def _own_lines(trace: TracebackType | None, source: list[str]) -> list[str]:
    """The innermost frames that lie in the program, outermost first."""
    lines = []
    while trace is not None:
        code = trace.tb_frame.f_code
        if code.co_filename == _FILENAME:
            number = trace.tb_lineno
            text = source[number - 1].strip() if 0 < number <= len(source) else ""
            lines.append(f"  line {number}, in {code.co_name}: {text[:200]}")
        trace = trace.tb_next
    return lines[-_MOST_FRAMES:]


def failure_payload(failure: Failure) -> bytes:
    """The payload of a FAILURE frame: msgpack of an array of status, text and row."""
    status, text = (part.encode("utf-8", "replace") for part in (failure.status, failure.text))
    return b"".join(
        (b"\x93", pack(">BH", 0xDA, len(status)), status, pack(">BI", 0xDB, len(text)), text)
    ) + pack(">Bi", 0xD2, failure.row)
