"""SEARCH/REPLACE blocks: what is applied, what is refused, and what the model is told."""

import difflib
import time
from collections.abc import Callable, Sequence

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from evolve.operators.editing.apply import apply_blocks, apply_edits
from evolve.operators.editing.blocks import Block, EditError
from evolve.program import SourceFile as File
from evolve.program import bundle, check_outside_unchanged, files, regions, split_lines

PROGRAM = '''\
"""A rule."""

import math

# EVOLVE-BLOCK-START
WEIGHT = 0.5


def urgency(load, count):
    # the more replicas, the less urgent
    if count > 1:
        return load / count
    return load


def plan(loads, count):
    packs = [[] for _ in range(count)]
    totals = [0.0] * count
    for item in sorted(range(len(loads)), key=lambda item: -loads[item]):
        best = totals.index(min(totals))
        packs[best].append(item)
        totals[best] += loads[item]
    return packs


# EVOLVE-BLOCK-END
LIMIT = 10
'''
BUNDLE = bundle(
    [
        File(
            "main.py",
            "from lib.packing import fit\n"
            "# EVOLVE-BLOCK-START\ndef plan(x):\n    return fit(x)\n# EVOLVE-BLOCK-END\n",
        ),
        File("lib/packing.py", "# EVOLVE-BLOCK-START\ndef fit(x):\n    return fit(x)\n# EVOLVE-BLOCK-END\n"),
        File("fixed.py", "def fixed(x):\n    return x\n"),
    ]
)


def block(search: str, replace: str, before: str = "") -> str:
    return f"{before}<<<<<<< SEARCH\n{search}\n=======\n{replace}\n>>>>>>> REPLACE\n"


def refusal(source: str, answer: str) -> str:
    with pytest.raises(EditError) as error:
        apply_edits(source, answer)
    return str(error.value)


def changed(old: str, new: str, source: str = PROGRAM) -> str:
    assert source.count(old) == 1
    return source.replace(old, new)


def test_several_blocks_are_applied_to_the_program_as_it_was() -> None:
    answer = (
        "IDEA: less\n"
        + block("    packs = [[] for _ in range(count)]", "    packs = [[] for _ in range(2 * count)]")
        + "and then\n\n"
        + block("WEIGHT = 0.5", "WEIGHT = 0.25\nPOWER = 2")
    )
    expected = changed("WEIGHT = 0.5", "WEIGHT = 0.25\nPOWER = 2").replace("range(count)", "range(2 * count)")
    assert apply_edits(PROGRAM, answer) == expected


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param("```python\n{}```\n", id="fence around the block"),
        pytest.param("Sure!\n\n1. First\n\n{}\nThat is all.", id="prose around"),
        pytest.param("```diff\nplan.py\n{}```", id="file name in a program of one file"),
    ],
)
def test_what_stands_around_a_block_does_not_matter(answer: str) -> None:
    answer = answer.format(block("WEIGHT = 0.5", "WEIGHT = 0.25"))
    assert apply_edits(PROGRAM, answer) == changed("WEIGHT = 0.5", "WEIGHT = 0.25")


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(
            "<<<<<<< SEARCH\n```python\nWEIGHT = 0.5\n```\n"
            "=======\n```python\nWEIGHT = 1\n```\n>>>>>>> REPLACE",
            id="fences inside",
        ),
        pytest.param(
            "<<<<<<< SEARCH\r\nWEIGHT = 0.5  \r\n=======\r\nWEIGHT = 1\r\n>>>>>>> REPLACE\r\n", id="CR LF"
        ),
        pytest.param(
            "<<<<<<< SEARCH program.py\nWEIGHT = 0.5\n=======\nWEIGHT = 1\n>>>>>>> REPLACE", id="name behind"
        ),
        pytest.param(
            "  <<<<<<< SEARCH\n  WEIGHT = 0.5\n  =======\n  WEIGHT = 1\n  >>>>>>> REPLACE", id="indented"
        ),
        pytest.param(
            "<<<<<<< search:\nWEIGHT  =  0.5\n======\nWEIGHT = 1\n>>>>>> REPLACE", id="sloppy marks"
        ),
        pytest.param(
            "<<<<<<< SEARCH\n\nWEIGHT = 0.5\n\n\n\n=======\nWEIGHT = 1\n>>>>>>> REPLACE", id="blank lines"
        ),
        pytest.param(
            "<<<<<<< SEARCH\nWEIGHT = 0.5\n=======\nWEIGHT = 1\n>>>>>>>", id="nothing behind the end"
        ),
    ],
)
def test_blocks_as_models_write_them(answer: str) -> None:
    assert apply_edits(PROGRAM, answer).replace("\n\n", "\n") == changed(
        "WEIGHT = 0.5", "WEIGHT = 1"
    ).replace("\n\n", "\n")


