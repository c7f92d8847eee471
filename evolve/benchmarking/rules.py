"""Expression regression: a program is an expression, and the aim is a hidden rule.

An expression is an input's name, a number, or a tuple of an operation's name and its two operands. It is
read by the interpreter below and never run as code.
"""

import math
import random
from typing import Any, TypeAlias

import msgspec
import numpy as np

from evolve.benchmarking.spaces import Genome
from evolve.problem import Floats
from evolve.randomness import stream

Expression: TypeAlias = Any
"""A `Genome`; but recursive types get in the way of taking tuples apart."""

INPUTS = ("x", "y", "z")
OPERATIONS = ("+", "-", "*", "min", "max")
LARGEST = 40
"""Nodes of an expression; larger children are replaced by their parent."""
POINTS = 24
"""At which an instance compares a program with the rule."""


class Rule(msgspec.Struct, frozen=True, kw_only=True, tag="rule", forbid_unknown_fields=True):
    """A hidden expression of `depth`, compared with programs in `instances` boxes of inputs."""

    name: str
    seed: int = 0
    depth: int = 3
    instances: int = 6

    @property
    def optimum(self) -> float:
        """That of the rule itself."""
        return 1.0

    def first(self) -> Genome:
        """An input."""
        return INPUTS[0]

    def baseline(self) -> Genome:
        """A sum of two inputs."""
        return ("+", "x", "y")

    def fitness(self, genome: Genome) -> list[float]:
        """1 / (1 + root mean square error over the rule's standard deviation), in each box."""
        inputs, wanted = _boxes(self)
        with np.errstate(all="ignore"):
            found = np.broadcast_to(_value(genome, inputs), wanted.shape)
            errors = np.sqrt(np.mean((found - wanted) ** 2, axis=1)) / (wanted.std(axis=1) + 1e-9)
        return [1.0 / (1.0 + error) if math.isfinite(error) else 0.0 for error in errors.tolist()]

    def mutated(self, genome: Genome, random: random.Random) -> Genome:
        """Another subtree, another operation, or another number somewhere."""
        paths = _paths(genome)
        path = random.choice(paths)
        child = _replaced(genome, path, _varied(_at(genome, path), random))
        return child if len(_paths(child)) <= LARGEST else genome

    def crossed(self, genome: Genome, other: Genome, random: random.Random) -> Genome:
        """A subtree of the other in place of an own one."""
        donated = _at(other, random.choice(_paths(other)))
        child = _replaced(genome, random.choice(_paths(genome)), donated)
        return child if len(_paths(child)) <= LARGEST else genome


_hidden: dict[Rule, tuple[dict[str, Floats], Floats]] = {}


def _boxes(space: Rule) -> tuple[dict[str, Floats], Floats]:
    """Inputs by name, of shape (instances, points), and the rule's value there.

    A rule that hardly varies in some box says nothing there, so another one is drawn.
    """
    found = _hidden.get(space)
    for attempt in range(1000):
        if found is not None:
            break
        draw = stream(space.seed, f"{space.name}/rule", attempt)
        rule = grown(space.depth, draw, full=True)
        shape = space.instances, POINTS
        inputs: dict[str, Floats] = {name: np.empty(shape) for name in INPUTS}
        for box in range(space.instances):
            for name in INPUTS:
                low = draw.uniform(-4.0, 3.0)
                inputs[name][box] = [draw.uniform(low, low + 2.0) for _ in range(POINTS)]
        value = np.broadcast_to(_value(rule, inputs), shape)
        if (value.std(axis=1) > 1e-3).all():
            found = _hidden[space] = inputs, np.array(value)
    assert found is not None, "a rule that varies everywhere was not found"
    return found


def grown(depth: int, random: random.Random, *, full: bool = False) -> Expression:
    """A random expression that is at most, or if `full` exactly, so deep."""
    if depth == 0 or (not full and random.random() < 0.3):
        return random.choice(INPUTS) if random.random() < 0.7 else round(random.uniform(-3.0, 3.0), 1)
    return (
        random.choice(OPERATIONS),
        grown(depth - 1, random, full=full),
        grown(depth - 1, random, full=full),
    )


def _varied(node: Expression, random: random.Random) -> Expression:
    draw = random.random()
    if isinstance(node, tuple):
        if draw < 0.3:
            return (random.choice(OPERATIONS), node[1], node[2])
        if draw < 0.45:
            return node[random.randrange(1, 3)]
    elif isinstance(node, float) and draw < 0.6:
        return round(node + random.gauss(0.0, 0.5), 2)
    if draw < 0.75:
        operands = [node, grown(1, random)]
        random.shuffle(operands)
        return (random.choice(OPERATIONS), *operands)
    return grown(2, random)


def _value(node: Expression, inputs: dict[str, Floats]) -> Any:
    if isinstance(node, str):
        return inputs[node]
    if not isinstance(node, tuple):
        return np.float64(node)
    operation, left, right = node[0], _value(node[1], inputs), _value(node[2], inputs)
    if operation == "+":
        return left + right
    if operation == "-":
        return left - right
    if operation == "*":
        return left * right
    return np.minimum(left, right) if operation == "min" else np.maximum(left, right)


_Path = tuple[int, ...]


def _paths(node: Expression, path: _Path = ()) -> list[_Path]:
    """Where the nodes are, the root first."""
    if not isinstance(node, tuple):
        return [path]
    return [path, *_paths(node[1], (*path, 1)), *_paths(node[2], (*path, 2))]


def _at(node: Expression, path: _Path) -> Expression:
    for step in path:
        node = node[step]
    return node


def _replaced(node: Expression, path: _Path, by: Expression) -> Expression:
    if not path:
        return by
    step, rest = path[0], path[1:]
    return tuple(_replaced(one, rest, by) if place == step else one for place, one in enumerate(node))
