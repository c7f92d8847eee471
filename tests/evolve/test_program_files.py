"""Programs of several files, as `evolve.program` sees them."""

import ast
import time
import timeit
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolve.problem import EntryPoint
from evolve.program import (
    MAX_BYTES,
    Program,
    ProgramError,
    Region,
    SourceFile,
    bundle,
    check_entry_point,
    check_outside_unchanged,
    diff,
    files,
    regions,
    split_lines,
    syntax_tree,
)
from tests.support.bundles import FIXED, MAIN, NAMES, RULE, RULE_FILES, RULES, contents

ENTRY = EntryPoint("priority", ("operation", "state"))
FREE = bundle(
    [SourceFile("main.py", "def f(a):\n    return a\n"), SourceFile("b.py", ""), SourceFile("c.py", "x = 1")]
)


def made(**sources: str) -> str:
    """The program of three files with other sources, by the names of the modules."""
    return bundle(
        SourceFile(part.name, sources.pop(part.name.rpartition("/")[2].removesuffix(".py"), part.source))
        for part in RULE_FILES
    )


def identity(*parts: tuple[str, str]) -> str:
    return Program.parse(bundle(SourceFile(*part) for part in parts)).id


def test_an_identity_never_changes() -> None:
    assert Program.parse(RULE).id == PINNED


@pytest.mark.parametrize(
    "same",
    [
        RULE.replace("WEIGHT = 0.5", "WEIGHT = 5e-1  # half"),
        made(rules=f'"""Rules."""\n{RULES}'),
        RULE.replace("\n", "\r\n"),
        "\ufeff" + RULE,
        bundle([RULE_FILES[0], RULE_FILES[2], RULE_FILES[1]]),
        RULE.removesuffix("\n"),
    ],
)
def test_layout_comments_docstrings_and_order_make_no_new_program(same: str) -> None:
    assert Program.parse(same).id == PINNED


@given(st.lists(st.tuples(st.sampled_from(NAMES), contents()), min_size=1, unique_by=lambda part: part[0]))
def test_comments_never_make_a_new_program(parts: list[tuple[str, str]]) -> None:
    commented = [(name, f"# {name}\n{source}\n# end") for name, source in parts]
    assert identity(*commented) == identity(*parts)


def test_what_makes_a_new_program() -> None:
    known = {
        identity(("a.py", "x = 1"), ("b.py", "y = 2")),
        identity(("b.py", "y = 2"), ("a.py", "x = 1")),
        identity(("a.py", "x = 1"), ("c.py", "y = 2")),
        identity(("a.py", "x = 1\ny = 2"), ("b.py", "")),
        identity(("a.py", "x = 1"), ("b.py", "y = 3")),
        identity(("a.py", "x = 1")),
        Program.parse("x = 1").id,
        Program.parse("x = 1\ny = 2").id,
    }
    assert len(known) == 8


@given(st.lists(st.tuples(st.sampled_from(NAMES), contents()), min_size=1, unique_by=lambda part: part[0]))
def test_the_whole_text_is_python(parts: list[tuple[str, str]]) -> None:
    """So operators can work on it as on a program of one file."""
    program = Program.parse(bundle(SourceFile(*part) for part in parts))
    dumps = [
        ast.dump(statement) for part in files(program.source) for statement in ast.parse(part.source).body
    ]
    assert [ast.dump(statement) for statement in syntax_tree(program.source).body] == dumps


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (made(rules="x = 1\ndef f(:\n"), "^rules.py, line 2: invalid syntax$"),
        (made(main="return 1\n"), "^main.py, line 1: 'return' outside function$"),
        (made(checks="x = 1\ny = '''\n"), "^lib/checks.py, line 2: unterminated triple-quoted"),
        (made(main="x = 1 + \\\n"), "^main.py, line 1: unexpected EOF"),
        (made(main="if x:\n"), "^main.py, line 1: expected an indented block"),
        (made(main="x = '\ud800'\n"), "^main.py, line 1: .* surrogate"),
        (made(rules="\n\0"), "^rules.py, line 2: .* null byte"),
        (made(rules="x = 1\nfrom __future__ import annotations\n"), "^rules.py, line 2: from __future__"),
        (made(rules=f"x = {'-' * 120}1\n"), "^rules.py: .* levels deep"),
        (RULE.replace("rules.py", "../rules.py"), "^'../rules.py' cannot be the name of a file"),
        (RULE.replace(" lib/checks.py ====", " lib/checks.py"), "^line 23: a header has to read"),
        (
            made(rules="#" * (MAX_BYTES - 100)),
            f"the files have .* together; a program has at most {MAX_BYTES}",
        ),
    ],
)
def test_every_file_has_to_be_python(source: str, message: str) -> None:
    with pytest.raises(ProgramError, match=message):
        Program.parse(source)


