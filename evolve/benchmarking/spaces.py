"""Made-up program spaces whose best score is known: a program is a row of genes, and nothing is ever run.

An instance scores a program by its fitness there, from 0 to 1, as exp(fitness); so the score over all
instances, their geometric mean, is exp of the mean fitness, and the best score of a space is
exp(`optimum`). Everything about a space follows from its parameters and its own seed. There is no noise.

`Rugged` is an NK landscape with adjacent neighbours (Kauffman and Weinberger, J. Theor. Biol. 141, 1989):
the more neighbours, the more local optima; the optimum is found by dynamic programming. `Trap` is made of
deceptive blocks (Deb and Goldberg, FOGA 1993), which draw a search away from the optimum. `Plateau` is a
staircase in the manner of the royal roads (Mitchell, Forrest and Holland, ECAL 1991): several genes have to
be right before anything shows. In `Conflict` each gene is wanted otherwise by two instances, so that no
program is best on all of them.
"""

import math
import random
from collections.abc import Sequence
from itertools import pairwise
from typing import Protocol, TypeAlias

import msgspec

from evolve.randomness import stream

Genome: TypeAlias = "tuple[Genome, ...] | str | float | int"
"""Genes, or an expression as nested tuples; hashable."""

EXTRA_GENE = 0.5
"""The chance that a mutation changes one more gene, each time."""


class Space(Protocol):
    """Programs as data, with what can be done to them."""

    @property
    def name(self) -> str:
        """What it is called in tables."""
        ...

    @property
    def optimum(self) -> float:
        """The mean fitness of the best program."""
        ...

    def first(self) -> Genome:
        """The program that a search starts from."""
        ...

    def baseline(self) -> Genome:
        """The published design, so to speak."""
        ...

    def fitness(self, genome: Genome) -> list[float]:
        """From 0 to 1 on each instance."""
        ...

    def mutated(self, genome: Genome, random: random.Random) -> Genome:
        """A neighbour; may be the same."""
        ...

    def crossed(self, genome: Genome, other: Genome, random: random.Random) -> Genome:
        """The genome with a part of another."""
        ...


class _Sized(Protocol):
    """A space whose genomes are rows of genes."""

    @property
    def name(self) -> str: ...

    @property
    def seed(self) -> int: ...

    @property
    def alphabet(self) -> int: ...

    @property
    def length(self) -> int: ...


def _random_row(space: _Sized, purpose: str) -> tuple[int, ...]:
    draw = stream(space.seed, f"{space.name}/{purpose}", 0)
    return tuple(draw.randrange(space.alphabet) for _ in range(space.length))


class _Genes(msgspec.Struct, frozen=True, kw_only=True):
    """What the spaces of genes share: a genome is `length` values below `alphabet`."""

    name: str
    seed: int = 0
    alphabet: int = 2

    def first(self: _Sized) -> Genome:
        """A random row."""
        return _random_row(self, "first")

    def baseline(self: _Sized) -> Genome:
        """Another random row."""
        return _random_row(self, "baseline")

    def mutated(self, genome: Genome, random: random.Random) -> Genome:
        """Other values for one gene, or for some more."""
        genes = list(_row(genome))
        while True:
            place = random.randrange(len(genes))
            genes[place] = (genes[place] + 1 + random.randrange(self.alphabet - 1)) % self.alphabet
            if random.random() >= EXTRA_GENE:
                return tuple(genes)

    def crossed(self, genome: Genome, other: Genome, random: random.Random) -> Genome:
        """A stretch of the other's genes in place of the own ones."""
        own, given = _row(genome), _row(other)
        start, end = sorted(random.randrange(len(own) + 1) for _ in range(2))
        return (*own[:start], *given[start:end], *own[end:])


