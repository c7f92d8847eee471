"""Changes numeric literals: real ones on a logarithmic scale, whole ones by steps and by scaling."""

import ast
import math
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from evolve.operators.base import Brief, Draft, NoProposal, Request, Role
from evolve.operators.children import Change, first_child
from evolve.operators.kinds import MATH_MODULES
from evolve.operators.sites import Syntax, syntax_of
from evolve.operators.syntax import literal, number
from evolve.program import Region

SPREADS = (0.1, 0.3, 1.0)
"""Standard deviations of the natural logarithm of a factor: fine tuning, search, and a leap."""
SIGN_FLIPS = 0.05
"""How often a number changes its sign instead of its size."""
COUNT_WEIGHT = 0.2
"""How likely an index is changed, against one for a quantity; and any whole number, where a problem has no
features that it could be the coefficient of."""
_HOW_MANY = ((1, 2, 3), (0.7, 0.2, 0.1))
_DIGIT = re.compile(rb"[0-9]")
_STRUCTURAL_KEYWORDS = frozenset({"axis", "dtype", "keepdims", "ndim", "shape", "size", "dim", "dims"})
_EXACT_UP_TO = 2**53
"""Above this a float cannot hold every whole number, so scaling through floats would round."""


@dataclass(frozen=True, slots=True, eq=False)
class Literal:
    """A number in a program; `weight` says how likely it is to be changed."""

    node: ast.expr
    parent: ast.AST
    field: str
    region: Region
    weight: float


class ConstantOperator:
    """Changes one to three numbers of a program."""

    name = "constants"
    role = Role.ORDINARY
    needs_model = False

    async def propose(self, request: Request) -> Draft:
        """A child with other numbers.

        Raises:
            NoProposal: There is no number in the regions, or no change led to a new program.
        """
        return first_child(request, lambda syntax: changed_constants(request, syntax))


operator = ConstantOperator()


def changed_constants(request: Request, syntax: Syntax) -> Change:
    """A change of some numbers.

    Raises:
        NoProposal: There are none.
    """
    rng = request.random
    found = list(literals(request.parents[0].source, request.brief))
    if not found:
        raise NoProposal("the parent has no number that may be changed")
    edits = []
    region = found[0].region
    for _ in range(min(rng.choices(*_HOW_MANY)[0], len(found))):
        position = rng.choices(range(len(found)), [item.weight for item in found])[0]
        chosen = found.pop(position)
        value = literal(chosen.node)
        assert value is not None
        new = number(perturbed(value, rng, flips=may_flip(chosen)))
        edits.append(syntax.text.expression_edit(chosen.node, chosen.parent, chosen.field, new))
    return Change(syntax.text.edited(*edits), region, growth=0)


def perturbed(value: float, rng: random.Random, flips: bool = True) -> float:
    """Another number near `value`, of its type; a whole one other than zero does not become zero.

    Args:
        value: An int, which stays one, or a finite float, which keeps three digits.
        rng: Where the randomness comes from.
        flips: Whether the sign may change.
    """
    flipped = flips and rng.random() < SIGN_FLIPS
    if isinstance(value, int):
        return _perturbed_integer(value, rng) * (-1 if flipped else 1)
    if value == 0.0:
        magnitude = 10.0 ** rng.uniform(-2.0, 1.0)
        return float(f"{-magnitude if flips and rng.random() < 0.3 else magnitude:.3g}")
    if flipped:
        return -value
    new = float(f"{value * math.exp(rng.gauss(0.0, rng.choice(SPREADS))):.3g}")
    return new if math.isfinite(new) and new != 0.0 else value / 2


def _perturbed_integer(value: int, rng: random.Random) -> int:
    if value == 0:
        return 1
    sign, magnitude = (1, value) if value > 0 else (-1, -value)
    if magnitude > _EXACT_UP_TO or rng.random() < 0.6:
        step = rng.choice((-1, 1)) if magnitude > 1 else 1
        return sign * (magnitude + step)
    scaled = max(1, round(magnitude * math.exp(rng.gauss(0.0, rng.choice(SPREADS)))))
    return sign * (scaled if scaled != magnitude else magnitude + 1)


def may_flip(item: Literal) -> bool:
    """Whether a sign may change: not after an operator, which is better swapped, nor in what bounds."""
    in_sum = isinstance(item.parent, ast.BinOp) and item.field == "right"
    return not in_sum and not isinstance(item.parent, ast.Call | ast.Subscript | ast.Slice)


@lru_cache(maxsize=64)
def literals(source: str, brief: Brief) -> tuple[Literal, ...]:
    """The numbers of a program that may be changed, in the order of the text."""
    syntax = syntax_of(source, brief)
    return tuple(_literals_below(syntax.tree, syntax, 1.0))


def _literals_below(parent: ast.AST, syntax: Syntax, weight: float) -> Iterator[Literal]:
    for field in parent._fields:
        value = getattr(parent, field, None)
        for node in value if isinstance(value, list) else (value,):
            if not isinstance(node, ast.AST) or _is_structural(node, parent, field):
                continue
            if isinstance(node, ast.stmt) and not _DIGIT.search(syntax.text.data, *syntax.text.span(node)):
                continue  # most statements have no number, and their text tells fastest
            value_here = literal(node) if isinstance(node, ast.expr) else None
            if isinstance(node, ast.expr) and value_here is not None:
                region = syntax.region_of(node)
                if region is not None:
                    is_count = isinstance(value_here, int) and not syntax.has_features
                    yield Literal(node, parent, field, region, weight * (COUNT_WEIGHT if is_count else 1.0))
            elif not isinstance(node, ast.Constant | ast.Name):
                below = COUNT_WEIGHT if isinstance(node, ast.Subscript) else weight
                yield from _literals_below(node, syntax, below)


def _is_structural(node: ast.AST, parent: ast.AST, field: str) -> bool:
    """Whether the numbers below are no quantities: types, texts, axes, shapes, steps of counters."""
    if isinstance(node, ast.JoinedStr) or field in ("annotation", "returns", "decorator_list"):
        return True
    if isinstance(parent, ast.AugAssign) and isinstance(node, ast.expr) and literal(node) == 1:
        return True  # a counter
    if isinstance(parent, ast.Call) and field == "args" and isinstance(parent.func, ast.Attribute):
        owner = parent.func.value
        if not (isinstance(owner, ast.Name) and owner.id in MATH_MODULES):
            parts = node.elts if isinstance(node, ast.Tuple | ast.List) else [node]
            return any(isinstance(part, ast.expr) and type(literal(part)) is int for part in parts)
    if isinstance(parent, ast.Subscript) and isinstance(parent.value, ast.Attribute):
        return parent.value.attr == "shape"
    return isinstance(node, ast.keyword) and node.arg in _STRUCTURAL_KEYWORDS