def test_a_file_may_import_from_the_future() -> None:
    assert "from __future__" in Program.parse(RULE).source


def test_the_first_file_has_the_entry_point() -> None:
    check_entry_point(Program.parse(RULE), ENTRY)
    moved = Program.parse(bundle([RULE_FILES[1], RULE_FILES[0]]))
    with pytest.raises(ProgramError, match=r"^rules.py: the program defines no function 'priority"):
        check_entry_point(moved, ENTRY)
    other = Program.parse(made(main=MAIN.replace("operation, state", "operation")))
    with pytest.raises(ProgramError, match=r"^main.py, line 4: the entry point is"):
        check_entry_point(other, ENTRY)
    misspelt = Program.parse(made(main=MAIN.replace("priority", "prioriti")))
    with pytest.raises(ProgramError, match=r"^main.py, line 4: .* misspell"):
        check_entry_point(misspelt, ENTRY)


def test_regions_are_lines_of_the_text() -> None:
    lines = split_lines(RULE)
    inside = ["\n".join(lines[region.start - 1 : region.end - 1]) + "\n" for region in regions(RULE)]
    assert len(inside) == 2
    assert inside[0].startswith("    urgency = slack(")
    assert inside[1].startswith("def slack(")
    assert inside[0] in MAIN
    assert inside[1] in RULES


def test_headers_are_in_no_region() -> None:
    assert regions(FREE) == (Region(2, 4), Region(5, 5), Region(6, 7))
    assert split_lines(FREE)[3:] == ["# ==== FILE: b.py ====", "# ==== FILE: c.py ====", "x = 1"]


@given(st.lists(st.tuples(st.sampled_from(NAMES), contents()), min_size=1, unique_by=lambda part: part[0]))
def test_without_markers_all_but_the_headers_is_free(parts: list[tuple[str, str]]) -> None:
    source = bundle(SourceFile(*part) for part in parts)
    found = regions(source)
    assert len(found) == len(parts)
    lines = split_lines(source)
    held = [line for region in found for line in range(region.start, region.end)]
    fixed = [text for number, text in enumerate(lines, 1) if number not in held]
    assert fixed == [f"# ==== FILE: {name} ====" for name, _ in parts]
    check_outside_unchanged(bundle(SourceFile(name, "z = 0\n") for name, _ in parts), source)


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        ("# EVOLVE-BLOCK-START\n", "# EVOLVE-BLOCK-END\n", "^main.py, line 1: EVOLVE-BLOCK-START without"),
        ("", "x = 1\n# EVOLVE-BLOCK-END\n", "^b.py, line 2: EVOLVE-BLOCK-END without"),
        ("# EVOLVE-BLOCK-END\n", "# EVOLVE-BLOCK-START\n", "^main.py, line 1: EVOLVE-BLOCK-END without"),
    ],
)
def test_regions_end_in_their_file(first: str, second: str, message: str) -> None:
    source = bundle([SourceFile("main.py", first), SourceFile("b.py", second)])
    with pytest.raises(ProgramError, match=message):
        regions(source)
    with pytest.raises(ProgramError, match=message):
        check_outside_unchanged(source, source)


def test_inside_the_regions_everything_may_change() -> None:
    check_outside_unchanged(RULE, RULE)
    child = made(
        main=MAIN.replace("urgency = slack", "urgency = 2.0 * slack"),
        rules=RULES.replace("def slack", "def other():\n    pass\n\n\ndef slack"),
    )
    check_outside_unchanged(child, RULE)
    check_outside_unchanged(child.replace("\n", "\r\n"), RULE)


