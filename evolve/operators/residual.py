"""Adds to a rule a linear combination of features: next to nothing at first, then what tuning makes of it.

A rule is a function that makes a number, as in `evolve.operators.macros`. To what it returns a weighted sum
of the features of one record is added, each divided by a quantity of the same unit from another record, and
the whole brought to the rule's unit; where that is not known, the rule is multiplied by one plus the sum.
The same rule always gets the same form, so all programs tuned from it are one family. Of several results
one is extended; the program's form decides which, so that another form gives another one its turn.
"""

import ast
import random
from collections.abc import Sequence
from functools import lru_cache

import msgspec

from evolve.operators.base import Brief
from evolve.operators.children import MAX_EXPRESSION_NODES
from evolve.operators.growth import NO_UNIT, Terminal, Vocabulary, reads, unit_of, vocabulary
from evolve.operators.sites import Place, Syntax, syntax_of
from evolve.operators.syntax import as_divisor, node_count, number
from evolve.program import Program, ProgramError, Region

FIRST_WEIGHT = 0.01
FEWEST_FEATURES = 3
"""Of a record that a sum is made of."""


class Extended(msgspec.Struct, frozen=True):
    """A program with a linear part, and by how many nodes an expression of it has grown."""

    source: str
    region: Region
    size: int
    growth: int


@lru_cache(maxsize=64)
def extended(source: str, brief: Brief) -> Extended | None:
    """The program with a linear part; None where it has no rule, too few features or no room."""
    try:
        syntax = syntax_of(source, brief)
    except ProgramError:
        return None
    places = [place for place in syntax.places if syntax.is_result(place)]
    first = int(Program.parse(source).skeleton[:8], 16) % len(places) if places else 0
    for place in (*places[first:], *places[:first]):
        found = _with_linear_part(syntax, brief, source, place)
        if found is not None:
            return found
    return None


def _with_linear_part(syntax: Syntax, brief: Brief, source: str, place: Place) -> Extended | None:
    words = vocabulary(random.Random(0), syntax, brief, place.scope, place.statement)
    record = _record_read_most(words, source)
    if record is None:
        return None
    new = _with_sum(words, Terminal(place.root, unit_of(place.root, brief.features)), record)
    growth = node_count(new) - node_count(place.root)
    if node_count(new) > MAX_EXPRESSION_NODES:
        return None
    edit = syntax.text.expression_edit(place.root, place.statement, place.field, new)
    return Extended(syntax.text.edited(edit), place.region, node_count(place.root), growth)


def _record_read_most(words: Vocabulary, source: str) -> str | None:
    records = list(dict.fromkeys(feature.record for feature in words.features))
    enough = [
        record
        for record in records
        if sum(feature.record == record for feature in words.features) >= FEWEST_FEATURES
    ]
    return max(enough, key=lambda record: reads(source, record), default=None)


def _with_sum(words: Vocabulary, mine: Terminal, record: str) -> ast.expr:
    own = [feature for feature in words.features if feature.record == record]
    others = [feature for feature in words.features if feature.record != record]
    same: ast.expr | None = None
    pure: ast.expr | None = None
    for unit in dict.fromkeys(feature.unit for feature in own):
        part = _weighted([feature for feature in own if feature.unit == unit])
        if unit == mine.unit:
            same = part
            continue
        scale = next((feature for feature in others if feature.unit == unit), None)
        if unit != NO_UNIT and scale is not None:
            part = ast.BinOp(part, ast.Div(), as_divisor(scale.node))
        pure = part if pure is None else ast.BinOp(pure, ast.Add(), part)
    if not mine.unit:
        assert pure is not None, "there is a feature"
        return ast.BinOp(mine.node, ast.Mult(), ast.BinOp(number(1.0), ast.Add(), pure))
    new = mine.node if same is None else ast.BinOp(mine.node, ast.Add(), same)
    if pure is None:
        return new
    scale = next((feature for feature in [*others, *own] if feature.unit == mine.unit), None)
    if mine.unit != NO_UNIT and scale is not None:
        pure = ast.BinOp(scale.node, ast.Mult(), pure)
    return ast.BinOp(new, ast.Add(), pure)


def _weighted(features: Sequence[Terminal]) -> ast.expr:
    terms = [ast.BinOp(number(FIRST_WEIGHT), ast.Mult(), feature.node) for feature in features]
    total: ast.expr = terms[0]
    for term in terms[1:]:
        total = ast.BinOp(total, ast.Add(), term)
    return total
