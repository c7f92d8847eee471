"""The offline operators on programs of several files."""

import ast
import asyncio

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evolve.operators.base import Brief, Draft, NoProposal, Operator, Request
from evolve.program import (
    Program,
    SourceFile,
    bundle,
    check_entry_point,
    check_outside_unchanged,
    files,
)
from evolve.randomness import stream
from tests.evolve.operators.programs import CHOOSY, COMPOSITE, OPERATORS, PLAIN_BRIEF, RULE_BRIEF, parent
from tests.support.bundles import FIXED, MAIN, RULE, RULE_FILES, RULES

NAMED = [pytest.param(operator, id=operator.name) for operator in OPERATORS]
ALL = [pytest.param(operator, id=operator.name) for operator in (*OPERATORS, *CHOOSY)]
SLOW = settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
FREE = bundle(
    SourceFile(
        part.name, "".join(line for line in part.source.splitlines(True) if "EVOLVE-BLOCK" not in line)
    )
    for part in RULE_FILES
)
"""The same rule without markers, so that all of its files may change."""


def children(operator: Operator, source: str, count: int, brief: Brief = RULE_BRIEF) -> list[str]:
    found = []
    for number in range(count):
        lenders = (parent(COMPOSITE), parent(RULE)) if brief is RULE_BRIEF else ()
        asked = Request(number, (parent(source),), lenders, brief, stream(3, "propose", number))
        try:
            draft = asyncio.run(operator.propose(asked))
        except NoProposal:
            continue
        assert isinstance(draft, Draft)
        found.append(draft.source)
    return found


@pytest.mark.parametrize("operator", NAMED)
def test_children_keep_headers_and_fixed_files(operator: Operator) -> None:
    found = children(operator, RULE, 60)
    assert len(found) > 50
    changed = set()
    for child in found:
        assert Program.parse(child).id != Program.parse(RULE).id
        check_outside_unchanged(child, RULE)
        check_entry_point(Program.parse(child), RULE_BRIEF.entry_point)
        parts = files(child)
        assert [part.name for part in parts] == ["main.py", "rules.py", "lib/checks.py"]
        assert parts[2].source == FIXED
        assert parts[1].source.startswith(RULES[: RULES.index("# EVOLVE-BLOCK-START")])
        changed |= {new.name for new, old in zip(parts, RULE_FILES, strict=True) if new != old}
    assert changed == {"main.py", "rules.py"}, "both files with markers are worked on"


@pytest.mark.parametrize("operator", NAMED)
def test_without_markers_every_file_is_worked_on(operator: Operator) -> None:
    changed = set()
    for child in children(operator, FREE, 80):
        parts = files(child)
        changed |= {new.name for new, old in zip(parts, files(FREE), strict=True) if new != old}
    assert changed == {"main.py", "rules.py", "lib/checks.py"}


def _statements(number: int) -> list[str]:
    return [
        f"    v{number} = {number}.5 * operation.duration\n",
        f"    if v{number} > 3:\n        v{number} -= 1.0\n",
    ]


@st.composite
def bundles(draw: st.DrawFn) -> str:
    """Bundles with markers in some files or in none, with or without a last line end."""
    markers = draw(st.lists(st.booleans(), min_size=3, max_size=3))
    parts = []
    for number, (name, marked) in enumerate(zip(("main.py", "a.py", "lib/b.py"), markers, strict=True)):
        body = "".join(draw(st.lists(st.sampled_from(_statements(number)[:1]), min_size=1, max_size=3)))
        body += draw(st.sampled_from(["", _statements(number)[1]])) + f"    return v{number} + state.now\n"
        if marked:
            body = f"    # EVOLVE-BLOCK-START\n{body}    # EVOLVE-BLOCK-END\n"
        head = draw(st.sampled_from(["", '"""Text."""\n', "from __future__ import annotations\n"]))
        parts.append(
            SourceFile(name, f"{head}def {'priority' if number == 0 else 'f'}(operation, state):\n{body}")
        )
    text = bundle(parts)
    text = text.removesuffix("\n") if draw(st.booleans()) else text
    return text.replace("\n", draw(st.sampled_from(["\n", "\r\n"])))


@pytest.mark.parametrize("operator", ALL)
@SLOW
@given(source=bundles(), number=st.integers(0, 10**6))
def test_children_of_generated_programs(operator: Operator, source: str, number: int) -> None:
    asked = Request(number, (parent(source),), (parent(RULE),), RULE_BRIEF, stream(1, "propose", number))
    try:
        draft = asyncio.run(operator.propose(asked))
    except NoProposal:
        return
    assert isinstance(draft, Draft)
    child = draft.source
    check_outside_unchanged(child, source)
    marked = "EVOLVE-BLOCK" in source
    for new, old in zip(files(child), files(source), strict=True):
        ast.parse(new.source)
        assert new == old or not marked or "EVOLVE-BLOCK" in old.source


@pytest.mark.parametrize("operator", ALL)
def test_a_long_line_of_descent_stays_a_program_of_three_files(operator: Operator) -> None:
    source = RULE
    for number in range(40):
        asked = Request(number, (parent(source),), (parent(MAIN),), RULE_BRIEF, stream(2, "propose", number))
        try:
            draft = asyncio.run(operator.propose(asked))
        except NoProposal:
            continue
        assert isinstance(draft, Draft)
        source = draft.source
        check_outside_unchanged(source, RULE)
    assert source != RULE or operator.name == "sort_keys"


def test_nothing_to_change_outside_the_markers() -> None:
    fixed = bundle(
        [
            SourceFile("main.py", "def plan(loads, count):\n    return 2.0 * count\n"),
            SourceFile("a.py", "# EVOLVE-BLOCK-START\n# EVOLVE-BLOCK-END\n"),
        ]
    )
    for operator in (*OPERATORS, *CHOOSY):
        assert children(operator, fixed, 5, PLAIN_BRIEF) == []
