import ast
import copy

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evolve.operators.sites import Syntax
from evolve.operators.syntax import (
    SourceText,
    as_divisor,
    descendants,
    is_safe_divisor,
    literal,
    names_read,
    node_count,
    number,
)
from evolve.program import canonical
from tests.evolve.operators.programs import COMPOSITE, RULE_BRIEF, rules

REPLACEMENTS = [
    "x",
    "1.5",
    "-x",
    "x + y",
    "x * y",
    "x ** 2",
    "not x",
    "x < y",
    "x and y",
    "x or y",
    "x if y else z",
    "max(x, 1.0)",
    "a.b",
    "a[0]",
    "lambda: x",
]


def expression(text: str) -> ast.expr:
    return ast.parse(text, mode="eval").body


def with_replaced(tree: ast.Module, position: int, new: ast.expr) -> ast.Module:
    """A copy of a tree with the expression at a position of `ast.walk` replaced."""
    changed = copy.deepcopy(tree)
    old = list(ast.walk(changed))[position]
    for parent in ast.walk(changed):
        for field, value in ast.iter_fields(parent):
            if value is old:
                setattr(parent, field, new)
            elif isinstance(value, list) and any(item is old for item in value):
                setattr(parent, field, [new if item is old else item for item in value])
    return changed


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(source=rules() | st.just(COMPOSITE), text=st.sampled_from(REPLACEMENTS), data=st.data())
def test_a_replacement_changes_the_tree_in_one_place(source: str, text: str, data: st.DataObject) -> None:
    syntax = Syntax(source, RULE_BRIEF)
    sites = [site for place in syntax.places for site in syntax.sites(place)]
    site = data.draw(st.sampled_from(sites))
    edit = syntax.text.expression_edit(site.node, site.parent, site.field, expression(text))
    child = syntax.text.edited(edit)
    position = [node is site.node for node in ast.walk(syntax.tree)].index(True)
    assert canonical(ast.parse(child)) == canonical(with_replaced(syntax.tree, position, expression(text)))
    start, end, _ = edit
    kept = child.encode()
    assert kept.startswith(syntax.text.data[:start]) and kept.endswith(syntax.text.data[end:])


@pytest.mark.parametrize(
    ("source", "old", "new", "expected"),
    [
        ("x = a * (b + c)", "b + c", "d", "x = a * d"),
        ("x = a * (b + c)", "b + c", "d - e", "x = a * (d - e)"),
        ("x = a * b", "b", "d - e", "x = a * (d - e)"),
        ("x = a - b", "b", "d - e", "x = a - (d - e)"),
        ("x = a - b", "a", "d - e", "x = d - e - b"),
        ("x = -a", "a", "d + e", "x = -(d + e)"),
        ("x = f(a)", "a", "d if e else g", "x = f(d if e else g)"),
        ("x = f((a))", "a", "d", "x = f((d))"),
        ("x = (a) if (b) else (c)", "b", "d or e", "x = (a) if d or e else (c)"),
        ("x = (a)if(b)else(c)", "b", "d", "x = (a)if d else(c)"),
        ("x = (\n    a  # one\n    + b\n)", "a", "d", "x = (\n    d  # one\n    + b\n)"),
        ("x = (\n    a\n    + b\n)", "a\n    + b", "d", "x = d"),
        ("x = a ** b", "a", "-d", "x = (-d) ** b"),
        ("x = a < b", "a", "d < e", "x = (d < e) < b"),
        ("x = 'éß', a, b", "a", "d", "x = 'éß', d, b"),
        ("é = ß + a", "a", "d", "é = ß + d"),
        ("x = a if 1else 2", "1", "d", "x = a if d else 2"),
        ("x = a.b * c", "a.b", "d + e", "x = (d + e) * c"),
        ("x = a\r\ny = b\r\n", "b", "d", "x = a\r\ny = d\r\n"),
        ("x = a\ry = b", "b", "d", "x = a\ry = d"),
    ],
)
def test_parentheses_come_and_go_as_precedence_needs(source: str, old: str, new: str, expected: str) -> None:
    tree = ast.parse(source)
    for parent in ast.walk(tree):
        for field, value in ast.iter_fields(parent):
            for node in value if isinstance(value, list) else [value]:
                wanted = isinstance(node, ast.expr) and not isinstance(getattr(node, "ctx", None), ast.Store)
                if wanted and ast.get_source_segment(source, node) == old:
                    text = SourceText(source)
                    edit = text.expression_edit(node, parent, field, expression(new))
                    assert text.edited(edit) == expected
                    return
    raise AssertionError(f"no {old} in {source}")


