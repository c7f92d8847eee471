import ast
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolve.operators.algebra import simplified

NUMBERS = st.sampled_from(["0", "1", "-1", "2", "0.0", "1.0", "-1.0", "0.1", "-0.3", "2.5", "7"])
NAMES = st.sampled_from(["x", "y"])


def _larger(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.tuples(inner, st.sampled_from("+-*/"), inner).map(lambda parts: f"({' '.join(parts)})"),
        inner.map(lambda part: f"(-{part})"),
        inner.map(lambda part: f"abs({part})"),
        st.tuples(st.sampled_from(["min", "max"]), inner, inner).map(
            lambda parts: f"{parts[0]}({parts[1]}, {parts[2]})"
        ),
        st.tuples(inner, inner, inner).map(lambda parts: f"({parts[0]} if {parts[1]} < {parts[2]} else x)"),
        st.tuples(inner, inner, st.booleans()).map(
            lambda parts: f"({parts[0]} if {parts[2]} or {parts[1]} > 1 else y)"
        ),
    )


EXPRESSIONS = st.recursive(NUMBERS | NAMES, _larger, max_leaves=8)


class _Everywhere(ast.NodeTransformer):
    def visit(self, node: ast.AST) -> ast.AST:
        node = super().visit(node)
        new = simplified(node) if isinstance(node, ast.expr) else None
        return node if new is None else new


def simpler(text: str) -> str:
    """The expression after many rounds."""
    node = ast.parse(text, mode="eval").body
    for _ in range(20):
        made = _Everywhere().visit(node)
        assert isinstance(made, ast.expr)
        node = ast.parse(ast.unparse(made), mode="eval").body
    return ast.unparse(node)


@given(EXPRESSIONS, st.floats(allow_nan=False), st.floats(-100, 100))
def test_the_value_is_the_same_to_the_last_bit(text: str, x: float, y: float) -> None:
    try:
        before = eval(text, {"x": x, "y": y})
    except ZeroDivisionError:
        return
    after = eval(simpler(text), {"x": x, "y": y})
    assert after == before or (math.isnan(after) and math.isnan(before))


@given(EXPRESSIONS)
def test_nothing_gets_longer(text: str) -> None:
    assert len(simpler(text)) <= len(ast.unparse(ast.parse(text)))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("x * 1.0 + 0", "x"),
        ("x + -0.5 * y", "x - 0.5 * y"),
        ("x - -y", "x + y"),
        ("-x + y", "y - x"),
        ("-(x - y)", "y - x"),
        ("-(2.0 * x)", "-2.0 * x"),
        ("--x", "x"),
        ("2 * 3 * x", "6 * x"),
        ("x / 1", "x"),
        ("-1.0 * x", "-x"),
        ("max(x, 1.0, max(x, 2.0))", "max(x, 2.0)"),
        ("min(x, x)", "x"),
        ("abs(-x)", "abs(x)"),
        ("x if True else y", "x"),
        ("x if y else x", "x"),
        ("x if 1 > 2 else y", "y"),
        ("x > 1 and x > 1", "x > 1"),
        ("True and x > 1", "x > 1"),
    ],
)
def test_simpler_forms(before: str, after: str) -> None:
    assert simpler(before) == after


@pytest.mark.parametrize(
    "text", ["0.1 * (0.2 * x)", "x + y - x", "x * 0.0", "0.1 + 0.2 + x", "1.0 / 3.0 * x", "x / x", "1 / 0"]
)
def test_what_would_round_otherwise_or_read_worse_stays(text: str) -> None:
    assert simpler(text) == text
