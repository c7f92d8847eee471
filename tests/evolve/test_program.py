import ast
import textwrap
import time
import timeit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolve.problem import EntryPoint
from evolve.program import (
    MAX_BYTES,
    MAX_DEPTH,
    Program,
    ProgramError,
    Region,
    canonical,
    check_entry_point,
    check_outside_unchanged,
    diff,
    regions,
    split_lines,
)

PLAIN = "def f(a, b):\n    return a + b * 2\n"
BLOCK = """\
import math

# EVOLVE-BLOCK-START
def f(a):
    return a
# EVOLVE-BLOCK-END

def g(a):
    x = 1
    # EVOLVE-BLOCK-START
    return a + x
    # EVOLVE-BLOCK-END
"""


def identity(source: str) -> str:
    return Program.parse(source).id


@pytest.mark.parametrize(
    "same",
    [
        "def f(a, b):\n    return a + b * 2",
        "def f(a,b): return (a + (b*2))  # sum",
        "# head\n\n\ndef f(\n    a,\n    b,\n):\n\treturn a + b * 2\n",
        '"""Module."""\ndef f(a, b):\n    """Function."""\n    return a + b * 2\n',
        "def f(a, b):\r\n    return a + b * 2\r\n",
        "\ufeffdef f(a, b):\n    return a + b * 0x2\n",
        "def f(a, b):\n    return a + \\\n        b * 2;\n",
    ],
)
def test_layout_comments_and_docstrings_make_no_new_program(same: str) -> None:
    assert identity(same) == identity(PLAIN)


@pytest.mark.parametrize(
    "other",
    [
        "def f(a, b):\n    return a + b * 3\n",
        "def f(a, b):\n    return a + b * 2.0\n",
        "def f(a, b):\n    return (a + b) * 2\n",
        "def f(b, a):\n    return a + b * 2\n",
        "def f(a, b=2):\n    return a + b * 2\n",
        "def f(a, *, b):\n    return a + b * 2\n",
        "def f(a, b):\n    return a + b * 2\nx = 1\n",
        "def f(a, b):\n    'doc'\n    'second'\n    return a + b * 2\n",
        "async def f(a, b):\n    return a + b * 2\n",
    ],
)
def test_what_a_program_does_makes_a_new_program(other: str) -> None:
    assert identity(other) != identity(PLAIN)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("x = True", "x = 1"),
        ("x = '1'", "x = 1"),
        ("x = b'a'", "x = 'a'"),
        ("x = None", "x = 'None'"),
        ("x = 1.0", "x = 1"),
        ("x = {1: 2}", "x = {1, 2}"),
        ("f(a, b=c)", "f(a, c)"),
        ("f(*a)", "f(a)"),
        ("global x, y", "global x\nglobal y"),
        ("x = {**a}", "x = {None: a}"),
        ("x: int", "x: float"),
    ],
)
def test_values_of_different_types_differ(one: str, other: str) -> None:
    assert identity(one) != identity(other)


def test_an_identity_never_changes() -> None:
    assert identity(PLAIN) == PINNED
    assert len(PINNED) == 32


@given(
    st.sampled_from(["a + b", "a - b", "a if b else c", "f(a, b)", "not a", "a < b < c", "[a, b]", "a[b:c]"])
)
def test_identity_agrees_with_the_unparsed_tree(expression: str) -> None:
    tree = ast.parse(expression)
    assert canonical(ast.parse(ast.unparse(tree))) == canonical(tree)
    assert identity(expression) == identity(f"({expression})")


