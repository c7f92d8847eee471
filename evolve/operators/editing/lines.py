"""A program's text as lines that can be exchanged, and how to speak of them to whoever wrote an edit."""

import re
from collections.abc import Sequence

from evolve.program import files, split_lines

MAX_EXCERPT = 12
"""How many lines of the program an excerpt shows."""
_LINE_END = re.compile(r"\r\n|\r|\n")


class Lines:
    """The lines of a source; positions count from 0 over all of the text, numbers from 1 within a file."""

    def __init__(self, source: str) -> None:
        self.lines = split_lines(source)
        self._ends = [*_LINE_END.findall(source), ""]
        self.files: dict[str, tuple[int, int]] = {}
        """By name, the lines of each file: from, and to before. Headers belong to no file."""
        at = 0
        parts = files(source)
        for part in parts:
            at += bool(part.name)
            end = at + len(split_lines(part.source)) - (part is not parts[-1])
            self.files[part.name] = (at, end)
            at = end

    def edited(self, changes: Sequence[tuple[int, int, Sequence[str]]]) -> str:
        """The text with other lines in the place of some.

        Each change says from where, to before where, and which are the new lines. The changes are in order
        and do not meet. New lines end as the first line of the text does.
        """
        line_end = self._ends[0] or "\n"
        kept = 0
        made: list[tuple[str, str]] = []
        for start, end, new in changes:
            made += zip(self.lines[kept:start], self._ends[kept:start], strict=True)
            made += ((line, line_end) for line in new)
            kept = end
        made += zip(self.lines[kept:], self._ends[kept:], strict=True)
        ended = [line + (end or line_end) for line, end in made[:-1]]
        return "".join(ended) + (made[-1][0] if made else "")

    def place(self, position: int) -> str:
        """'line 7', with its file where there are several."""
        for name, (start, end) in self.files.items():
            if start <= position < end:
                return f"{name}, line {position - start + 1}" if name else f"line {position - start + 1}"
        return f"line {position + 1} of the text"

    def span(self, start: int, end: int) -> str:
        """'lines 7 to 9', with their file where there are several."""
        if end - start <= 1:
            return self.place(start)
        for name, (first, last) in self.files.items():
            if first <= start and end <= last:
                numbers = f"lines {start - first + 1} to {end - first}"
                return f"{name}, {numbers}" if name else numbers
        return f"lines {start + 1} to {end} of the text"

    def excerpt(self, start: int, end: int) -> str:
        """Some lines with their numbers; of many, the first."""
        shown = range(start, min(end, start + MAX_EXCERPT))
        number = {at: at - first + 1 for first, last in self.files.values() for at in range(first, last)}
        told = [f"{number.get(at, at + 1):>5} | {self.lines[at]}" for at in shown]
        return "\n".join(
            [f"{self.span(start, end)}:", *told, *(["      | …"] if len(shown) < end - start else [])]
        )