def test_white_space_is_forgiven_and_the_replacement_indented_as_the_program() -> None:
    answer = block(
        "if count>1:\n  return load/count",
        "if count>1:\n  share = load/count\n  if share > 1:\n    return 1\n  return share",
    )
    expected = changed(
        "        return load / count\n",
        "        share = load/count\n        if share > 1:\n            return 1\n        return share\n",
    )
    with pytest.raises(EditError, match="not clear how"):  # two columns are four, and four may be anything
        apply_edits(PROGRAM, answer)
    shifted = "\n".join(line.removeprefix("    ") for line in split_lines(expected)[10:15])
    answer = block("if count>1:\n    return load/count", shifted)
    assert apply_edits(PROGRAM, answer) == expected


def test_a_first_line_without_its_indentation_does_not_mislead() -> None:
    answer = block(
        "if count > 1:\n        return load / count", "if count > 1:\n        return load / (count + 1)"
    )
    assert apply_edits(PROGRAM, answer) == changed("load / count", "load / (count + 1)")
    answer = block(
        "if count > 1:\n        return load / count",
        "if count > 1:\n        return 1\n    else:\n        return 2",
    )
    assert "not clear how 'else:'" in refusal(PROGRAM, answer)


def test_tabs_become_the_programs_spaces() -> None:
    answer = block(
        "\tif count > 1:\n\t\treturn load / count", "\tif count > 1:\n\t\tif load:\n\t\t\treturn 0"
    )
    expected = changed("        return load / count", "        if load:\n            return 0")
    assert apply_edits(PROGRAM, answer) == expected


def test_lines_that_are_quoted_nearly_right_are_found_and_keep_their_own_text() -> None:
    answer = block(
        "    packs = [[] for i in range(count)]\n    totals = [0.0] * count\n"
        "    for item in sorted(range(len(loads)), key=lambda item: -loads[item]):\n"
        "        best = totals.index(min(totals))",
        "    packs = [[] for i in range(count)]\n    totals = [0.0] * count\n"
        "    for item in sorted(range(len(loads)), key=lambda item: -loads[item]):\n"
        "        best = totals.index(max(totals))",
    )
    assert apply_edits(PROGRAM, answer) == changed("index(min(totals))", "index(max(totals))")


def test_code_that_was_not_quoted_is_never_overwritten() -> None:
    answer = block(
        "    packs = [[] for _ in range(count)]\n"
        "    for item in sorted(range(len(loads)), key=lambda item: -loads[item]):\n"
        "        best = totals.index(min(totals))\n        packs[best].append(item)",
        "    return []",
    )
    assert "leaves out line 18, 'totals = [0.0] * count'" in refusal(PROGRAM, answer)


def test_a_line_that_is_not_there_cannot_be_replaced() -> None:
    answer = block(
        "    packs = [[] for _ in range(count)]\n    totals = [0.0] * count\n    x = 7\n"
        "    for item in sorted(range(len(loads)), key=lambda item: -loads[item]):",
        "    packs = [[] for _ in range(count)]\n    totals = [0.0] * count\n    y = 8\n"
        "    for item in sorted(range(len(loads)), key=lambda item: -loads[item]):",
    )
    assert "the line 'x = 7' is not there" in refusal(PROGRAM, answer)


def test_what_is_not_found_is_told_with_the_nearest_lines_and_their_numbers() -> None:
    said = refusal(PROGRAM, block("    best = totals.argmin()\n    packs[best].add(item)", "    pass"))
    assert "block 1: the line 'best = totals.argmin()' that SEARCH quotes is not in the program" in said
    assert "   21 |         packs[best].append(item)" in said
    assert "as it was given" in said


def test_of_several_lines_the_one_that_is_wrong_is_told() -> None:
    said = refusal(PROGRAM, block("WEIGHT = 0.5\nSPREAD = 17 + 4", "pass"))
    assert "the line 'SPREAD = 17 + 4' that SEARCH quotes is not in the program" in said
    assert "    6 | WEIGHT = 0.5\n" in said
    assert "which begins '###@'" in refusal(PROGRAM, block("###@", "pass"))


def test_what_is_there_twice_is_told_with_both_places() -> None:
    source = PROGRAM.replace("WEIGHT = 0.5", "WEIGHT = 0.5\n\ndef other(load):\n    return load")
    said = refusal(source, block("    return load", "    return 0"))
    assert "2 times (line 9, line 16)" in said
    assert "quote more lines" in said