@pytest.mark.parametrize(
    ("source", "message", "line"),
    [
        ("x = 1\ndef f(:\n", "invalid syntax", 2),
        ("x = 1\ny = \0\n", "null byte", 2),
        ("x = 1\ry = '\ud800'", "surrogate", 2),
        ("return 1", "'return' outside function", 1),
        ("def f(a, a):\n    pass", "duplicate argument 'a'", 1),
        ("for i in x:\n    pass\nbreak", "'break' outside loop", 3),
        ("-" * 100_000 + "1", "nested too deeply", None),
        ("x" + ".a" * 50_000, "nested too deeply", None),
        ("not " * 60_000 + "1", "nested too deeply", None),
        ("x = \\\n" + "(" * 300, "too many nested parentheses", 2),
        (" + ".join(["x"] * (MAX_DEPTH + 5)), f"more than {MAX_DEPTH} levels deep", 1),
        ("#" * (MAX_BYTES + 1), "262145 bytes", None),
        ("#" + "é" * (MAX_BYTES // 2), "262145 bytes", None),
    ],
)
def test_a_source_that_is_no_program(source: str, message: str, line: int | None) -> None:
    with pytest.raises(ProgramError, match=message) as caught:
        Program.parse(source)
    assert caught.value.line == line
    assert str(caught.value).startswith(f"line {line}: ") == (line is not None)


def test_the_largest_program_and_the_deepest() -> None:
    assert Program.parse("#" * MAX_BYTES).source == "#" * MAX_BYTES
    assert Program.parse(" + ".join(["x"] * (MAX_DEPTH - 10)))


def test_depth_counts_from_the_program_not_from_the_caller() -> None:
    source = " + ".join(["x"] * (MAX_DEPTH - 10))

    def parse_deep_down(depth: int) -> Program:
        return parse_deep_down(depth - 1) if depth else Program.parse(source)

    assert parse_deep_down(400) == Program.parse(source)


@given(st.text(alphabet=st.characters(codec=None), max_size=60))
def test_any_text_is_a_program_or_a_program_error(source: str) -> None:
    try:
        program = Program.parse(source)
    except ProgramError as error:
        assert str(error)
    else:
        assert program.source == source.removeprefix("\ufeff")
        compile(program.source, "<program>", "exec")


def test_regions_are_the_lines_between_markers() -> None:
    assert regions(BLOCK) == (Region(4, 6), Region(11, 12))
    assert [split_lines(BLOCK)[region.start - 1] for region in regions(BLOCK)] == [
        "def f(a):",
        "    return a + x",
    ]


@pytest.mark.parametrize("source", ["", "x = 1", "x = 1\n", PLAIN, "s = 'EVOLVE-BLOCK-START'\n"])
def test_without_markers_all_of_a_source_is_one_region(source: str) -> None:
    assert regions(source) == (Region(1, len(split_lines(source)) + 1),)


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_regions_count_lines_as_python_does(newline: str) -> None:
    source = newline.join(
        ["x = '\u2028 \x0c \x85'", "# EVOLVE-BLOCK-START", "y = 2", "#EVOLVE-BLOCK-END", ""]
    )
    assert regions(source) == (Region(3, 4),)
    assert ast.parse(source).body[1].lineno == 3


@pytest.mark.parametrize(
    ("source", "message", "line"),
    [
        ("# EVOLVE-BLOCK-START\nx = 1\n", "EVOLVE-BLOCK-START without", 1),
        ("x = 1\n# EVOLVE-BLOCK-END\n", "EVOLVE-BLOCK-END without", 2),
        (
            "# EVOLVE-BLOCK-START\n\n# EVOLVE-BLOCK-START\n# EVOLVE-BLOCK-END\n",
            "inside the block .* line 1",
            3,
        ),
    ],
)
def test_markers_that_do_not_pair_up(source: str, message: str, line: int) -> None:
    with pytest.raises(ProgramError, match=message) as caught:
        regions(source)
    assert caught.value.line == line


def test_an_empty_region() -> None:
    assert regions("# EVOLVE-BLOCK-START\n# EVOLVE-BLOCK-END\n") == (Region(2, 2),)


ENTRY = EntryPoint("priority", ("operation", "state"))


@pytest.mark.parametrize(
    "signature",
    [
        "priority(operation, state)",
        "priority(operation, state, /)",
        "priority(operation, state=None)",
        "priority(operation, state, alpha=0.5, *, beta=1.0)",
        "priority(operation: object, state: 'State') -> float",
        "priority(operation, state, **options)",
    ],
)
def test_an_entry_point_as_it_should_be(signature: str) -> None:
    check_entry_point(Program.parse(f"import math\ndef {signature}:\n    return 0.0\n"), ENTRY)


@pytest.mark.parametrize(
    ("definition", "message"),
    [
        (
            "def priority(state, operation): ...",
            r"'priority\(state, operation\)'; it has to be 'priority\(operation",
        ),
        ("def priority(operation): ...", "has to be"),
        ("def priority(operation, state, extra): ...", "has to be"),
        ("def priority(*args): ...", "has to be"),
        ("def priority(operation, state, *rest): ...", "has to be"),
        ("def priority(operation, state, *, alpha): ...", "has to be"),
        ("def priority(operation, *, state): ...", "has to be"),
        ("def prioritiy(operation, state): ...", "did you misspell it as 'prioritiy'"),
        (
            "def rule(operation, state): ...",
            r"defines no function 'priority\(operation, state\)' at top level$",
        ),
        ("class A:\n    def priority(operation, state): ...", "defines no function"),
        ("priority = lambda operation, state: 0", "defines no function"),
        ("async def priority(operation, state): ...", "defines no function"),
        ("", "defines no function"),
        ("def priority(operation, state): ...\ndef priority(): ...", "has to be"),
    ],
)
def test_an_entry_point_as_it_should_not_be(definition: str, message: str) -> None:
    with pytest.raises(ProgramError, match=message):
        check_entry_point(Program.parse(definition), ENTRY)


def test_inside_the_regions_everything_may_change() -> None:
    child = BLOCK.replace("    return a\n", "    b = a\n    return b * 2\n").replace("a + x", "x")
    check_outside_unchanged(child, BLOCK)
    check_outside_unchanged("x = 1", PLAIN)


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ("x = 1", "x = 2", 9, "'x = 1', not 'x = 2'"),
        ("import math\n", "import os\n", 1, "'import math', not 'import os'"),
        ("import math\n", "", 1, "'import math', not ''"),
        ("    # EVOLVE-BLOCK-START\n", "    # EVOLVE-BLOCK-START \n", 10, "EVOLVE-BLOCK-START"),
        (
            "    return a + x\n",
            "    # EVOLVE-BLOCK-END\n    # EVOLVE-BLOCK-START\n",
            12,
            "not '# EVOLVE-BLOCK-START'",
        ),
        (
            "    return a\n",
            "    return a\n# EVOLVE-BLOCK-END\nx = 2\n# EVOLVE-BLOCK-START\n",
            7,
            "not 'x = 2'",
        ),
    ],
)
def test_outside_the_regions_nothing_may_change(old: str, new: str, line: int, message: str) -> None:
    with pytest.raises(ProgramError, match=message) as caught:
        check_outside_unchanged(BLOCK.replace(old, new, 1), BLOCK)
    assert caught.value.line == line


