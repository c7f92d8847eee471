"""Applies SEARCH/REPLACE blocks to a program, or says precisely why it cannot.

Every block is looked for in the program as it was given, so the order of blocks means nothing. What a block
changes is the difference between its two parts; lines that are in both are context, and keep the program's
own text. Nothing is ever guessed: a block that fits nowhere, in two places, or not into the EVOLVE-BLOCK
regions is refused.
"""

import difflib
import re
from collections.abc import Sequence

import msgspec

from evolve.operators.editing.blocks import Block, EditError, read_blocks
from evolve.operators.editing.indentation import Indentation
from evolve.operators.editing.lines import Lines
from evolve.operators.editing.matching import Place, Way, find_equal, find_like, is_certain, normalised
from evolve.program import files, regions

MAX_TOLD = 3
"""How many of the blocks that cannot be applied a model is told of at once."""
NEAR = 0.3
"""The least likeness of a line that is shown to a model as the nearest there is."""
MUCH_ALIKE = 0.8
"""From here on, a second place that is nearly as much like what was quoted is told of."""
_PROTECTED = re.compile(r"[ \t]*#[ \t]*EVOLVE-BLOCK-(?:START|END)\b|# ==== FILE:")


class Hunk(msgspec.Struct, frozen=True, order=True):
    """Lines of the program, from `start` to before `end`, counted from 0, and what takes their place."""

    start: int
    end: int
    lines: tuple[str, ...]
    block: int

    def is_same_as(self, other: "Hunk") -> bool:
        """Whether two blocks make the same change."""
        return (self.start, self.end, self.lines) == (other.start, other.end, other.lines)

    def meets(self, other: "Hunk") -> bool:
        """Whether they change the same line, or add lines at the same place."""
        if self.start == other.start:
            return self.end == other.end or min(self.end, other.end) > self.start
        return self.start < other.end and other.start < self.end


def apply_edits(source: str, answer: str) -> str:
    """The source that the SEARCH/REPLACE blocks in a model's answer make of a program.

    Raises:
        EditError: There is no block, or one cannot be applied; the message is for the model.
        ProgramError: The source is no program, or its markers do not pair up.
    """
    blocks = read_blocks(answer, [file.name for file in files(source)])
    return apply_blocks(source, blocks)


def apply_blocks(source: str, blocks: Sequence[Block]) -> str:
    """The source that some blocks make of a program.

    Raises:
        EditError: One cannot be applied; the message is for the model.
        ProgramError: The source is no program, or its markers do not pair up.
    """
    editor = _Editor(source)
    hunks: list[Hunk] = []
    troubles: list[str] = []
    for block in blocks:
        if len(troubles) == MAX_TOLD:
            troubles.append("the blocks after that were not looked at")
            break
        try:
            hunks += editor.hunks(block)
        except EditError as error:
            troubles.append(f"block {block.number}: {error}")
    if not troubles:
        hunks, troubles = _without_overlap(hunks, editor.text)
    if troubles:
        raise EditError("\n".join(troubles[: MAX_TOLD + 1]))
    return editor.text.edited([(hunk.start, hunk.end, hunk.lines) for hunk in hunks])


def _without_overlap(hunks: Sequence[Hunk], text: Lines) -> tuple[list[Hunk], list[str]]:
    """The hunks in order, each once, and what is wrong where two of them meet."""
    kept: list[Hunk] = []
    for hunk in sorted(hunks):
        if not any(hunk.is_same_as(other) for other in kept[-1:]):
            kept.append(hunk)
    troubles = []
    for position, hunk in enumerate(kept):
        for other in kept[position + 1 :]:
            if other.start > hunk.end:
                break
            if hunk.meets(other):
                pair = sorted((hunk.block, other.block))
                troubles.append(
                    f"blocks {pair[0]} and {pair[1]} both change {text.place(other.start)};"
                    " make one block of them"
                )
    return kept, troubles


