"""What every child of every offline operator is."""

import ast
import contextlib
import copy
import os
import subprocess
import sys

import msgspec
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from evolve.loading import ProblemReference, load_problem, problem_names
from evolve.operators.base import Brief, NoProposal, Operator, Request
from evolve.operators.children import MAX_BLOCK_NODES, MAX_EXPRESSION_NODES
from evolve.operators.scope import scopes_of, unbound_names
from evolve.operators.sites import Syntax
from evolve.operators.syntax import node_count
from evolve.program import Program, ProgramError, check_entry_point, check_outside_unchanged, syntax_tree
from evolve.randomness import stream
from tests.evolve.operators.programs import (
    CHOOSY,
    COMPOSITE,
    OPERATORS,
    PACKING,
    PLAIN_BRIEF,
    RULE_BRIEF,
    SHORTEST_FIRST,
    child_of,
    parent,
    request,
    rules,
)

SLOW = settings(max_examples=75, deadline=None, suppress_health_check=[HealthCheck.too_slow])
NAMED = [pytest.param(operator, id=operator.name) for operator in OPERATORS]
ALL = [pytest.param(operator, id=operator.name) for operator in (*OPERATORS, *CHOOSY)]


def largest_expression(source: str) -> int:
    roots = (
        getattr(statement, field, None)
        for statement in ast.walk(syntax_tree(source))
        if isinstance(statement, ast.stmt)
        for field in ("value", "test", "iter")
    )
    return max((node_count(root) for root in roots if isinstance(root, ast.expr)), default=0)


def check_child(child: str, asked: Request) -> None:
    """Everything that is promised of a child."""
    source = asked.parents[0].source
    program = Program.parse(child)
    check_entry_point(program, asked.brief.entry_point)
    check_outside_unchanged(child, source)
    assert program.id not in {known.id for known in (*asked.parents, *asked.inspirations)}
    before, after = Syntax(source, asked.brief), Syntax(child, asked.brief)
    for old, new in zip(before.regions, after.regions, strict=True):
        assert after.block_size(new) <= max(MAX_BLOCK_NODES, before.block_size(old))
    lent = [largest_expression(lender.source) for lender in asked.inspirations]
    limit = max(MAX_EXPRESSION_NODES, largest_expression(source), *lent)
    assert largest_expression(child) <= limit
    assert unbound_names(scopes_of(after.tree)) <= unbound_names(scopes_of(before.tree))


def is_rule(source: str) -> bool:
    try:
        check_entry_point(Program.parse(source), RULE_BRIEF.entry_point)
    except ProgramError:
        return False
    return True


def copy_of(asked: Request) -> Request:
    """The same request; asking an operator uses up its random stream."""
    return msgspec.structs.replace(asked, random=copy.deepcopy(asked.random))


@pytest.mark.parametrize("operator", ALL)
@SLOW
@given(source=rules(), lender=rules(), number=st.integers(0, 10**6))
def test_children_of_generated_programs(operator: Operator, source: str, lender: str, number: int) -> None:
    assume(is_rule(source) and is_rule(lender))
    asked = request(source, number, lenders=(lender, COMPOSITE))
    try:
        child = child_of(operator, copy_of(asked))
    except NoProposal as answer:
        assert answer.reason
        return
    check_child(child, asked)
    assert child_of(operator, copy_of(asked)) == child


@pytest.mark.parametrize("operator", ALL)
@pytest.mark.parametrize("problem", problem_names())
def test_children_of_real_programs(operator: Operator, problem: str) -> None:
    loaded = load_problem(ProblemReference(problem))
    plugin = loaded.problem
    brief = Brief(plugin.name, loaded.statement, plugin.entry_point, plugin.features, plugin.objective)
    sources = [loaded.seed, *loaded.baselines.values()]
    children = 0
    for source in sources:
        lenders = tuple(parent(other) for other in sources if other != source)
        for number in range(15):
            asked = Request(number, (parent(source),), lenders, brief, stream(5, "propose", number))
            try:
                child = child_of(operator, asked)
            except NoProposal:
                continue
            check_child(child, asked)
            children += 1
    assert children >= 15 or operator in CHOOSY


@pytest.mark.parametrize("operator", NAMED)
@pytest.mark.parametrize(("source", "brief"), [(COMPOSITE, RULE_BRIEF), (PACKING, PLAIN_BRIEF)])
def test_a_long_line_of_descent_keeps_the_promises(operator: Operator, source: str, brief: Brief) -> None:
    for number in range(150):
        asked = request(source, number, brief=brief, lenders=(COMPOSITE,) if brief is RULE_BRIEF else ())
        source = child_of(operator, asked)
        check_child(source, asked)


def test_growth_stops_at_the_limits() -> None:
    source = SHORTEST_FIRST
    sizes = []
    for number in range(600):
        children: list[str] = []
        for attempt in range(3):
            asked = request(source, 3 * number + attempt, lenders=(source,))
            with contextlib.suppress(NoProposal):
                children.append(child_of(OPERATORS[1 + number % 2], asked))
        source = max([source, *children], key=len)
        syntax = Syntax(source, RULE_BRIEF)
        sizes.append(syntax.block_size(syntax.regions[0]))
        assert sizes[-1] <= MAX_BLOCK_NODES
        assert largest_expression(source) <= MAX_EXPRESSION_NODES
        if sizes[-1] > MAX_BLOCK_NODES - 20:
            break
    assert max(sizes) > MAX_BLOCK_NODES / 2, "the limits were never put to the test"


def test_children_are_the_same_in_every_process() -> None:
    program = (
        "from evolve.operators.base import NoProposal\n"
        "from tests.evolve.operators.programs import *\n"
        "for operator in (*OPERATORS, *CHOOSY):\n"
        "    for number in range(20):\n"
        "        try:\n"
        "            asked = request(COMPOSITE, number, lenders=(SHORTEST_FIRST, LINEAR))\n"
        "            print(child_of(operator, asked))\n"
        "        except NoProposal as answer:\n"
        "            print(answer.reason)\n"
    )
    printed = [
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "77")
    ]
    assert printed[0] == printed[1] != ""


@pytest.mark.parametrize("operator", ALL)
def test_a_request_without_a_usable_parent(operator: Operator) -> None:
    nobody = Request(0, (), (), RULE_BRIEF, stream(1, "propose", 0))
    with pytest.raises(NoProposal, match="no parent"):
        child_of(operator, nobody)
    broken = parent(SHORTEST_FIRST)
    broken = type(broken)(broken.id, "def f(:", None)
    with pytest.raises(NoProposal, match="not a program: line 1"):
        child_of(operator, Request(0, (broken,), (), RULE_BRIEF, stream(1, "propose", 0)))


@pytest.mark.parametrize("operator", ALL)
def test_a_program_with_nothing_to_change(operator: Operator) -> None:
    frozen = SHORTEST_FIRST + "# EVOLVE-BLOCK-START\n# EVOLVE-BLOCK-END\n"
    with pytest.raises(NoProposal):
        child_of(operator, request(frozen, lenders=(COMPOSITE,)))


@pytest.mark.parametrize("operator", NAMED)
def test_a_lender_that_is_no_program_does_no_harm(operator: Operator) -> None:
    good = parent(COMPOSITE)
    bad = type(good)("0" * 32, "def f(:", None)
    for number in range(40):
        asked = Request(number, (good,), (bad,), RULE_BRIEF, stream(1, "propose", number))
        assert child_of(operator, asked) != COMPOSITE