class Rugged(_Genes, frozen=True, kw_only=True, tag="rugged", forbid_unknown_fields=True):
    """An NK landscape in instances of `genes` / `instances` genes each; binary."""

    genes: int = 48
    neighbours: int = 0
    instances: int = 8

    @property
    def length(self) -> int:
        """Genes."""
        return self.genes

    @property
    def optimum(self) -> float:
        """By dynamic programming over the last `neighbours` genes; the row is not circular."""
        table, width = _table(self), self.neighbours
        best = dict.fromkeys(range(1 << width), 0.0)
        for place in range(self.genes - width):
            reached: dict[int, float] = {}
            for state, value in best.items():
                for bit in (0, 1):
                    window = state << 1 | bit
                    target = window & ((1 << width) - 1)
                    total = value + table[place][window]
                    reached[target] = max(total, reached.get(target, 0.0))
            best = reached
        return max(best.values()) / (self.genes - width)

    def fitness(self, genome: Genome) -> list[float]:
        """The mean contribution of an instance's genes, on a scale on which all instances count alike."""
        genes, table, width = _row(genome), _table(self), self.neighbours
        mask, window = (1 << (width + 1)) - 1, 0
        contributions: list[float] = []
        for place, gene in enumerate(genes):
            window = (window << 1 | gene) & mask
            if place >= width:
                contributions.append(table[place - width][window])
        count = len(contributions)
        edges = [number * count // self.instances for number in range(self.instances + 1)]
        return [sum(contributions[start:end]) * self.instances / count for start, end in pairwise(edges)]


class Trap(_Genes, frozen=True, kw_only=True, tag="trap", forbid_unknown_fields=True):
    """For each instance a block of `order` binary genes: all ones are best, else fewer are better."""

    blocks: int = 8
    order: int = 4

    @property
    def length(self) -> int:
        """Genes."""
        return self.blocks * self.order

    @property
    def optimum(self) -> float:
        """All blocks are solved."""
        return 1.0

    def fitness(self, genome: Genome) -> list[float]:
        """1 for a solved block, else the share of zeros in all genes but one, times 0.8."""
        genes = _row(genome)
        ones = [sum(genes[start : start + self.order]) for start in range(0, self.length, self.order)]
        return [1.0 if one == self.order else 0.8 * (self.order - 1 - one) / (self.order - 1) for one in ones]


class Plateau(_Genes, frozen=True, kw_only=True, tag="plateau", forbid_unknown_fields=True):
    """Blocks of genes with a hidden target; fitness moves with each `step` genes more that are right."""

    blocks: int = 6
    order: int = 8
    step: int = 2
    alphabet: int = 3

    @property
    def length(self) -> int:
        """Genes."""
        return self.blocks * self.order

    @property
    def optimum(self) -> float:
        """The target itself."""
        return 1.0

    def fitness(self, genome: Genome) -> list[float]:
        """The share of an instance's steps that are climbed."""
        genes, target = _row(genome), _random_row(self, "target")
        hits = [
            sum(genes[place] == target[place] for place in range(start, start + self.order))
            for start in range(0, self.length, self.order)
        ]
        return [hit // self.step / (self.order // self.step) for hit in hits]


class Conflict(_Genes, frozen=True, kw_only=True, tag="conflict", forbid_unknown_fields=True):
    """Every gene matters to two instances, which want different values of it and weigh it differently."""

    genes: int = 40
    instances: int = 8
    alphabet: int = 4

    @property
    def length(self) -> int:
        """Genes."""
        return self.genes

    @property
    def optimum(self) -> float:
        """Each gene as the one wants it that weighs it more."""
        return sum(max(first[2], second[2]) for first, second in _wishes(self)) / self.instances

    def fitness(self, genome: Genome) -> list[float]:
        """The weight of an instance's wishes that are granted."""
        granted = [0.0] * self.instances
        for gene, wishes in zip(_row(genome), _wishes(self), strict=True):
            for instance, value, weight in wishes:
                if gene == value:
                    granted[instance] += weight
        return granted


_Wish = tuple[int, int, float]
_tables: dict[Rugged, list[list[float]]] = {}
_wished: dict[Conflict, list[tuple[_Wish, _Wish]]] = {}


def _table(space: Rugged) -> list[list[float]]:
    """The contribution of each stretch of genes, by its bits."""
    found = _tables.get(space)
    if found is None:
        draw = stream(space.seed, f"{space.name}/table", 0)
        size = 1 << (space.neighbours + 1)
        count = space.genes - space.neighbours
        found = _tables[space] = [[draw.random() for _ in range(size)] for _ in range(count)]
    return found


def _wishes(space: Conflict) -> list[tuple[_Wish, _Wish]]:
    """For each gene two wishes: instance, value, weight. The weights of an instance add up to 1."""
    found = _wished.get(space)
    if found is None:
        draw = stream(space.seed, f"{space.name}/wishes", 0)
        raw: list[tuple[_Wish, _Wish]] = []
        for gene in range(space.genes):
            one = gene % space.instances
            other = (one + 1 + draw.randrange(space.instances - 1)) % space.instances
            value = draw.randrange(space.alphabet)
            second = (value + 1 + draw.randrange(space.alphabet - 1)) % space.alphabet
            raw.append(((one, value, 0.2 + draw.random()), (other, second, 0.2 + draw.random())))
        sums = [
            math.fsum(wish[2] for pair in raw for wish in pair if wish[0] == instance)
            for instance in range(space.instances)
        ]
        found = _wished[space] = [
            ((a[0], a[1], a[2] / sums[a[0]]), (b[0], b[1], b[2] / sums[b[0]])) for a, b in raw
        ]
    return found


def _row(genome: Genome) -> Sequence[int]:
    assert isinstance(genome, tuple)
    return genome  # type: ignore[return-value]  # a space makes its genomes itself
