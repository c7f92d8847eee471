"""Programs for tests of the operators: hand-written ones, generated ones, and the requests that hold them."""

import ast
import asyncio
import textwrap

from hypothesis import strategies as st

from evolve.operators import constants, expressions, macros, simplify, sort_keys, statements, tuning
from evolve.operators.base import Brief, Draft, Operator, ParentProgram, Request
from evolve.problem import Direction, EntryPoint, Feature, Objective
from evolve.program import Program, syntax_tree
from evolve.randomness import stream

OPERATORS: tuple[Operator, ...] = (constants.operator, expressions.operator, statements.operator)
"""Those that find something to change in almost every program."""
CHOOSY: tuple[Operator, ...] = (
    macros.operator,
    simplify.operator,
    sort_keys.operator,
    tuning.operator,
)
"""Those that need something in particular: real constants, a rule."""

RULE_BRIEF = Brief(
    problem="rule",
    statement="",
    entry_point=EntryPoint("priority", ("operation", "state")),
    features=(
        Feature("operation.duration", "time", "how long it takes"),
        Feature("operation.remaining_work", "time", "what is left of its job"),
        Feature("operation.next_queue_work", "time", "what waits at the next machine"),
        Feature("operation.remaining_operations", "operations", "how many are left"),
        Feature("state.now", "time", "the clock"),
    ),
    objective=Objective("makespan", "time", Direction.MINIMISE),
)
PLAIN_BRIEF = Brief(
    problem="plan",
    statement="",
    entry_point=EntryPoint("plan", ("loads", "count")),
    features=(),
    objective=Objective("imbalance", "1", Direction.MINIMISE),
)

SHORTEST_FIRST = "def priority(operation, state):\n    return -operation.duration\n"
COMPOSITE = '''\
import math

ALPHA = 0.5  # how hard to press


def priority(operation, state):
    """Critical work first."""
    # EVOLVE-BLOCK-START
    slack = operation.remaining_work - operation.duration  # läuft über
    if slack > 10.0:
        return -operation.duration / (1.0 + slack)
    score = 0.0
    for step in range(3):
        score += step * operation.next_queue_work
    urgency = math.exp(-ALPHA * slack / max(operation.duration, 1))
    return (
        -(score + 2 * operation.duration)
        * urgency  # weighed
    )
    # EVOLVE-BLOCK-END
'''
LINEAR = """\
def priority(operation, state):
    slack = operation.remaining_work - operation.duration
    if slack > state.now:
        return 1.5 * slack - 0.25 * operation.duration
    return 1.5 * slack + 0.5 * operation.next_queue_work / max(operation.duration, 2.0)
"""
PACKING = '''\
def plan(loads, count):
    """Largest first, into the emptiest pack."""
    order = sorted(range(len(loads)), key=lambda item: -loads[item])
    packs = [[] for _ in range(count)]
    totals = [0.0] * count
    threshold = 1.5 * sum(loads) / count
    for item in order:
        best = 0
        for pack in range(1, count):
            if totals[pack] + 0.1 * loads[item] < totals[best] and totals[pack] <= threshold:
                best = pack
        packs[best].append(item)
        totals[best] += loads[item]
    return packs
'''


def parent(source: str, score: float | None = 1.0) -> ParentProgram:
    """A parent with the identity that the source has."""
    return ParentProgram(Program.parse(source).id, source, score)


def request(
    source: str, number: int = 0, *, brief: Brief = RULE_BRIEF, lenders: tuple[str, ...] = (), seed: int = 1
) -> Request:
    """A request to change `source`, with a fresh stream of its own."""
    inspirations = tuple(parent(lender) for lender in lenders)
    return Request(number, (parent(source),), inspirations, brief, stream(seed, "propose", number))


def returned(source: str) -> ast.expr:
    """What the last statement of the last function returns."""
    function = syntax_tree(source).body[-1]
    assert isinstance(function, ast.FunctionDef)
    statement = function.body[-1]
    assert isinstance(statement, ast.Return) and statement.value is not None
    return statement.value


def rule(expression: str) -> str:
    """A program with one rule, which returns an expression."""
    return f"def priority(operation, state):\n    return {expression}\n"


def child_of(operator: Operator, request: Request) -> str:
    """What an operator proposes."""
    made = asyncio.run(operator.propose(request))
    assert isinstance(made, Draft)
    return made.source


_LEAVES = st.sampled_from(
    [
        "operation.duration",
        "operation.remaining_work",
        "state.now",
        "größe",
        "total",
        "LIMIT",
        "0.5",
        "2",
        "1e-3",
    ]
)


def _larger(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    pair = st.tuples(inner, inner)
    return st.one_of(
        st.tuples(inner, st.sampled_from("+-*"), inner).map(lambda parts: f"({' '.join(parts)})"),
        st.tuples(inner, st.sampled_from("+-*"), inner).map("".join),
        pair.map(lambda parts: f"{parts[0]} / max({parts[1]}, 1.0)"),
        pair.map(lambda parts: f"(\n        {parts[0]}  # größer\n        - {parts[1]}\n    )"),
        pair.map(lambda parts: f"({parts[0]} if {parts[1]} < 3 else {parts[0]})"),
        pair.map(lambda parts: f"(({parts[0]})if(state.now>1)else({parts[1]}))"),
        pair.map(lambda parts: f"min({parts[0]},{parts[1]})"),
        inner.map(lambda part: f"-{part}"),
        inner.map(lambda part: f"(- (( {part} )))"),
        inner.map(lambda part: f"float(f'{{1 + 2}}') * len('zß{{') * ({part})"),
        inner.map(lambda part: f"sum(({part}) * k for k in range(2) if k >= 0)"),
    )


EXPRESSIONS = st.recursive(_LEAVES, _larger, max_leaves=6)


def _body(values: list[str]) -> list[str]:
    first, second, third, last = values
    return [
        f"größe = {first}",
        "total = 0.0",
        "if state.now > 4.0 and operation.duration < 9: total += 1.0",
        f"elif größe > {second}:\n    total = größe\nelse:\n    total -= 1",
        f"for step in range(2):\n    total += step * ({third}) ; total -= 0.25",
        'note = """a\n# EVOLVE\n  """',
        f"return {last}",
    ]


@st.composite
def rules(draw: st.DrawFn) -> str:
    """Dispatching rules that run: with and without regions, in all sorts of layout."""
    lines = _body([draw(EXPRESSIONS) for _ in range(4)])
    lines[0] = lines[0].replace("größe", "größe", 1).replace("= größe", "= 1.0").replace("= total", "= 2.0")
    lines[0] = "größe = total = 1.0\n" + lines[0]
    if draw(st.booleans()):
        lines.insert(1, "# EVOLVE-BLOCK-START")
        lines.insert(draw(st.integers(4, len(lines))), "# EVOLVE-BLOCK-END")
    body = textwrap.indent("\n".join(lines), "    ", lambda line: not line.startswith(("# EVOLVE\n", '  "')))
    source = f"LIMIT = 12\n\n\ndef priority(operation, state):\n{body}\n"
    if draw(st.booleans()):
        source = source.removesuffix("\n")
    if draw(st.booleans()):
        source = source.replace("\n    ", "\n\t")
    return source.replace("\n", draw(st.sampled_from(["\n", "\r\n"])))
