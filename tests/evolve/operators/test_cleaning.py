import pytest
from hypothesis import assume, given, settings

from evolve.operators.cleaning import cleaned
from evolve.program import Program, ProgramError, check_outside_unchanged
from tests.evolve.operators.programs import COMPOSITE, PACKING, PLAIN_BRIEF, RULE_BRIEF, rules
from tests.support.bundles import RULE


class Record:
    """Any attribute has a value that its name determines."""

    def __getattr__(self, attribute: str) -> float:
        return float(len(attribute))


def value_of(source: str) -> object:
    namespace: dict[str, object] = {}
    exec(source, namespace)
    priority = namespace["priority"]
    assert callable(priority)
    try:
        return priority(Record(), Record())
    except (ArithmeticError, NameError, TypeError, ValueError) as error:
        return type(error)


@settings(max_examples=150, deadline=None)
@given(rules())
def test_the_program_answers_as_before(source: str) -> None:
    try:
        Program.parse(source)
    except ProgramError:
        assume(False)
    before = value_of(source)
    assume(not isinstance(before, type))
    after = cleaned(source, RULE_BRIEF)
    check_outside_unchanged(after, source)
    assert value_of(after) == before
    assert cleaned(after, RULE_BRIEF) == after


def test_what_nobody_reads_goes() -> None:
    source = '''\
import math
import random

LIMIT = 3.0
SCALE = 2.0


def unused(x):
    return unused(x - 1)


def helper(x):
    """Used."""
    half = x / 2
    spare = x * LIMIT
    other = spare
    return half * 1.0


def priority(operation, state):
    # kept
    total = 0.0
    total += 1.0
    note = helper(3)
    if True:
        weight = helper(operation.duration)
    else:
        weight = 3.0
    if False:
        weight = 2.0
    pass
    weight = weight
    return -1.0 * weight + 0.0
    return 3
'''
    assert (
        cleaned(source, RULE_BRIEF)
        == '''\
def helper(x):
    """Used."""
    half = x / 2
    return half


def priority(operation, state):
    # kept
    note = helper(3)
    weight = helper(operation.duration)
    return -weight
'''
    )


@pytest.mark.parametrize(
    "statement",
    [
        "last = items.pop()",
        "first, second = items",
        "items[0] = 1.0",
        "global known",
        "for item in items: items.remove(item)",
        "'text'",
        "known = (item := 3.0)",
    ],
)
def test_what_may_do_something_stays(statement: str) -> None:
    source = f"known = 1.0\n\n\ndef plan(loads, count):\n    {statement}\n    return [known, loads]\n"
    assert statement in cleaned(source, PLAIN_BRIEF)


def test_what_an_update_that_stays_needs_is_not_removed() -> None:
    body = "    total = 0.0\n    if state.now > 1: total += 1.0\n    return 2.0\n"
    source = f"def priority(operation, state):\n{body}"
    assert cleaned(source, RULE_BRIEF) == source


def test_a_program_without_anything_superfluous_stays_byte_for_byte() -> None:
    assert cleaned(PACKING, PLAIN_BRIEF) == PACKING
    assert "ALPHA" in cleaned(COMPOSITE, RULE_BRIEF)


def test_outside_the_regions_nothing_goes() -> None:
    source = (
        "import math\n\n\ndef priority(operation, state):\n    spare = 1.0 * 1.0\n    # EVOLVE-BLOCK-START\n"
    )
    source += "    extra = 1.0\n    return operation.duration * 1.0\n    # EVOLVE-BLOCK-END\n"
    after = cleaned(source, RULE_BRIEF)
    assert after == source.replace("    extra = 1.0\n", "").replace("duration * 1.0", "duration")


def test_other_files_may_read_what_this_one_does_not() -> None:
    after = cleaned(RULE, RULE_BRIEF)
    check_outside_unchanged(after, RULE)
    assert Program.parse(after)