class _Editor:
    """Turns the blocks for one program into hunks."""

    def __init__(self, source: str) -> None:
        self.text = Lines(source)
        self._regions = [(region.start - 1, region.end - 1) for region in regions(source)]
        self._files = self.text.files

    def hunks(self, block: Block) -> list[Hunk]:
        """What a block changes in the program.

        Raises:
            EditError: It cannot be applied.
        """
        if not any(line.strip() for line in block.search):
            raise EditError("SEARCH is empty; quote the lines beside which the new ones belong")
        if _stripped(block.search) == _stripped(block.replace):
            return []
        start, end = self._files[block.file] if block.file else (0, len(self.text.lines))
        places = find_equal(block.search, self.text.lines, start, end)
        if not places:
            ranked = find_like(block.search, self.text.lines, start, end)
            if not is_certain(ranked):
                ranked = ranked or find_like(block.search, self.text.lines, start, end, NEAR)
                raise EditError(self._not_found(block, ranked))
            places = ranked[:1]
        return self._placed(block, places)

    def _placed(self, block: Block, places: Sequence[Place]) -> list[Hunk]:
        """The hunks at the one place where the block may be applied."""
        fitting: list[tuple[Place, list[Hunk]]] = []
        trouble: EditError | None = None
        for place in places:
            try:
                fitting.append((place, self._hunks_at(block, place)))
            except EditError as error:
                trouble = trouble or error
        if len(fitting) > 1:
            found = ", ".join(self.text.place(place.first) for place, _ in fitting[:5])
            several = " or name the file before the block" if len(self._files) > 1 and not block.file else ""
            raise EditError(
                f"SEARCH is in the program {len(fitting)} times ({found}); quote more lines around the change"
                f"{several}, so that it is there once"
            )
        if not fitting:
            assert trouble is not None
            raise trouble
        return fitting[0][1]

    def _hunks_at(self, block: Block, place: Place) -> list[Hunk]:
        lines = self.text.lines
        quoted = _stripped(block.search)
        indentation = Indentation(
            (block.search[at], lines[pair])
            for at, pair in enumerate(place.pairs)
            if pair is not None and quoted[at]
        )
        hunks: list[Hunk] = []
        for i1, i2, j1, j2 in _differences(quoted, _stripped(block.replace)):
            start, end = _range(place.pairs, i1, i2)
            new = block.replace[j1:j2]
            if place.way is not Way.EXACT:
                new = _indented(new, indentation)
                self._check_seen(block, place, range(i1, i2), range(start, end))
            self._check_allowed(start, end, new)
            if hunks and hunks[-1].end == start:
                # The lines between the two are blank in the answer and not in the program.
                last = hunks.pop()
                start, new = last.start, (*last.lines, *new)
            if start < end or new:
                hunks.append(Hunk(start, end, new, block.number))
        return hunks

    def _check_seen(self, block: Block, place: Place, quoted: range, changed: range) -> None:
        """Check that no code is overwritten that was not quoted, and none left that was to be replaced."""
        for at in quoted:
            line = block.search[at].strip()
            if line and place.pairs[at] is None:
                raise EditError(
                    f"SEARCH is much like {self.text.span(place.first, place.last + 1)}, but the line"
                    f" '{_short(line)}' is not there; quote the lines as they are"
                )
        seen = frozenset(place.pairs)
        for position in changed:
            line = self.text.lines[position].strip()
            if line and not line.startswith("#") and position not in seen:
                raise EditError(
                    f"SEARCH leaves out {self.text.place(position)}, '{_short(line)}', between the lines that"
                    " it quotes; quote the lines as they are"
                )

    def _check_allowed(self, start: int, end: int, new: Sequence[str]) -> None:
        for line in new:
            if _PROTECTED.match(line):
                raise EditError(
                    f"'{_short(line.strip())}' must not be added: markers and headers stay as they are"
                )
        if any(first <= start and end <= last for first, last in self._regions):
            return
        for position in range(start, max(end, start + 1)):
            if (
                position < len(self.text.lines)
                and _PROTECTED.match(self.text.lines[position])
                and start < end
            ):
                line = _short(self.text.lines[position].strip())
                raise EditError(f"{self.text.place(position)}, '{line}', must stay as it is")
        inside = ", ".join(self.text.span(first, last) for first, last in self._regions)
        where = self.text.place(start) if start < end else f"a place before {self.text.place(start)}"
        raise EditError(
            f"it changes {where}, and only what is between the EVOLVE-BLOCK markers may change: {inside}"
        )

    def _not_found(self, block: Block, ranked: Sequence[Place]) -> str:
        lines = self.text.lines
        where = block.file or "the program"
        advice = (
            "quote whole lines of the program exactly; all blocks are applied to the program as it was given"
        )
        if not ranked:
            first = next(line for line in block.search if line.strip())
            return f"SEARCH, which begins '{_short(first.strip())}', is not in {where}; {advice}"
        best = ranked[0]
        wrong = next(
            (
                line.strip()
                for line, pair in zip(block.search, best.pairs, strict=True)
                if line.strip() and (pair is None or normalised(line) != normalised(lines[pair]))
            ),
            None,
        )
        what = f"the line '{_short(wrong)}' that SEARCH quotes" if wrong is not None else "SEARCH as a whole"
        end = min(max(best.last + 1, best.first + len(block.search)), len(lines))
        while not lines[end - 1].strip():
            end -= 1
        also = ""
        if best.likeness >= MUCH_ALIKE and len(ranked) > 1:
            also = f", and {self.text.span(ranked[1].first, ranked[1].last + 1)} is much like it too"
        excerpt = self.text.excerpt(best.first, end)
        return f"{what} is not in {where}, or not there. The nearest there is{also}:\n{excerpt}\n{advice}"


