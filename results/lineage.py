"""Where a program comes from: its ancestors, and what each step changed."""

import re
from collections import Counter
from collections.abc import Sequence

import msgspec
from sqlalchemy import Connection

from evolve.program import diff
from results.programs import ProgramRecord, program_by_hash

_WIDTH = 88
_TOKEN = re.compile(r"[\w.]+|\s+|[^\w\s]")


MOST_STEPS = 26
"""Steps that are told; of more those that raised the score most, with the first and the last."""


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """A program in a lineage, and the one before it."""

    program: ProgramRecord
    parent: ProgramRecord | None
    """Its first parent; None for the first program."""
    others: tuple[ProgramRecord, ...]
    """Its further parents, as of a crossover."""

    @property
    def gain(self) -> float | None:
        """By how much its score on train exceeds its parent's; None where one of them has none."""
        before = None if self.parent is None else self.parent.train
        return None if before is None or self.program.train is None else self.program.train - before

    @property
    def diff(self) -> str:
        """What it changed, as a unified diff; empty for the first program."""
        parent, program = self.parent, self.program
        return "" if parent is None else diff(parent.source, program.source, (parent.label, program.label))

    @property
    def change(self) -> str:
        """What it changed, in one line; empty for the first program."""
        return change_in_words(self.diff)


def lineage_of(connection: Connection, program: ProgramRecord) -> list[Step]:
    """The program's ancestors, each the first parent of the next, from the oldest to the program itself."""
    steps: list[Step] = []
    seen = {program.hash}
    current: ProgramRecord | None = program
    while current is not None:
        parents = [program_by_hash(connection, current.run_id, one) for one in current.parents]
        first, *others = parents or [None]
        if first is not None and first.hash in seen:
            first = None
        steps.append(
            Step(
                program=current,
                parent=first,
                others=tuple(one for one in others if one is not None),
            )
        )
        if first is not None:
            seen.add(first.hash)
        current = first
    steps.reverse()
    return steps


def telling_steps(steps: Sequence[Step]) -> list[Step | int]:
    """All steps or, of many, the most telling, with the number of those left out between them."""
    if len(steps) <= MOST_STEPS:
        return list(steps)
    inner = range(1, len(steps) - 1)
    telling = sorted(inner, key=lambda place: (-(steps[place].gain or 0.0), place))[: MOST_STEPS // 2]
    found: list[Step | int] = []
    last = -1
    for place in sorted({0, *telling, len(steps) - 1}):
        if place - last > 1:
            found.append(place - last - 1)
        found.append(steps[place])
        last = place
    return found


def change_in_words(text: str) -> str:
    """What a unified diff changes, in one line; empty for an empty diff.

    One line for another is told as `old → new`, less what both begin and end with; anything else by the
    number of lines and the first of them. A line that is only moved or indented is no change worth telling.
    """
    lines = [line for line in text.splitlines() if not line.startswith(("+++", "---", "@@"))]
    removed = [line[1:].strip() for line in lines if line.startswith("-")]
    added = [line[1:].strip() for line in lines if line.startswith("+")]
    moved = Counter(removed) & Counter(added)
    old, new = _without(removed, moved), _without(added, moved)
    if not removed and not added:
        return ""
    if not old and not new:
        return f"moves {_lines(len(removed))}"
    if len(old) == len(new) == 1:
        return " → ".join(_told_apart(old[0], new[0]))
    signs = [f"+{len(new)}"] * bool(new) + [f"-{len(old)}"] * bool(old)
    count = f"{' '.join(signs)} {'line' if len(new) + len(old) == 1 else 'lines'}"
    example = new[0] if new else old[0]
    return f"{count}: {'' if new else 'without '}{_short(example, _WIDTH - len(count))}"


def _without(lines: list[str], left_out: Counter[str]) -> list[str]:
    rest = left_out.copy()
    kept: list[str] = []
    for line in lines:
        if rest[line] > 0:
            rest[line] -= 1
        elif line:
            kept.append(line)
    return kept


def _told_apart(old: str, new: str) -> tuple[str, str]:
    """Two lines, cut where they are long and the same, so that the difference is seen."""
    room = _WIDTH // 2
    if max(len(old), len(new)) <= room:
        return old, new
    before, after = _TOKEN.findall(old), _TOKEN.findall(new)
    shortest = min(len(before), len(after))
    start = next((place for place in range(shortest) if before[place] != after[place]), shortest)
    rest = shortest - start
    end = next((place for place in range(rest) if before[-1 - place] != after[-1 - place]), rest)
    return _window(before, start, len(before) - end, room), _window(after, start, len(after) - end, room)


def _window(tokens: list[str], start: int, end: int, room: int) -> str:
    """The tokens from `start` to before `end`, with as many around them as there is room for."""
    first, last = start, end
    length = sum(map(len, tokens[start:end])) + 2
    while length < room and (first > 0 or last < len(tokens)):
        to_the_left = first > 0 and (start - first <= last - end or last == len(tokens))
        length += len(tokens[first - 1 if to_the_left else last])
        if length > room:
            break
        first, last = (first - 1, last) if to_the_left else (first, last + 1)
    text = "".join(tokens[first:last]).strip()
    return _short(f"{'…' if first > 0 else ''}{text}{'…' if last < len(tokens) else ''}", room)


def _short(text: str, room: int) -> str:
    return text if len(text) <= room else f"{text[: room - 1].rstrip()}…"


def _lines(count: int) -> str:
    return "1 line" if count == 1 else f"{count} lines"