def test_a_place_outside_the_regions_is_no_second_place() -> None:
    source = PROGRAM.replace("LIMIT = 10", "WEIGHT = 0.5")
    edited = apply_edits(source, block("WEIGHT = 0.5", "WEIGHT = 1"))
    assert edited == source.replace("WEIGHT = 0.5", "WEIGHT = 1", 1)


@pytest.mark.parametrize(
    ("search", "replace", "said"),
    [
        (
            "import math",
            "import math\nimport heapq",
            "between the EVOLVE-BLOCK markers may change: lines 6 to 25",
        ),
        ("LIMIT = 10", "LIMIT = 11", "it changes line 27"),
        ("# EVOLVE-BLOCK-START\nWEIGHT = 0.5", "WEIGHT = 0.5", "line 5, '# EVOLVE-BLOCK-START', must stay"),
        (
            "WEIGHT = 0.5",
            "WEIGHT = 0.5\n# EVOLVE-BLOCK-END\nx = 1\n# EVOLVE-BLOCK-START",
            "must not be added",
        ),
        ("WEIGHT = 0.5", "# ==== FILE: more.py ====\nWEIGHT = 0.5", "must not be added"),
        ("", "x = 1", "SEARCH is empty"),
        ("\n  \n", "x = 1", "SEARCH is empty"),
    ],
)
def test_what_may_not_change(search: str, replace: str, said: str) -> None:
    assert said in refusal(PROGRAM, block(search, replace))


@pytest.mark.parametrize(
    ("search", "replace"),
    [
        (
            "import math\n\n# EVOLVE-BLOCK-START\nWEIGHT = 0.5",
            "import math\n\n# EVOLVE-BLOCK-START\nWEIGHT = 1",
        ),
        ("# EVOLVE-BLOCK-START", "# EVOLVE-BLOCK-START\nPOWER = 2"),
        ("# EVOLVE-BLOCK-END\nLIMIT = 10", "POWER = 2\n# EVOLVE-BLOCK-END\nLIMIT = 10"),
    ],
)
def test_markers_and_fixed_lines_may_be_quoted_as_context(search: str, replace: str) -> None:
    child = apply_edits(PROGRAM, block(search, replace))
    assert child == PROGRAM.replace(search, replace)
    check_outside_unchanged(child, PROGRAM)


def test_blocks_that_meet_are_refused_unless_they_say_the_same() -> None:
    one, other = block("WEIGHT = 0.5", "WEIGHT = 1"), block("WEIGHT = 0.5", "WEIGHT = 2")
    assert "blocks 1 and 2 both change line 6" in refusal(PROGRAM, one + other)
    assert apply_edits(PROGRAM, one + one) == changed("WEIGHT = 0.5", "WEIGHT = 1")
    beside = block("WEIGHT = 0.5", "WEIGHT = 0.5\nA = 1") + block("WEIGHT = 0.5", "WEIGHT = 0.5\nB = 1")
    assert "both change line 7" in refusal(PROGRAM, beside)


def test_the_first_blocks_that_fail_are_told() -> None:
    answer = "".join(block(f"nothing_like_this_{n} = {{}}", "pass") for n in range(5))
    said = refusal(PROGRAM, answer)
    assert all(f"block {n}:" in said for n in (1, 2, 3))
    assert "block 4" not in said
    assert "the blocks after that were not looked at" in said


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ("I would leave it.", "no SEARCH/REPLACE block"),
        ("<<<<<<< SEARCH\nWEIGHT = 0.5\n=======\nWEIGHT = 1\n", "block 1 has no line '>>>>>>> REPLACE'"),
        ("<<<<<<< SEARCH\nWEIGHT = 0.5\n>>>>>>> REPLACE\n", "block 1 has no line '======='"),
        ("<<<<<<< SEARCH\na\n=======\nb\n=======\nc\n>>>>>>> REPLACE", "has 2 lines '======='"),
        (block("a", "b") + "<<<<<<< SEARCH\na\n" + block("c", "d"), "block 2 has no line '>>>>>>> REPLACE'"),
    ],
)
def test_blocks_that_are_not_complete(answer: str, said: str) -> None:
    assert said in refusal(PROGRAM, answer)


def test_monstrous_lines_take_no_time() -> None:
    answer = "_" * 200_000 + "\n" + block("a." * 50_000, "b-" * 50_000) + "```" + "x" * 200_000
    started = time.process_time()
    assert "is not in the program" in refusal(PROGRAM, answer)
    assert time.process_time() - started < 2.0


