import itertools
import math
import random

import pytest

from evolve.benchmarking.rules import INPUTS, LARGEST, OPERATIONS, Rule, grown
from evolve.benchmarking.spaces import Conflict, Genome, Plateau, Rugged, Space, Trap
from evolve.benchmarking.suites import load_suite
from evolve.randomness import stream

SPACES: tuple[Space, ...] = load_suite("synthetic").spaces
SMALL: tuple[Space, ...] = (
    Rugged(name="a", genes=10, neighbours=0, instances=5),
    Rugged(name="b", genes=12, neighbours=2, instances=5),
    Rugged(name="c", genes=12, neighbours=4, instances=3),
    Trap(name="d", blocks=3, order=4),
    Plateau(name="e", blocks=2, order=4, step=2),
    Conflict(name="f", genes=8, instances=3, alphabet=2),
)


def _mean(space: Space, genome: Genome) -> float:
    fitness = space.fitness(genome)
    return math.fsum(fitness) / len(fitness)


@pytest.mark.parametrize("space", SMALL, ids=lambda space: space.name)
def test_optimum_is_the_best_of_all_genomes(space: Space) -> None:
    first = space.first()
    assert isinstance(first, tuple)
    alphabet = getattr(space, "alphabet", 2)
    everything = itertools.product(range(alphabet), repeat=len(first))
    assert max(_mean(space, genome) for genome in everything) == pytest.approx(space.optimum)


@pytest.mark.parametrize("space", SPACES, ids=lambda space: space.name)
def test_nothing_beats_the_optimum_and_the_start_is_far_from_it(space: Space) -> None:
    draw = random.Random(1)
    genome = space.first()
    assert _mean(space, genome) < space.optimum - 0.1
    best = _mean(space, genome)
    for _ in range(2000):
        other = (
            space.mutated(genome, draw)
            if draw.random() < 0.7
            else space.crossed(genome, space.baseline(), draw)
        )
        if _mean(space, other) >= best:
            genome, best = other, _mean(space, other)
    assert best <= space.optimum + 1e-9


@pytest.mark.parametrize("space", SPACES, ids=lambda space: space.name)
def test_fitness_is_the_same_each_time_and_within_its_range(space: Space) -> None:
    draw = random.Random(2)
    genome = space.first()
    for _ in range(50):
        genome = space.mutated(genome, draw)
        fitness = space.fitness(genome)
        assert fitness == space.fitness(genome)
        assert all(0.0 <= one <= 2.0 for one in fitness)
        assert hash(genome) == hash(genome)


def test_traps_lead_away_from_the_optimum() -> None:
    space = Trap(name="trap", blocks=1, order=5)
    scores = [space.fitness((1,) * ones + (0,) * (5 - ones))[0] for ones in range(6)]
    assert scores[:5] == sorted(scores[:5], reverse=True)
    assert scores[5] == max(scores) == 1.0


def test_more_neighbours_make_more_local_optima() -> None:
    def local_optima(neighbours: int) -> int:
        space = Rugged(name="r", genes=11, neighbours=neighbours, instances=1)
        value = {genome: _mean(space, genome) for genome in itertools.product((0, 1), repeat=11)}
        return sum(all(value[(*g[:i], 1 - g[i], *g[i + 1 :])] <= value[g] for i in range(11)) for g in value)

    assert local_optima(0) == 1
    assert local_optima(0) < local_optima(2) < local_optima(5)


def test_a_step_of_a_plateau_shows_only_when_it_is_whole() -> None:
    space = Plateau(name="p", blocks=1, order=4, step=2)
    target = next(g for g in itertools.product(range(3), repeat=4) if space.fitness(g) == [1.0])
    wrong = [(value + 1) % 3 for value in target]
    climbed = [space.fitness((*target[:right], *wrong[right:]))[0] for right in range(5)]
    assert climbed == [0.0, 0.0, 0.5, 0.5, 1.0]


def test_no_program_is_best_on_all_instances_of_a_conflict() -> None:
    space = Conflict(name="c", genes=8, instances=3, alphabet=2)
    best = [0.0] * 3
    for genome in itertools.product((0, 1), repeat=8):
        best = [max(pair) for pair in zip(best, space.fitness(genome), strict=True)]
    assert math.fsum(best) / 3 > space.optimum + 0.01


@pytest.mark.parametrize("depth", [1, 2, 3, 4])
def test_rule_itself_is_the_optimum(depth: int) -> None:
    space = Rule(name=f"rule-{depth}", depth=depth)
    rules = (grown(depth, stream(0, f"rule-{depth}/rule", attempt), full=True) for attempt in range(1000))
    fitness = next(found for rule in rules if (found := space.fitness(rule)) == [1.0] * space.instances)
    assert math.fsum(fitness) / space.instances == space.optimum


def test_rules_are_read_and_nothing_else_is() -> None:
    space = Rule(name="rule")
    assert all(0.0 < one < 1.0 for one in space.fitness(("+", "x", ("min", "y", 1.5))))
    with pytest.raises(KeyError):
        space.fitness("__import__('os')")


def test_expressions_stay_within_their_size() -> None:
    space, draw = Rule(name="rule"), random.Random(3)

    def nodes(genome: object) -> int:
        if isinstance(genome, tuple):
            assert genome[0] in OPERATIONS
            return 1 + nodes(genome[1]) + nodes(genome[2])
        assert genome in INPUTS or isinstance(genome, float)
        return 1

    genome, other = space.first(), space.baseline()
    sizes = []
    for _ in range(2000):
        genome, other = space.crossed(space.mutated(genome, draw), other, draw), genome
        sizes.append(nodes(genome))
    assert max(sizes) <= LARGEST
    assert max(sizes) > LARGEST / 2
