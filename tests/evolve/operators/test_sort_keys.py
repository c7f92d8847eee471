import ast
import contextlib
import random

import pytest

from evolve.operators.base import NoProposal
from evolve.operators.keys import keys_in
from evolve.operators.sites import Syntax
from evolve.operators.sort_keys import operator, reverse
from tests.evolve.operators.programs import PLAIN_BRIEF, SHORTEST_FIRST, child_of, request

PLAN = """\
import heapq
from functools import cmp_to_key


def turn(job):
    return (job.due, -job.size, job.name)


def compare(a, b):
    if a.due < b.due:
        return -1
    if a.size < b.size:
        return 1
    return 0


def plan(loads, count):
    first = sorted(loads, key=turn)
    second = sorted(loads, key=cmp_to_key(compare))
    order = sorted(range(count), key=lambda item: -loads[item])
    best = min(range(count), key=lambda item: (weights[item], item))
    loads.sort(reverse=True)
    top = heapq.nlargest(3, loads, key=lambda job: job.size)
    return first, second, order, best, top


weights = [1.0, 2.0]
"""


def children(source: str, count: int = 400, lenders: tuple[str, ...] = ()) -> list[str]:
    made = []
    for number in range(count):
        with contextlib.suppress(NoProposal):
            made.append(child_of(operator, request(source, number, brief=PLAIN_BRIEF, lenders=lenders)))
    return made


def changed_lines(source: str, children: list[str]) -> set[str]:
    before = set(source.splitlines())
    return {line.strip() for child in children for line in child.splitlines() if line not in before}


CHANGED = changed_lines(PLAN, children(PLAN))


def test_keys_are_found_wherever_they_stand() -> None:
    found = [ast.unparse(key.root) for key in keys_in(Syntax(PLAN, PLAIN_BRIEF))]
    assert sorted(found) == [
        "(job.due, -job.size, job.name)",
        "(weights[item], item)",
        "-loads[item]",
        "job.size",
    ]


@pytest.mark.parametrize(
    "line",
    [
        "return (-job.size, job.due, job.name)",
        "return (job.due, -job.size)",
        "return (job.due, job.size, job.name)",
        "return (-job.due, -job.size, job.name)",
        "order = sorted(range(count), key=lambda item: loads[item])",
        "order = sorted(range(count), key=lambda item: -loads[item], reverse=True)",
        "order = sorted(range(count), key=lambda item: (-loads[item], weights[item]))",
        "best = max(range(count), key=lambda item: (weights[item], item))",
        "best = min(range(count), key=lambda item: weights[item])",
        "loads.sort(reverse=False)",
        "top = heapq.nlargest(3, loads, key=lambda job: -job.size)",
        "top = heapq.nlargest(3, loads, key=lambda job: job.due)",
    ],
)
def test_changes_that_are_made(line: str) -> None:
    assert line in CHANGED


def test_a_criterion_is_weighed_with_another() -> None:
    assert any("job.size" in line and " * job.due" in line for line in CHANGED)


def test_comparators_have_their_steps_exchanged_dropped_and_turned() -> None:
    bodies = set()
    for child in children(PLAN):
        function = next(
            node
            for node in ast.parse(child).body
            if isinstance(node, ast.FunctionDef) and node.name == "compare"
        )
        bodies.add("; ".join(ast.unparse(step).replace("\n", "") for step in function.body))
    due, size = "if a.due < b.due:    return -1", "if a.size < b.size:    return 1"
    assert {f"{size}; {due}; return 0", f"{size}; return 0", f"{due}; return 0"} <= bodies
    assert f"if a.due < b.due:    return 1; {size}; return 0" in bodies
    assert f"{due}; if a.size < b.size:    return -1; return 0" in bodies


def test_children_run() -> None:
    worked = 0
    for child in children(PLAN, 150):
        namespace: dict[str, object] = {}
        exec(child, namespace)
        plan = namespace["plan"]
        assert callable(plan)
        jobs = [Job(random.Random(number)) for number in range(2)]
        try:
            plan(jobs, 2)
            worked += 1
        except TypeError:
            continue
    assert worked > 120


class Job:
    """A number with attributes."""

    def __init__(self, rng: random.Random) -> None:
        self.due, self.size, self.name = rng.random(), rng.random(), rng.random()

    def __neg__(self) -> float:
        return -self.size

    def __lt__(self, other: "Job") -> bool:
        return self.size < other.size


def test_keys_of_other_programs_are_taken_over() -> None:
    source = "def plan(loads, count):\n    return sorted(loads, key=lambda job: job.size)\n"
    lender = "def plan(loads, count):\n    return sorted(loads, key=lambda one: one.due / one.size)\n"
    assert any("job.due / job.size" in child for child in children(source, 100, (lender,)))


def test_numbers_are_not_added_to_lists() -> None:
    source = "def plan(loads, count):\n    return sorted(loads, key=lambda job: ([job.name], job.size))\n"
    assert not any("[job.name] +" in child or "-[" in child for child in children(source, 200))


def test_arguments_of_argsort_are_keys() -> None:
    source = "import numpy as np\n\n\ndef plan(loads, count):\n    return np.argsort(-loads)\n"
    assert any("np.argsort(loads)" in child for child in children(source, 20))


@pytest.mark.parametrize(
    ("before", "after"),
    [("-x", "x"), ("x", "-x"), ("x > 1", "not x > 1"), ("not x", "x"), ("[x]", None), ("(x, y)", None)],
)
def test_reverse(before: str, after: str | None) -> None:
    made = reverse(ast.parse(before, mode="eval").body)
    assert (None if made is None else ast.unparse(made)) == after


def test_a_program_that_orders_nothing() -> None:
    with pytest.raises(NoProposal):
        child_of(operator, request(SHORTEST_FIRST))