def test_a_block_without_a_difference_changes_nothing() -> None:
    assert apply_edits(PROGRAM, block("WEIGHT = 0.5", "WEIGHT = 0.5  ")) == PROGRAM


def test_line_ends_of_the_program_are_kept() -> None:
    source = "a = 1\r\nb = 2\r\nc = 3"
    assert apply_edits(source, block("b = 2", "b = 3\nd = 4")) == "a = 1\r\nb = 3\r\nd = 4\r\nc = 3"
    assert apply_edits(source, block("c = 3", "c = 3\nd = 4")) == "a = 1\r\nb = 2\r\nc = 3\r\nd = 4"
    assert apply_edits(source, block("c = 3", "")) == "a = 1\r\nb = 2\r\n"
    assert apply_edits("a = 1\n", block("a = 1", "a = 1\nb = 2")) == "a = 1\nb = 2\n"


@pytest.mark.parametrize(
    "before",
    [
        "lib/packing.py\n",
        "`lib/packing.py`:\n\n",
        "### File: ./lib/packing.py\n```python\n",
        "**packing.py**\n",
        "```python lib/packing.py\n",
    ],
)
def test_a_file_name_before_a_block_says_where_it_belongs(before: str) -> None:
    child = apply_edits(BUNDLE, block("    return fit(x)", "    return [x]", before))
    assert files(child)[1].source == files(BUNDLE)[1].source.replace("return fit(x)", "return [x]")
    assert files(child)[0] == files(BUNDLE)[0]


def test_files_of_a_bundle_are_told_by_name() -> None:
    said = refusal(BUNDLE, block("    return fit(x)", "    return [x]"))
    assert "main.py, line 4, lib/packing.py, line 3" in said
    assert "name the file" in said
    said = refusal(BUNDLE, block("    return fit(x)", "    return [x]", "other.py\n"))
    assert "the files are main.py, lib/packing.py, fixed.py" in said
    assert "fixed.py, line 2" in refusal(BUNDLE, block("    return x", "    return 1"))
    assert "must not be added" in refusal(
        BUNDLE, block("# ==== FILE: fixed.py ====", "# ==== FILE: loose.py ====")
    )


LINES = st.sampled_from(
    ["", "a = 1", "b = 2", "    c = 3", "    if d:", "        e(5)", "f = [", "]", "\tg", "# h", "i  =  6"]
)


@st.composite
def edited_programs(draw: st.DrawFn) -> tuple[str, str]:
    """A program with one or two regions, and a child that differs from it inside them."""
    parent: list[str] = []
    child: list[str] = []
    for _ in range(draw(st.integers(1, 2))):
        fixed = draw(st.lists(LINES, max_size=4))
        body = draw(st.lists(LINES, min_size=1, max_size=14))
        new = list(body)
        for _ in range(draw(st.integers(1, 4))):
            start = draw(st.integers(0, len(new)))
            end = min(len(new), start + draw(st.integers(0, 3)))
            new[start:end] = draw(st.lists(LINES | st.sampled_from(["new = 0", "    other()"]), max_size=3))
        for lines, inside in ((parent, body), (child, new)):
            lines += [*fixed, "# EVOLVE-BLOCK-START", *inside, "# EVOLVE-BLOCK-END"]
    last = draw(st.sampled_from(["", "\n", "\nlast = 1\n"]))
    return "\n".join(parent) + last, "\n".join(child) + last


Script = list[tuple[str | None, str | None]]
"""Line by line, what is in the parent and what is in the child; one of them may be None."""


def script_of(parent: Sequence[str], child: Sequence[str]) -> Script:
    """The difference, with the markers of both beside one another."""
    script: Script = []
    for old, new in zip(stretches(parent), stretches(child), strict=True):
        for tag, i1, i2, j1, j2 in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
            if tag == "equal":
                script += zip(old[i1:i2], new[j1:j2], strict=True)
            else:
                script += [(line, None) for line in old[i1:i2]] + [(None, line) for line in new[j1:j2]]
    return script


def stretches(lines: Sequence[str]) -> list[list[str]]:
    """The lines before each marker, then the marker alone, and so on."""
    found: list[list[str]] = [[]]
    for line in lines:
        if "EVOLVE-BLOCK" in line:
            found += [[line], []]
        else:
            found[-1].append(line)
    return found


def quoted(script: Script, lo: int, hi: int) -> list[str]:
    return [old for old, _ in script[lo:hi] if old is not None]


def written(script: Script, lo: int, hi: int) -> list[str]:
    return [new for _, new in script[lo:hi] if new is not None]


