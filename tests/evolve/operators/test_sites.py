import pytest

from evolve.operators.base import Brief
from evolve.operators.sites import Syntax
from tests.evolve.operators.programs import COMPOSITE, PLAIN_BRIEF, RULE_BRIEF, SHORTEST_FIRST, rule

CODES = "WAIT, START = 0, 1\n\n\n"


def rules(source: str, brief: Brief = RULE_BRIEF) -> list[str]:
    syntax = Syntax(source, brief)
    return [getattr(scope.node, "name", "") for scope in syntax.scopes if syntax.makes_a_number(scope)]


@pytest.mark.parametrize(
    "source",
    [
        SHORTEST_FIRST,
        COMPOSITE,
        rule("0"),
        rule("0 if operation.duration > 1 else 0"),
        rule("1 if operation.duration > 1 else 0.5"),
        rule("unknown(operation)"),
        rule("operation.duration if state.now > 3 else 0"),
        f"from rules import WEIGHT\n{rule('WEIGHT * operation.duration')}",
    ],
)
def test_an_entry_point_that_makes_a_number_is_a_rule(source: str) -> None:
    assert rules(source) == ["priority"]


@pytest.mark.parametrize(
    "source",
    [
        rule("(1, operation.duration)"),
        rule("(1, 2) if state.now > 3 else (0, operation.duration)"),
        rule("[operation.duration]"),
        CODES + rule("WAIT if state.now > 3 else START"),
        CODES
        + "def priority(operation, state):\n    if state.now > 3:\n        return WAIT\n    return START\n",
    ],
)
def test_one_that_picks_a_tuple_or_one_of_several_codes_is_none(source: str) -> None:
    assert rules(source) == []


def test_an_annotated_function_is_a_rule_anywhere() -> None:
    source = "def reserve(x) -> float:\n    return 2\n\n\ndef plan(loads, count):\n    return [0, 1]\n"
    assert rules(source, PLAIN_BRIEF) == ["reserve"]
    assert rules(source.replace("plan(loads, count)", "priority(operation, state)")) == ["reserve"]
