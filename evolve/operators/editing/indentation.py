"""How the indentation of quoted lines was meant, where it is not the program's."""

from collections.abc import Iterable

_TAB = 8


class Indentation:
    """Translates indentation, learnt from lines that are the same in an answer and in a program.

    What stood in a quoted line is translated as it was there. Anything else is moved by the same number of
    columns if all lines were moved by the same, or scaled if all were scaled by the same; otherwise there is
    no telling what was meant.
    """

    def __init__(self, pairs: Iterable[tuple[str, str]]) -> None:
        seen: dict[str, dict[str, None]] = {}
        for quoted, line in pairs:
            seen.setdefault(indent_of(quoted), {})[indent_of(line)] = None
        self._known = {quoted: next(iter(found)) for quoted, found in seen.items() if len(found) == 1}
        self._is_clear = len(self._known) == len(seen)
        widths = [(_width(quoted), _width(found)) for quoted, found in self._known.items()]
        shifts = dict.fromkeys(found - quoted for quoted, found in widths)
        self._shift = next(iter(shifts)) if len(shifts) == 1 else None
        scales = dict.fromkeys(found / quoted for quoted, found in widths if quoted)
        is_scaled = len(scales) == 1 and all(found == 0 for quoted, found in widths if quoted == 0)
        self._scale = next(iter(scales)) if is_scaled else None
        self._uses_tabs = any("\t" in found for found in self._known.values())

    def translated(self, line: str) -> str | None:
        """A line as it would be indented in the program, or None where that is not clear."""
        if not line.strip():
            return ""
        quoted = indent_of(line)
        indent = self._known.get(quoted)
        if indent is None:
            indent = self._computed(_width(quoted))
        if indent is None or not self._is_clear:
            return None
        return indent + line[len(quoted) :]

    def _computed(self, width: int) -> str | None:
        if self._shift is not None:
            found = float(width + self._shift)
        elif self._scale is not None:
            found = width * self._scale
        else:
            return None
        if found < 0 or not found.is_integer():
            return None
        tabs, spaces = divmod(int(found), _TAB) if self._uses_tabs else (0, int(found))
        return "\t" * tabs + " " * spaces


def indent_of(line: str) -> str:
    """The white space that a line begins with."""
    return line[: len(line) - len(line.lstrip())]


def _width(indent: str) -> int:
    return len(indent.expandtabs(_TAB))