def blocks_of(parent: Sequence[str], child: Sequence[str]) -> list[Block]:
    """The difference as blocks, each with as much context as makes it unique."""
    script = script_of(parent, child)
    spans = [(at, at + 1) for at, (old, new) in enumerate(script) if old != new]
    is_settled = False
    while not is_settled:
        merged: list[tuple[int, int]] = []
        for lo, hi in spans:
            if merged and lo <= merged[-1][1]:
                merged[-1] = (merged[-1][0], max(hi, merged[-1][1]))
            else:
                merged.append((lo, hi))
        grown = [
            (lo, hi) if is_unique(parent, quoted(script, lo, hi)) else widened(script, lo, hi)
            for lo, hi in merged
        ]
        is_settled = grown == merged == spans
        spans = grown
    return [
        Block(number, tuple(quoted(script, lo, hi)), tuple(written(script, lo, hi)))
        for number, (lo, hi) in enumerate(spans, 1)
    ]


def widened(script: Script, lo: int, hi: int) -> tuple[int, int]:
    return (lo - 1, hi) if lo > 0 and (hi == len(script) or (hi - lo) % 2) else (lo, min(hi + 1, len(script)))


def is_unique(lines: Sequence[str], part: Sequence[str]) -> bool:
    """Whether a part would be found in one place, also without regard to white space; or is all there is."""
    keys = ["".join(line.split()) for line in lines if line.strip()]
    wanted = ["".join(line.split()) for line in part if line.strip()]
    found = sum(keys[at : at + len(wanted)] == wanted for at in range(len(keys) - len(wanted) + 1))
    return len(part) == len(lines) or (bool(wanted) and found == 1)


@given(edited_programs())
@settings(max_examples=300)
def test_a_difference_written_as_blocks_makes_the_child(programs: tuple[str, str]) -> None:
    parent, child = programs
    assume(parent != child)
    blocks = blocks_of(split_lines(parent), split_lines(child))
    assert apply_blocks(parent, blocks) == child
    assert apply_blocks(parent, blocks[::-1]) == child


MANGLERS: list[Callable[[str], str]] = [
    lambda line: f"  {line}" if line.strip() else line,
    lambda line: line + "  \t",
    lambda line: line.replace(" = ", "="),
]


@given(edited_programs(), st.sampled_from(MANGLERS))
@settings(max_examples=300)
def test_mangled_white_space_in_what_is_quoted_still_matches(
    programs: tuple[str, str], mangled: Callable[[str], str]
) -> None:
    """Where all lines are mangled alike, the same lines come out, but for white space within a line."""
    parent, child = programs
    assume(parent != child and "\t" not in parent + child)
    blocks = [
        Block(one.number, tuple(map(mangled, one.search)), tuple(map(mangled, one.replace)))
        for one in blocks_of(split_lines(parent), split_lines(child))
    ]
    made = apply_blocks(parent, blocks)
    assert [indent(line) for line in made.split("\n") if line.strip()] == [
        indent(line) for line in child.split("\n") if line.strip()
    ]
    assert ["".join(line.split()) for line in made.split("\n") if line.strip()] == [
        "".join(line.split()) for line in child.split("\n") if line.strip()
    ]


def indent(line: str) -> int:
    return len(line) - len(line.lstrip())


@given(
    edited_programs(),
    st.lists(
        st.tuples(st.lists(LINES, min_size=1, max_size=4), st.lists(LINES, max_size=4)),
        min_size=1,
        max_size=3,
    ),
)
@settings(max_examples=300)
def test_text_outside_the_regions_never_changes(
    programs: tuple[str, str], pairs: list[tuple[list[str], list[str]]]
) -> None:
    source = programs[0]
    blocks = [Block(number, tuple(old), tuple(new)) for number, (old, new) in enumerate(pairs, 1)]
    try:
        made = apply_blocks(source, blocks)
    except EditError:
        return
    check_outside_unchanged(made, source)
    assert len(regions(made)) == len(regions(source))


@given(edited_programs(), st.data())
def test_what_is_in_two_places_is_never_applied(programs: tuple[str, str], data: st.DataObject) -> None:
    lines = split_lines(programs[0])
    (region, *_) = regions(programs[0])
    body = lines[region.start - 1 : region.end - 1]
    first = data.draw(st.integers(0, len(body) - 1))
    part = body[first : first + data.draw(st.integers(1, 3))]
    assume(any(line.strip() for line in part))
    twice = [*lines[: region.end - 1], "between = 1", *part, *lines[region.end - 1 :]]
    with pytest.raises(EditError, match="times"):
        apply_blocks("\n".join(twice), [Block(1, tuple(part), ("other = 1",))])
