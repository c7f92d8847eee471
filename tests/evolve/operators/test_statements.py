import ast
from collections.abc import Callable

import pytest

from evolve.operators.base import NoProposal
from evolve.operators.statements import operator
from evolve.program import syntax_tree
from tests.evolve.operators.programs import COMPOSITE, SHORTEST_FIRST, child_of, request

STEPS = """\
def priority(operation, state):
    total = 1.0
    total += operation.duration  # first
    total *= operation.remaining_work
    # a comment between
    bonus = 0.5
    return total - bonus
"""
CHILDREN = 250


def children(source: str, lenders: tuple[str, ...] = ()) -> list[str]:
    return [child_of(operator, request(source, number, lenders=lenders)) for number in range(CHILDREN)]


def body(source: str) -> list[str]:
    function = syntax_tree(source).body[-1]
    assert isinstance(function, ast.FunctionDef)
    return [ast.unparse(statement) for statement in function.body]


ORIGINAL = body(STEPS)


def inserts_a_name(child: list[str]) -> bool:
    new = [line for line in child if line not in ORIGINAL]
    names = {line.partition(" = ")[0] for line in new if " = " in line.splitlines()[0]}
    return len(child) == len(ORIGINAL) + 1 and any(sum(name in line for line in child) > 1 for name in names)


def deletes(child: list[str]) -> bool:
    return len(child) == len(ORIGINAL) - 1 and all(line in ORIGINAL for line in child)


def exchanges(child: list[str]) -> bool:
    return sorted(child) == sorted(ORIGINAL) and child != ORIGINAL


def guards(child: list[str]) -> bool:
    return len(child) == len(ORIGINAL) and any(
        line.startswith("if ") and line.splitlines()[1].strip() in ORIGINAL for line in child
    )


def returns_early(child: list[str]) -> bool:
    return len(child) == len(ORIGINAL) + 1 and child[-2].startswith("if ") and "return" in child[-2]


def repeats(child: list[str]) -> bool:
    return (
        len(child) == len(ORIGINAL) + 1
        and sum(line.startswith(("total +=", "total *=")) for line in child) == 3
    )


@pytest.mark.parametrize("change", [inserts_a_name, deletes, exchanges, guards, returns_early, repeats])
def test_every_change_turns_up(change: Callable[[list[str]], bool]) -> None:
    assert sum(change(body(child)) for child in children(STEPS)) >= 3


def test_statements_are_taken_from_other_programs() -> None:
    found = children(SHORTEST_FIRST, (COMPOSITE,))
    assert any("slack = operation.remaining_work - operation.duration" in child for child in found)
    assert all("urgency = " not in child for child in found), "math is not imported here"


def test_a_statement_that_needs_its_comment_line_leaves_the_others() -> None:
    for child in children(STEPS):
        assert "    # a comment between\n" in child


def test_a_rule_of_one_line_gets_more() -> None:
    lengths = {len(body(child)) for child in children(SHORTEST_FIRST)}
    assert lengths == {2}


def test_one_line_bodies_and_shared_lines_are_left_whole() -> None:
    source = "def priority(operation, state):\n    a = 1.0; b = 2.0\n    if a > b: a = b\n    return a + b\n"
    for child in children(source):
        assert "    a = 1.0; b = 2.0\n    if a > b: a = b\n" in child or "if a > b: a = b" not in child


def test_no_change_reads_an_unbound_name() -> None:
    ran = 0
    record = type("Record", (), {"__getattr__": lambda self, name: 2.0})()
    for child in children(COMPOSITE, (STEPS, SHORTEST_FIRST)):
        namespace: dict[str, object] = {}
        exec(child, namespace)
        priority = namespace["priority"]
        assert callable(priority)
        try:
            assert isinstance(priority(record, record), float | int)
        except OverflowError:
            continue
        ran += 1
    assert ran > 0.9 * CHILDREN


def test_a_program_without_statements() -> None:
    with pytest.raises(NoProposal):
        child_of(operator, request("def priority(operation, state):\n    pass\n"))
