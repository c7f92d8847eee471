"""Programs of several files for tests: hand-written ones, and what to generate others from."""

from hypothesis import strategies as st

from evolve.program import SourceFile, bundle

NAMES = ("main.py", "rules.py", "lib/packing.py", "lib/deep/er.py", "lib/__init__.py", "x_1.py")
PIECES = (
    "",
    "x = 1\n",
    "x = 1\r\n",
    "x = 1\ry = 2\r",
    "\n\n",
    "# a comment\n",
    "  # an indented one\n",
    '"""A docstring."""\n',
    "def f(a):\n    return a\n",
    "class A:\n\tpass\n",
    "x = (1 +\n  2)\n",
    "x = 1 + \\\n  2\n",
    "s = '''\n # ==== FILE: a.py ====\n'''\n",
    "s = '\x0c\u2028'\n",
    "if x: y = 2\nelse:\n    y = 3\n",
    "\x0c\n",
    "x = 1; y = 2;\n",
    "pass\n   \n",
)
"""Modules, each of which ends its last line; after one another they are a module too."""


def contents() -> st.SearchStrategy[str]:
    """Contents of files; some do not end their last line."""
    whole = st.lists(st.sampled_from(PIECES), max_size=4).map("".join)
    return st.one_of(whole, whole.map(lambda source: source.rstrip("\r\n")))


MAIN = """\
from rules import slack, WEIGHT


def priority(operation, state):
    # EVOLVE-BLOCK-START
    urgency = slack(operation.remaining_work, operation.duration)
    return -operation.duration * WEIGHT + 1.5 * urgency
    # EVOLVE-BLOCK-END
"""
RULES = """\
from __future__ import annotations

WEIGHT = 0.5


# EVOLVE-BLOCK-START
def slack(work: float, duration: float) -> float:
    value = work - duration
    if value > 10.0:
        return 0.5 * value
    return value
# EVOLVE-BLOCK-END
"""
FIXED = "def check(value: float) -> float:\n    return 2.0 * value + 1.0\n"
RULE_FILES = (
    SourceFile("main.py", MAIN),
    SourceFile("rules.py", RULES),
    SourceFile("lib/checks.py", FIXED),
)
RULE = bundle(RULE_FILES)
"""A dispatching rule in three files, the last of which has no markers."""
