import ast
import random
from collections import Counter

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolve.operators.growth import Terminal, Vocabulary, feature_terminals, operated, unit_of, vocabulary
from evolve.operators.sites import Syntax
from evolve.operators.syntax import literal, name, names_read
from evolve.problem import EntryPoint, Feature
from tests.evolve.operators.programs import PACKING, PLAIN_BRIEF, RULE_BRIEF, SHORTEST_FIRST

FEATURES = RULE_BRIEF.features
SEEDS = st.integers(0, 2**32)


class Record:
    """Any attribute is zero: the worst that a divisor can meet."""

    def __getattr__(self, attribute: str) -> float:
        return 0.0


def words(seed: int, *, features: bool = True, reals: tuple[str, ...] = ("total",)) -> Vocabulary:
    known = [terminal for terminal, _ in feature_terminals(FEATURES)] if features else []
    return Vocabulary(random.Random(seed), known, [Terminal(name(real)) for real in reals], [])


def expression(text: str) -> ast.expr:
    return ast.parse(text, mode="eval").body


@given(SEEDS, st.integers(0, 4), st.sampled_from([-3.0, 0.0, 0.5]))
def test_what_is_grown_has_a_value_even_where_everything_is_zero(seed: int, depth: int, total: float) -> None:
    grown = words(seed).grown(depth).node
    scope = {"operation": Record(), "state": Record(), "total": total}
    value = eval(ast.unparse(grown), scope)
    assert isinstance(value, float | int)
    assert set(names_read(grown)) <= {"operation", "state", "total", "max", "min", "abs"}


@given(SEEDS)
def test_nothing_is_combined_with_itself(seed: int) -> None:
    grown = words(seed).grown(4).node
    for node in ast.walk(grown):
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Sub | ast.Div):
            assert ast.unparse(node.left) != ast.unparse(node.right)


def test_terminals_come_from_everything_in_scope() -> None:
    counts = Counter(ast.unparse(words(seed).terminal().node) for seed in range(600))
    assert all(counts[feature.expression] > 40 for feature in FEATURES)
    assert counts["total"] > 40
    assert sum(text[0].isdigit() for text in counts.elements()) > 40


def test_a_unit_is_preferred_and_not_forced() -> None:
    units = Counter(words(seed).terminal("operations").unit for seed in range(400))
    assert 0.6 < units["operations"] / 400 < 0.95


def test_sums_mostly_keep_to_one_unit() -> None:
    left = Terminal(expression("operation.duration"), "time")
    same = Counter[bool]()
    for seed in range(300):
        made = words(seed, reals=()).combined("+", left, 0)
        if made is not None:
            features = [node for node in ast.walk(made.node) if isinstance(node, ast.Attribute)]
            same[all(unit_of(node, FEATURES) == "time" for node in features)] += 1
    assert same.total() > 250
    assert same[True] > 4 * same[False]


def has_weight(node: ast.expr) -> bool:
    """Whether something in it is multiplied by a constant, which may have any unit."""
    return any(
        isinstance(part, ast.BinOp)
        and isinstance(part.op, ast.Mult)
        and any(literal(side) is not None for side in (part.left, part.right))
        for part in ast.walk(node)
    )


def disagreements(node: ast.expr) -> list[str]:
    """The sums and comparisons in which two different units meet."""
    found = []
    for part in ast.walk(node):
        operands: list[ast.expr] = []
        if isinstance(part, ast.BinOp) and isinstance(part.op, ast.Add | ast.Sub):
            operands = [part.left, part.right]
        elif isinstance(part, ast.Compare):
            operands = [part.left, *part.comparators]
        elif isinstance(part, ast.Call):
            operands = part.args
        units = {unit_of(one, FEATURES) for one in operands if not has_weight(one)} - {""}
        if len(units) > 1:
            found.append(ast.unparse(part))
    return found


@given(SEEDS, st.integers(1, 4))
def test_what_differs_in_unit_meets_by_ratios_and_weights_only(seed: int, depth: int) -> None:
    assert not disagreements(words(seed).grown(depth).node)


def test_ratios_are_grown_for_pure_numbers() -> None:
    left = Terminal(expression("operation.duration / max(state.now, 1.0)"), "1")
    made = [words(seed, reals=()).combined("+", left, 0) for seed in range(200)]
    partners = [ast.unparse(one.node) for one in made if one is not None]
    ratios = [text for text in partners if text.count("/") == 2]
    assert len(ratios) > 80
    assert any("operation.remaining_work / max(operation.duration, 1.0)" in text for text in ratios)


def test_local_names_have_the_unit_of_what_they_hold() -> None:
    source = (
        "def priority(operation, state):\n    slack = operation.remaining_work - operation.duration\n"
        "    share = operation.duration / max(operation.remaining_work, 1.0)\n    return slack * share\n"
    )
    syntax = Syntax(source, RULE_BRIEF)
    last = syntax.places[-1]
    offered = vocabulary(random.Random(1), syntax, RULE_BRIEF, last.scope, last.statement)
    units = {ast.unparse(one.node): one.unit for one in offered.reals}
    assert units == {"slack": "time", "share": "1"}