def test_nothing_may_be_added_or_missing_at_the_end() -> None:
    with pytest.raises(ProgramError, match="'y = 3' was added") as caught:
        check_outside_unchanged(BLOCK + "\ny = 3", BLOCK)
    assert caught.value.line == 14
    with pytest.raises(ProgramError, match="'y = 3' is missing"):
        check_outside_unchanged(BLOCK, BLOCK + "\ny = 3")
    with pytest.raises(ProgramError, match="was added"):
        check_outside_unchanged("# EVOLVE-BLOCK-START\nx = 1\n# EVOLVE-BLOCK-END\n", "x = 1\n")


def test_diff() -> None:
    assert diff(PLAIN, PLAIN) == ""
    expected = """\
        --- seed
        +++ child
        @@ -1,3 +1,3 @@
         def f(a, b):
        -    return a + b * 2
        +    return a

        """
    shown = diff(PLAIN, "def f(a, b):\n    return a\n", ("seed", "child"))
    assert shown.replace(" \n", "\n").rstrip() == textwrap.dedent(expected).rstrip()


@pytest.mark.benchmark
def test_time_to_parse_a_program_of_sixty_lines() -> None:
    body = "".join(f"    x{i} = max(a, {i}.5) * b\n" for i in range(1, 58))
    source = f"def f(a, b):\n    x0 = a\n{body}    return x57\n"
    assert len(source.splitlines()) == 60
    numbers = iter(range(10**9))
    seconds = (
        min(
            timeit.repeat(
                lambda: Program.parse(f"{source}# {next(numbers)}"),
                number=50,
                repeat=9,
                timer=time.process_time,
            )
        )
        / 50
    )
    print(f"\nparse, identify and compile 60 lines: {seconds * 1e3:.2f} ms")
    assert seconds < 0.002


PINNED = "78a0069d06e179d48e568b8334013b7b"
"""The identity of `PLAIN`: a change here would make the programs of every existing archive strangers."""
