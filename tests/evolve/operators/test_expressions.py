import ast
from collections import Counter
from collections.abc import Callable

import pytest

from evolve.operators.base import NoProposal
from evolve.operators.expressions import operator
from evolve.program import Program, canonical, syntax_tree
from tests.evolve.operators.programs import (
    COMPOSITE,
    PACKING,
    PLAIN_BRIEF,
    SHORTEST_FIRST,
    child_of,
    request,
    returned,
    rule,
)


def is_quotient(node: ast.expr) -> bool:
    """operation.remaining_work / operation.duration, guarded in whatever way."""
    return any(
        isinstance(part, ast.BinOp)
        and isinstance(part.op, ast.Div)
        and ast.unparse(part.left) == "operation.remaining_work"
        and "operation.duration" in ast.unparse(part.right)
        and "+ operation" not in ast.unparse(part.right)
        for part in ast.walk(node)
    )


def is_weighted_sum(node: ast.expr) -> bool:
    """-(operation.duration + c * operation.next_queue_work) with any c, in either order."""
    match node:
        case ast.UnaryOp(op=ast.USub(), operand=ast.BinOp(op=ast.Add(), left=left, right=right)):
            terms = {ast.unparse(left), ast.unparse(right)}
            return "operation.duration" in terms and any(
                "* operation.next_queue_work" in term or "operation.next_queue_work *" in term
                for term in terms
            )
        case _:
            return False


@pytest.mark.parametrize("wanted", [is_quotient, is_weighted_sum])
def test_growth_reaches_known_rules_in_a_few_steps(wanted: Callable[[ast.expr], bool]) -> None:
    shallowest = 99
    for start in range(300):
        source = SHORTEST_FIRST
        for step in range(4):
            source = child_of(operator, request(source, 10 * start + step, seed=2))
            if wanted(returned(source)):
                shallowest = min(shallowest, step + 1)
                break
    assert shallowest <= 3


def test_children_of_one_rule_are_many_and_most_are_small() -> None:
    children = [child_of(operator, request(SHORTEST_FIRST, number)) for number in range(300)]
    assert len({Program.parse(child).id for child in children}) > 100
    lengths = sorted(len(ast.unparse(returned(child))) for child in children)
    assert lengths[150] < 80


def test_a_rule_never_becomes_a_constant_at_once() -> None:
    for number in range(300):
        child = returned(child_of(operator, request(SHORTEST_FIRST, number)))
        assert any(isinstance(node, ast.Attribute) for node in ast.walk(child))


def test_every_kind_of_operation_turns_up() -> None:
    seen: Counter[str] = Counter()
    for number in range(600):
        for node in ast.walk(returned(child_of(operator, request(SHORTEST_FIRST, number)))):
            if isinstance(node, ast.BinOp):
                seen[type(node.op).__name__] += 1
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                seen[node.func.id] += 1
            elif isinstance(node, ast.IfExp | ast.Compare):
                seen[type(node).__name__] += 1
    assert all(seen[kind] for kind in ("Add", "Sub", "Mult", "Div", "min", "max", "abs", "IfExp", "Compare"))


def test_what_has_grown_can_shrink() -> None:
    large = rule(
        "-(operation.duration + 2.0 * operation.next_queue_work) / max(operation.remaining_work, 1.0)"
    )
    sizes = [len(ast.unparse(returned(child_of(operator, request(large, number))))) for number in range(200)]
    assert sum(size < 70 for size in sizes) > 20


def test_expressions_are_taken_from_other_programs() -> None:
    lender = rule("operation.next_queue_work * 0.375 - state.now")
    parts = [canonical(ast.parse(text, mode="eval").body) for text in ("operation.next_queue_work * 0.375",)]
    taken = 0
    for number in range(200):
        child = returned(child_of(operator, request(SHORTEST_FIRST, number, lenders=(lender,))))
        taken += any(canonical(node) in parts for node in ast.walk(child) if isinstance(node, ast.expr))
    assert taken > 5


def test_names_of_another_program_are_replaced_by_their_definitions() -> None:
    lender = (
        "def priority(operation, state):\n    pressure = operation.next_queue_work / 7.0\n"
        "    return pressure * 2.0\n"
    )
    children = [
        child_of(operator, request(SHORTEST_FIRST, number, lenders=(lender,))) for number in range(200)
    ]
    assert not any("pressure" in child for child in children)
    assert any("operation.next_queue_work / 7.0 * 2.0" in child for child in children)


def test_conditions_change() -> None:
    source = (
        "def priority(operation, state):\n    if operation.duration < 3.0:\n        return 1.0\n"
        "    return operation.duration\n"
    )
    tests = Counter(
        ast.unparse(node.test)
        for number in range(300)
        for node in ast.walk(syntax_tree(child_of(operator, request(source, number))))
        if isinstance(node, ast.If)
    )
    assert len(tests) > 20
    assert any(" and " in test or " or " in test for test in tests)
    assert "operation.duration > 3.0" in tests or "operation.duration >= 3.0" in tests


def test_sort_keys_change_and_structure_stays() -> None:
    children = [child_of(operator, request(PACKING, number, brief=PLAIN_BRIEF)) for number in range(200)]
    assert len({child.splitlines()[2] for child in children}) > 5
    for child in children:
        assert child.splitlines()[3] == "    packs = [[] for _ in range(count)]" or "range(" in child
        assert "packs[best].append(item)" in child


def test_divisors_stay_safe() -> None:
    source = rule("operation.remaining_work / max(operation.duration, 1.0)")
    zero = type("Zero", (), {"__getattr__": lambda self, name: 0.0})()
    for number in range(300):
        child = child_of(operator, request(source, number, lenders=(COMPOSITE,)))
        namespace: dict[str, object] = {}
        exec(child, namespace)
        priority = namespace["priority"]
        assert callable(priority)
        if "math" not in child:
            assert isinstance(priority(zero, zero), float | int)


def test_comments_and_layout_elsewhere_stay() -> None:
    kept = 0
    for number in range(100):
        child = child_of(operator, request(COMPOSITE, number))
        old, new = COMPOSITE.splitlines(), child.splitlines()
        same = sum(line in new for line in old)
        assert same >= len(old) - 4
        kept += "# weighed" in child
    assert kept > 70


def test_a_program_without_expressions() -> None:
    with pytest.raises(NoProposal, match="did not fit"):
        child_of(operator, request("def priority(operation, state):\n    pass\n"))
