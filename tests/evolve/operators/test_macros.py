import ast
import contextlib
from collections import Counter

import msgspec
import pytest

from evolve.operators.base import NoProposal
from evolve.operators.growth import unit_of
from evolve.operators.macros import FIRST_WEIGHT, operator, value_of
from evolve.operators.syntax import literal
from evolve.program import Program, check_outside_unchanged, syntax_tree
from evolve.randomness import stream
from tests.evolve.operators.programs import (
    COMPOSITE,
    LINEAR,
    PACKING,
    PLAIN_BRIEF,
    RULE_BRIEF,
    SHORTEST_FIRST,
    child_of,
    parent,
    request,
)

LENDER = '''\
def priority(operation, state):
    """Two cases."""
    slack = operation.remaining_work - operation.duration
    slack -= 1.0
    if slack > 3.0:
        return slack
    return 2.0 * slack
'''


def returned(source: str) -> ast.expr:
    statement = next(node for node in ast.walk(syntax_tree(source)) if isinstance(node, ast.Return))
    assert statement.value is not None
    return statement.value


def children(source: str, *lenders: str, count: int = 200) -> list[ast.expr]:
    made = []
    for number in range(count):
        try:
            made.append(returned(child_of(operator, request(source, number, lenders=lenders))))
        except NoProposal:
            continue
    return made


def function_of(source: str) -> ast.FunctionDef:
    return next(node for node in syntax_tree(source).body if isinstance(node, ast.FunctionDef))


def test_the_value_of_a_function_as_one_expression() -> None:
    value = value_of(function_of(LENDER))
    assert value is not None
    assert ast.unparse(value) == (
        "operation.remaining_work - operation.duration - 1.0 if operation.remaining_work - operation.duration"
        " - 1.0 > 3.0 else 2.0 * (operation.remaining_work - operation.duration - 1.0)"
    )


@pytest.mark.parametrize(
    "body",
    [
        "    for x in range(3):\n        return x\n",
        "    return [x for x in state]\n",
        "    a, b = state\n    return a\n",
        "    if state.now > 1:\n        return 1.0\n",
        "    print(state)\n    return 1.0\n",
        "    return\n",
    ],
)
def test_what_is_more_than_a_value(body: str) -> None:
    assert value_of(function_of(f"def priority(operation, state):\n{body}")) is None


def test_branches_that_assign_are_followed() -> None:
    branches = "    if x > 2:\n        y = x\n    elif x < 1:\n        y += 3\n"
    source = f"def f(x):\n    y = 1.0\n{branches}    return y\n"
    value = value_of(function_of(source))
    assert value is not None
    assert ast.unparse(value) == "x if x > 2 else 1.0 + 3 if x < 1 else 1.0"


def test_two_rules_are_joined_in_every_way() -> None:
    made = children(SHORTEST_FIRST, LENDER)
    texts = [ast.unparse(one) for one in made]
    value = value_of(function_of(LENDER))
    assert value is not None
    whole = ast.unparse(value)
    assert any(text == whole for text in texts), "the other rule instead"
    choices = [one for one in made if isinstance(one, ast.IfExp) and ast.unparse(one) != whole]
    sides = Counter(ast.unparse(one.body) == "-operation.duration" for one in choices)
    assert min(sides[True], sides[False]) > 5, "either rule, by a condition, in either order"
    sums = [one for one in made if isinstance(one, ast.BinOp) and whole in ast.unparse(one)]
    assert len(sums) > 30, "both, weighed"


def test_what_is_added_is_of_the_same_unit() -> None:
    other = "def priority(operation, state):\n    return operation.remaining_operations\n"
    for one in children(SHORTEST_FIRST, other):
        if isinstance(one, ast.BinOp) and "remaining_operations" in ast.unparse(one.right):
            weight, converted = one.right, unit_of(one.right, RULE_BRIEF.features)
            assert isinstance(weight, ast.BinOp)
            assert converted == "time" or literal(weight.left) is not None


def test_linear_combinations_are_small_at_first() -> None:
    weights = []
    for one in children(SHORTEST_FIRST, SHORTEST_FIRST, count=400):
        for node in ast.walk(one):
            is_weight = isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult)
            value = literal(node.left) if is_weight and isinstance(node, ast.BinOp) else None
            if value is not None:
                weights.append(abs(value))
    assert len(weights) > 200
    assert sorted(weights)[len(weights) // 2] < 2 * FIRST_WEIGHT


def test_many_linear_combinations_have_all_features_of_a_record_and_some_have_not() -> None:
    features = [one.expression for one in RULE_BRIEF.features if one.expression.startswith("operation.")]
    texts = [ast.unparse(one) for one in children(SHORTEST_FIRST, SHORTEST_FIRST, count=200)]
    whole = sum(all(feature in text for feature in features) for text in texts)
    assert 80 < whole < 190


def test_features_of_the_record_that_rules_read_are_preferred() -> None:
    counts: Counter[str] = Counter()
    for one in children(SHORTEST_FIRST, SHORTEST_FIRST, count=300):
        if isinstance(one, ast.BinOp) and isinstance(one.op, ast.Add):
            counts["operation" if ast.unparse(one.right).count("operation.") > 2 else "other"] += 1
    assert counts["operation"] > 5 * counts["other"]


def test_names_that_the_parent_lacks_are_not_taken_over() -> None:
    lender = "import math\n\n\ndef priority(operation, state):\n    return math.log(1.0 + state.now)\n"
    texts = [ast.unparse(one) for one in children(SHORTEST_FIRST, lender)]
    assert texts and not any("math" in text for text in texts)
    assert any(
        "math.log" in ast.unparse(one) for one in children("import math\n\n\n" + SHORTEST_FIRST, lender)
    )


def test_the_text_around_stays() -> None:
    for number in range(30):
        child = child_of(operator, request(COMPOSITE, number, lenders=(LINEAR,)))
        assert child.splitlines()[:7] == COMPOSITE.splitlines()[:7]


def test_a_program_without_a_rule() -> None:
    with pytest.raises(NoProposal):
        child_of(operator, request(PACKING, brief=PLAIN_BRIEF, lenders=(PACKING,)))


DESIGN = '''"""Published."""

import math


def helper(loads):
    return sorted(loads)


def plan(loads, count):
    return [helper(loads), 2.0 * count, math.sqrt(3.0)]
'''


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("marked", [True, False])
def test_a_published_design_takes_the_place_of_a_program(marked: bool, newline: str) -> None:
    source = f"LIMIT = 3\n# EVOLVE-BLOCK-START\n{PACKING}\n# EVOLVE-BLOCK-END\n" if marked else PACKING
    source = source.replace("\n", newline)
    asked = request(source, brief=PLAIN_BRIEF)
    made = 0
    for number in range(30):
        lender = msgspec.structs.replace(parent(DESIGN), baseline="published")
        now = msgspec.structs.replace(asked, random=stream(1, "propose", number), inspirations=(lender,))
        try:
            child = child_of(operator, now)
        except NoProposal:
            continue
        made += 1
        check_outside_unchanged(child, source)
        assert "def helper(loads):" in child and "packs" not in child
        assert Program.parse(child).id != lender.id
    assert made > 20


def test_designs_are_not_put_into_parts_of_a_function() -> None:
    lender = msgspec.structs.replace(parent(LINEAR), baseline="published")
    for number in range(40):
        asked = msgspec.structs.replace(request(COMPOSITE, number), inspirations=(lender,))
        with contextlib.suppress(NoProposal):
            assert "ALPHA" in child_of(operator, asked)
