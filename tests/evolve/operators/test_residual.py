import ast

import msgspec
import pytest

from evolve.operators.children import MAX_EXPRESSION_NODES
from evolve.operators.growth import unit_of
from evolve.operators.residual import Extended, extended
from evolve.operators.syntax import node_count
from evolve.problem import Feature
from tests.evolve.operators.programs import RULE_BRIEF, SHORTEST_FIRST, returned, rule

OWN = [one.expression for one in RULE_BRIEF.features if one.expression.startswith("operation.")]


def made(source: str) -> Extended:
    found = extended(source, RULE_BRIEF)
    assert found is not None
    return found


def value_of(source: str, **fields: float) -> float:
    class Record:
        def __getattr__(self, name: str) -> float:
            return fields.get(name, 10.0)

    names: dict[str, object] = {}
    exec(source, names)
    function = names["priority"]
    assert callable(function)
    return float(function(Record(), Record()))


def test_all_features_of_the_record_that_is_read_take_part() -> None:
    text = ast.unparse(returned(made(SHORTEST_FIRST).source))
    assert all(feature in text for feature in OWN)


def test_rule_is_nearly_what_it_was() -> None:
    assert value_of(made(SHORTEST_FIRST).source) == pytest.approx(value_of(SHORTEST_FIRST), rel=0.2)


def test_sum_has_the_unit_of_the_rule() -> None:
    whole = returned(made(SHORTEST_FIRST).source)
    assert unit_of(whole, RULE_BRIEF.features) == "time"


def test_rule_of_no_known_unit_is_multiplied() -> None:
    source = rule("operation.duration * operation.remaining_work")
    assert value_of(made(source).source) / value_of(source) == pytest.approx(1.0, abs=0.2)
    assert isinstance(returned(made(source).source), ast.BinOp)


def test_same_rule_gets_the_same_form_and_its_growth_is_counted() -> None:
    first, again = made(SHORTEST_FIRST), extended.__wrapped__(SHORTEST_FIRST, RULE_BRIEF)
    assert again == first
    assert node_count(returned(first.source)) == first.size + first.growth


def test_of_several_results_the_form_of_the_program_decides_which_is_extended() -> None:
    source = """\
def first(operation) -> float:
    return operation.duration


def second(operation) -> float:
    return {}operation.remaining_work


def priority(operation, state):
    return first(operation), second(operation)
"""
    extended_ones = set()
    for form in ("", "2.0 * ", "-", "-2.0 * ", "3.5 + ", "0.5 - "):
        text = made(source.format(form)).source
        assert ast.unparse(returned(text)) == "(first(operation), second(operation))"
        extended_ones.add(text.index("0.01") > text.index("second"))
    assert extended_ones == {False, True}


def test_entries_of_a_mapping_are_features_of_one_record() -> None:
    fields = ("elapsed", "remaining", "deadline")
    features = tuple(Feature(f'state["{field}"]', "s", field) for field in fields)
    brief = msgspec.structs.replace(RULE_BRIEF, features=(*features, Feature("len(state)", "1", "how many")))
    found = extended("def priority(operation, state):\n    return state['remaining']\n", brief)
    assert found is not None
    assert all(f"0.01 * state['{field}']" in ast.unparse(returned(found.source)) for field in fields)


def test_where_there_is_no_room_no_rule_or_no_features_nothing_is_added() -> None:
    long = rule(" + ".join(["operation.duration"] * (MAX_EXPRESSION_NODES // 3)))
    assert extended(long, RULE_BRIEF) is None
    bare = msgspec.structs.replace(RULE_BRIEF, features=(Feature("operation.duration", "time", "how long"),))
    assert extended(SHORTEST_FIRST, bare) is None
    assert extended("def priority(:\n", RULE_BRIEF) is None