@pytest.mark.parametrize(
    ("child", "message"),
    [
        (made(main=MAIN.replace("rules import", "rule import")), "^main.py, line 1: outside"),
        (made(rules=RULES.replace("WEIGHT = 0.5", "WEIGHT = 1.5")), "^rules.py, line 3: outside"),
        (made(checks=FIXED.replace("2.0", "3.0")), "^lib/checks.py, line 2: outside .* 'return 2.0 "),
        (
            made(checks=f"# EVOLVE-BLOCK-START\n{FIXED}# EVOLVE-BLOCK-END\n"),
            "^lib/checks.py, line 1: outside",
        ),
        (made(checks=FIXED + "x = 1\n"), "^lib/checks.py, line 3: .* not 'x = 1'"),
        (made(checks=""), "^lib/checks.py, line 1: outside the EVOLVE"),
        (RULE.replace("EVOLVE-BLOCK", "NO-BLOCK"), "^main.py: 'from rules import .* is missing"),
        (
            bundle(RULE_FILES[:2]),
            "to be the files main.py, rules.py, lib/checks.py, .* not .* main.py, rules.py, e",
        ),
        (bundle([*RULE_FILES, SourceFile("d.py", "")]), "the files main.py, rules.py, lib/checks.py, each"),
        (bundle([RULE_FILES[0], RULE_FILES[2], RULE_FILES[1]]), "the files main.py, rules.py, lib/checks.py"),
        (MAIN, "rules.py, lib/checks.py, each after a header like '# .*', not one file without a header$"),
        (
            RULE.replace("def slack", "# ==== FILE: d.py ====\ndef slack"),
            "not the files main.py, rules.py, d.py, l",
        ),
    ],
)
def test_outside_the_regions_nothing_may_change(child: str, message: str) -> None:
    with pytest.raises(ProgramError, match=message):
        check_outside_unchanged(child, RULE)


def test_files_may_be_neither_added_nor_taken_away_where_all_is_free() -> None:
    check_outside_unchanged(FREE.replace("return a", "return 2 * a"), FREE)
    for child in (FREE + "\n# ==== FILE: d.py ====\n", FREE.replace("b.py", "d.py"), "def f(a): return a"):
        with pytest.raises(ProgramError, match=r"has to be the files main.py, b.py, c.py"):
            check_outside_unchanged(child, FREE)
    with pytest.raises(ProgramError, match=r"has to be one file without a header, not the files main.py"):
        check_outside_unchanged(FREE, "def f(a): return a")
    with pytest.raises(ProgramError, match=r"^main.py, line 1: 'def f\(a\):' was added"):
        check_outside_unchanged(
            FREE.replace("x = 1", "# EVOLVE-BLOCK-START\nx = 1\n# EVOLVE-BLOCK-END"), FREE
        )


def test_diff_has_a_part_for_each_file_that_differs() -> None:
    assert diff(RULE, RULE) == ""
    shown = diff(RULE, made(rules=RULES.replace("0.5 * value", "value / 3")), ("seed", "child"))
    assert [line for line in shown.splitlines() if line[:3] in ("---", "+++", "-  ", "+  ")] == [
        "--- seed/rules.py",
        "+++ child/rules.py",
        "-        return 0.5 * value",
        "+        return value / 3",
    ]


def test_diff_of_programs_with_other_files() -> None:
    def headers(a: str, b: str) -> list[str]:
        return [line for line in diff(a, b).splitlines() if line.startswith(("---", "+++"))]

    fewer = bundle(RULE_FILES[:2])
    assert headers(RULE, fewer) == ["--- a/lib/checks.py", "+++ /dev/null"]
    assert headers(fewer, RULE) == ["--- /dev/null", "+++ b/lib/checks.py"]
    assert headers(MAIN, fewer) == ["--- /dev/null", "+++ b/rules.py"], "one file is compared with the first"
    assert headers(fewer, MAIN.replace("urgency", "u")) == [
        "--- a/main.py",
        "+++ b/main.py",
        "--- a/rules.py",
        "+++ /dev/null",
    ]


@pytest.mark.benchmark
def test_time_to_parse_a_program_of_three_files() -> None:
    body = "".join(f"    x{i} = max(a, {i}.5) * b\n" for i in range(1, 18))
    source = f"def f(a, b):\n    x0 = a\n{body}    return x17\n"
    parts = [SourceFile(f"part{n}.py", source) for n in range(3)]
    numbers = iter(range(10**9))

    def parse(changed: int) -> None:
        for n in range(changed):
            parts[n] = SourceFile(parts[n].name, f"{source}# {next(numbers)}\n")
        Program.parse(bundle(parts))

    for changed in (1, 3):
        times = timeit.repeat(partial(parse, changed), number=50, repeat=9, timer=time.process_time)
        milliseconds = min(times) / 50 * 1e3
        print(f"\nparse, identify, compile 3 files of 20 lines, {changed} of them new: {milliseconds:.2f} ms")
        assert milliseconds < 2


PINNED = "c30841d691c421a98ffc6be5d374651f"
"""The identity of `RULE`: a change here would make the programs of every existing archive strangers."""