def _differences(old: Sequence[str], new: Sequence[str]) -> list[tuple[int, int, int, int]]:
    """Where two parts of a block differ: lines from and to before in the one, and in the other.

    Markers and headers that both have are aligned with one another first.
    """
    fixed = [[at for at, line in enumerate(lines) if _PROTECTED.match(line)] for lines in (old, new)]
    if [old[at] for at in fixed[0]] != [new[at] for at in fixed[1]]:
        fixed = [[], []]
    found = []
    i, j = 0, 0
    for i_end, j_end in zip([*fixed[0], len(old)], [*fixed[1], len(new)], strict=True):
        matcher = difflib.SequenceMatcher(None, old[i:i_end], new[j:j_end], autojunk=False)
        found += [
            (i + i1, i + i2, j + j1, j + j2)
            for tag, i1, i2, j1, j2 in matcher.get_opcodes()
            if tag != "equal"
        ]
        i, j = i_end + 1, j_end + 1
    return found


def _range(pairs: Sequence[int | None], i1: int, i2: int) -> tuple[int, int]:
    """Which lines of the program stand for the quoted lines from `i1` to before `i2`."""
    own = [pair for pair in pairs[i1:i2] if pair is not None]
    if own:
        return own[0], own[-1] + 1
    before = [pair for pair in pairs[:i1] if pair is not None]
    if before:
        return before[-1] + 1, before[-1] + 1
    after = next(pair for pair in pairs[i2:] if pair is not None)
    return after, after


def _indented(new: Sequence[str], indentation: Indentation) -> tuple[str, ...]:
    found = []
    for line in new:
        translated = indentation.translated(line)
        if translated is None:
            raise EditError(
                "SEARCH is not indented as the program is, and it is not clear how"
                f" '{_short(line.strip())}' would be; quote the lines with their indentation"
            )
        found.append(translated)
    return tuple(found)


def _stripped(lines: Sequence[str]) -> list[str]:
    return [line.rstrip() for line in lines]


def _short(line: str) -> str:
    return line if len(line) <= 80 else line[:79] + "…"
