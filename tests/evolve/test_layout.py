import ast

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from evolve.layout import WIDTH, laid_out
from evolve.program import Program, ProgramError, check_outside_unchanged
from tests.evolve.operators.programs import EXPRESSIONS, PACKING, rules

LONG = " + ".join(f"{number}.5 * operation.feature_{number}" for number in range(12))


@settings(max_examples=100, deadline=None)
@given(rules())
def test_the_program_stays_the_same(source: str) -> None:
    try:
        program = Program.parse(source)
    except ProgramError:
        assume(False)
    after = laid_out(program.source)
    assert Program.parse(after).id == program.id
    check_outside_unchanged(after, program.source)
    assert laid_out(after) == after


@settings(max_examples=200, deadline=None)
@given(
    st.lists(EXPRESSIONS, min_size=1, max_size=8), st.sampled_from(["return ", "x = ", "if ", "x += ", ""])
)
def test_long_expressions_are_broken_and_mean_the_same(parts: list[str], start: str) -> None:
    try:
        expression = ast.unparse(ast.parse(" * ".join(f"({part})" for part in parts)))
    except SyntaxError:
        assume(False)
    end = ":\n        pass" if start == "if " else ""
    source = f"def f(operation, state, size):\n    {start}{expression}{end}\n"
    assume("\n" not in expression)
    after = laid_out(source)
    assert ast.dump(ast.parse(after)) == ast.dump(ast.parse(source))
    if "float(f" not in expression and "sum(" not in expression:
        assert max(map(len, after.splitlines())) <= WIDTH


def test_a_sum_gets_a_line_for_each_term() -> None:
    after = laid_out(f"def f(operation):\n    return ({LONG}) / max(operation.size, 1.0)\n")
    lines = after.splitlines()
    assert lines[1:5] == [
        "    return (",
        "        (",
        "            0.5 * operation.feature_0",
        "            + 1.5 * operation.feature_1",
    ]
    assert lines[-3:] == ["        )", "        / max(operation.size, 1.0)", "    )"]


def test_arguments_get_a_line_each() -> None:
    after = laid_out(f"def f(operation):\n    value = max({LONG}, key=operation.name)\n")
    assert after.splitlines()[1:3] == ["    value = max(", "        0.5 * operation.feature_0"]
    assert after.splitlines()[-3:] == [
        "        + 11.5 * operation.feature_11,",
        "        key=operation.name,",
        "    )",
    ]


def test_what_fits_or_has_a_comment_stays() -> None:
    assert laid_out(PACKING) == PACKING
    commented = f"def f(operation):\n    return {LONG}  # as tuned\n"
    assert laid_out(commented) == commented


def test_outside_the_regions_long_lines_stay() -> None:
    line = f"VALUE = {'1 + ' * 40}1\n"
    source = f"{line}# EVOLVE-BLOCK-START\n{line}# EVOLVE-BLOCK-END\n"
    after = laid_out(source)
    assert after.startswith(line)
    assert after.count("VALUE = (\n") == 1