def test_edits_are_made_in_order_of_position() -> None:
    text = SourceText("abcdef")
    assert text.edited((4, 5, "E"), (0, 1, "A"), (2, 2, "-"), (2, 2, "+")) == "Ab-+cdEf"


def test_statements_are_inserted_with_the_indentation_and_line_ends_of_the_file() -> None:
    statement = ast.parse("if a:\n    b = 'x\\n'\n    if c:\n        d = 1").body[0]
    for newline in ("\n", "\r\n"):
        source = newline.join(["def f():", "\tx = 1", "\treturn x", ""])
        text = SourceText(source)
        edit = text.insertion(text.line_start(3), [statement], "\t")
        lines = [
            "def f():",
            "\tx = 1",
            "\tif a:",
            "\t\tb = 'x\\n'",
            "\t\tif c:",
            "\t\t\td = 1",
            "\treturn x",
            "",
        ]
        assert text.edited(edit) == newline.join(lines)


def test_a_statement_inserted_after_a_last_line_without_an_end_begins_a_new_line() -> None:
    source = "def f():\n    return x"
    text = SourceText(source)
    edit = text.insertion(len(text.data), [ast.parse("y = 1").body[0]], "    ")
    assert text.edited(edit) == "def f():\n    return x\n    y = 1\n"


@pytest.mark.parametrize(
    ("source", "whole"),
    [
        ("x = 1\n", (0, 6)),
        ("x = 1  # one\ny = 2", (0, 13)),
        ("x = (1,\n  2)\n", (0, 13)),
        ("x = 1; y = 2\n", None),
        ("if a: x = 1\n", (0, 12)),
    ],
)
def test_whole_lines_of_a_statement(source: str, whole: tuple[int, int] | None) -> None:
    assert SourceText(source).whole_lines(ast.parse(source).body[0]) == whole


def test_statements_that_share_lines_have_none() -> None:
    for source, statement in [("if a: x = 1", "x = 1"), ("x = 1; y = 2", "y = 2")]:
        node = next(
            part
            for part in ast.walk(ast.parse(source))
            if isinstance(part, ast.stmt) and ast.get_source_segment(source, part) == statement
        )
        assert SourceText(source).whole_lines(node) is None
    branch = ast.parse("if a:\n    x = 1\nelif b:\n    x = 2\n").body[0]
    assert isinstance(branch, ast.If)
    assert SourceText("if a:\n    x = 1\nelif b:\n    x = 2\n").whole_lines(branch.orelse[0]) is None


@given(rules())
def test_descendants_are_all_expressions_and_statements(source: str) -> None:
    tree = ast.parse(source)
    walked = {id(node) for node in ast.walk(tree) if isinstance(node, ast.expr | ast.stmt)}
    found = [id(node) for node in descendants(tree) if isinstance(node, ast.expr | ast.stmt)]
    assert set(found) == walked and len(found) == len(walked)
    assert node_count(tree) == len(walked)


@given(st.integers(-(10**6), 10**6) | st.floats(-1e6, 1e6))
def test_numbers_are_written_and_read(value: float) -> None:
    node = number(value)
    assert literal(node) == value
    assert literal(expression(ast.unparse(node))) == value


def test_what_is_no_literal() -> None:
    assert [literal(expression(text)) for text in ("True", "'1'", "x", "1j", "not 1", "+1")] == [None] * 6


def test_names_read_leaves_out_what_is_bound_inside() -> None:
    node = expression("a + sum(b * k for k in c) + (lambda d: d + e)(f)")
    assert sorted(names_read(node)) == ["a", "b", "c", "e", "f", "sum"]


@pytest.mark.parametrize("text", ["2", "-0.5", "max(x, 1.0)", "max(1, x)", "1.0 + abs(x)", "abs(x) + 2"])
def test_divisors_that_need_no_guard(text: str) -> None:
    assert is_safe_divisor(expression(text))
    assert ast.unparse(as_divisor(expression(text))) == text


@pytest.mark.parametrize(
    "text", ["0", "x", "a.b", "max(x, 0)", "max(x, y)", "min(x, 1)", "1.0 - abs(x)", "1 + x"]
)
def test_divisors_that_need_one(text: str) -> None:
    assert not is_safe_divisor(expression(text))
    assert ast.unparse(as_divisor(expression(text))) == f"max({text}, 1.0)"
    assert is_safe_divisor(as_divisor(expression(text)))
