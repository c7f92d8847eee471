import ast

from hypothesis import assume, given, settings

from evolve.operators.reductions import reduced, reductions, roundings
from evolve.operators.sites import Syntax
from evolve.operators.syntax import node_count
from evolve.program import Program, ProgramError, check_outside_unchanged
from tests.evolve.operators.programs import COMPOSITE, LINEAR, RULE_BRIEF, rules


def smaller(source: str) -> list[str]:
    syntax = Syntax(source, RULE_BRIEF)
    made = [reduced(syntax, one, RULE_BRIEF) for one in reductions(syntax)]
    return [one for one in made if one is not None]


def returned(expression: str) -> str:
    return f"def priority(operation, state):\n    return {expression}\n"


def reduced_expressions(expression: str) -> set[str]:
    return {one.split("return ")[1].strip() for one in smaller(returned(expression))}


@settings(max_examples=60, deadline=None)
@given(rules())
def test_each_is_a_smaller_program(source: str) -> None:
    try:
        program = Program.parse(source)
    except ProgramError:
        assume(False)
    assume("priority" in source)
    for one in smaller(source)[:40]:
        check_outside_unchanged(one, program.source)
        assert node_count(ast.parse(one)) <= node_count(ast.parse(source)) + 1


def test_one_part_less() -> None:
    assert reduced_expressions("operation.duration - 2.0 * state.now") == {
        "operation.duration",
        "-(2.0 * state.now)",
        "operation.duration - 2.0",
        "operation.duration - state.now",
    }
    assert reduced_expressions("min(operation.duration, 3.0)") == {"operation.duration", "3.0"}
    assert reduced_expressions("1.0 if state.now > 2 and operation.duration else 2.0") == {
        "1.0",
        "2.0",
        "1.0 if state.now > 2 else 2.0",
        "1.0 if operation.duration else 2.0",
    }


def test_a_guarded_divisor_stays_guarded() -> None:
    found = reduced_expressions("1.0 / max(state.now, 2.0) + 1.0 / (1.0 + abs(state.now))")
    assert "1.0 / 2.0 + 1.0 / (1.0 + abs(state.now))" in found
    assert not any("/ state.now" in one or "/ abs" in one or "/ (1.0 + state.now)" in one for one in found)


def test_statements_and_branches_go() -> None:
    found = smaller(LINEAR)
    assert any("if slack" not in one and one.count("return") == 1 for one in found)
    assert any("if slack" not in one and one.count("return") == 2 for one in found)
    assert not any("slack =" not in one for one in found), "what follows reads it"
    assert all("ALPHA = 0.5  # how hard to press" in one for one in smaller(COMPOSITE))


def test_constants_lose_digits() -> None:
    source = returned("0.1234 * operation.duration + 3 + 20.0 - 1.5")
    syntax = Syntax(source, RULE_BRIEF)
    texts = [
        syntax.text.edited(one.edit).split("return ")[1].strip()
        for one in roundings(syntax, source, RULE_BRIEF, 1)
    ]
    assert texts == [
        "0.1 * operation.duration + 3 + 20.0 - 1.5",
        "0.1234 * operation.duration + 3 + 20.0 - 2.0",
    ]
    assert len(roundings(syntax, source, RULE_BRIEF, 2)) == 1