def test_without_features_and_names_there_are_constants_and_no_conditions() -> None:
    bare = words(1, features=False, reals=())
    assert bare.is_empty
    assert bare.condition() is None
    assert not names_read(bare.terminal().node)


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        ("operation.duration", "time"),
        ("-operation.duration", "time"),
        ("2.0 * operation.duration", "time"),
        ("operation.duration / 3", "time"),
        ("operation.duration - operation.remaining_work", "time"),
        ("1.0 + operation.duration", "time"),
        ("max(operation.duration, 1.0)", "time"),
        ("operation.duration if state.now > 1 else 0.0", "time"),
        ("operation.remaining_operations", "operations"),
        ("operation.duration * operation.duration", ""),
        ("operation.duration / state.now", "1"),
        ("operation.duration / max(state.now, 1.0)", "1"),
        ("operation.duration / state.now * operation.remaining_operations", "operations"),
        ("operation.duration / operation.remaining_operations", ""),
        ("operation.unheard_of", ""),
        ("math.exp(operation.duration)", ""),
        ("2.0", ""),
    ],
)
def test_units(text: str, unit: str) -> None:
    assert unit_of(expression(text), FEATURES) == unit


@pytest.mark.parametrize(
    ("operation", "left", "right", "written"),
    [
        (ast.Add(), "a", "-b", "a - b"),
        (ast.Sub(), "a", "-b", "a + b"),
        (ast.Add(), "a", "b + c", "b + c + a"),
        (ast.Add(), "a", "b - c", "b - c + a"),
        (ast.Mult(), "a", "b * c", "b * c * a"),
        (ast.Sub(), "a", "b - c", "a - (b - c)"),
        (ast.Mult(), "a", "b + c", "a * (b + c)"),
    ],
)
def test_operations_are_written_the_shorter_way(
    operation: ast.operator, left: str, right: str, written: str
) -> None:
    assert ast.unparse(operated(operation, expression(left), expression(right))) == written


def test_only_features_whose_root_is_in_scope_are_offered() -> None:
    source = "ALPHA = 0.5\n\n\ndef helper(state, depth: float):\n    return depth\n\n\n" + SHORTEST_FIRST
    syntax = Syntax(source, RULE_BRIEF)
    helper = next(place for place in syntax.places if getattr(place.scope.node, "name", "") == "helper")
    offered = vocabulary(random.Random(1), syntax, RULE_BRIEF, helper.scope, helper.statement)
    assert [ast.unparse(terminal.node) for terminal in offered.features] == ["state.now"]
    assert [ast.unparse(terminal.node) for terminal in offered.reals] == ["ALPHA", "depth"]


def test_features_may_be_any_expression() -> None:
    features = (Feature("len(state.queue)", "jobs", ""), Feature("state.load[0]", "time", ""))
    assert [roots for _, roots in feature_terminals(features)] == [("state",), ("state",)]
    assert [terminal.unit for terminal, _ in feature_terminals(features)] == ["jobs", "time"]


LOADED = """
def plan(weight, count: int):
    first = 0.0
    for layer in range(count):
        share = 1.0
        while share > first:
            share = share / 2
    last = [0.5 for part in range(count)]
    return last
"""


def test_what_takes_computing_is_not_offered_where_it_would_be_computed_again_and_again() -> None:
    features = tuple(
        Feature(text, "tokens", "") for text in ("weight.mean()", "len(weight)", "max(map(len, weight))")
    )
    brief = msgspec.structs.replace(
        PLAIN_BRIEF, entry_point=EntryPoint("plan", ("weight", "count")), features=features
    )
    syntax = Syntax(LOADED, brief)
    offered = {
        ast.unparse(site.node): [
            ast.unparse(one.node)
            for one in vocabulary(
                random.Random(1), syntax, brief, site.scope, site.statement, site.bound
            ).features
        ]
        for place in syntax.places
        for site in syntax.sites(place)
    }
    everything = ["weight.mean()", "len(weight)", "max(map(len, weight))"]
    assert offered["0.0"] == everything
    for text in ("1.0", "share / 2", "0.5"):
        assert offered[text] == ["len(weight)"], text


def test_local_numbers_are_offered_where_they_are_bound() -> None:
    syntax = Syntax(PACKING, PLAIN_BRIEF)
    offered = {}
    for place in syntax.places:
        found = vocabulary(random.Random(1), syntax, PLAIN_BRIEF, place.scope, place.statement)
        offered[ast.unparse(place.statement).splitlines()[0]] = [
            ast.unparse(terminal.node) for terminal in found.reals
        ]
    assert offered["order = sorted(range(len(loads)), key=lambda item: -loads[item])"] == ["count"]
    assert offered["best = pack"] == ["count", "best", "pack"]
    assert offered["return packs"] == ["count"]
