import asyncio
import math
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable

import msgspec
import numpy as np
import pytest

from evolve.operators import tuning
from evolve.operators.base import (
    Background,
    Draft,
    NoProposal,
    ParentProgram,
    Relative,
    Request,
    Tried,
)
from evolve.operators.residual import extended
from evolve.operators.tuning import generation_size, operator, tunable
from evolve.program import Program
from evolve.randomness import stream
from tests.evolve.operators.programs import LINEAR, RULE_BRIEF, SHORTEST_FIRST, parent

BRIEF = msgspec.structs.replace(RULE_BRIEF, features=())
"""Without features nothing is added to a rule before it is tuned."""
RULE = (
    "def priority(operation, state):\n"
    "    return (1.5 * operation.duration + 0.25 * operation.remaining_work\n"
    "            - 0.5 * state.now / max(operation.duration, 2.0) + -3.0 * state.now)\n"
)
OPTIMUM = (2.0, -1.0, math.log(3.0), 1.0, 0.5)
"""In coordinates; the second has to change its sign on the way."""


class Family:
    """A run that has made programs of one skeleton so far."""

    def __init__(self) -> None:
        self.relatives: list[Relative] = []
        self.sources: dict[str, str] = {}

    def add(self, source: str, score: float | None) -> None:
        identity = Program.parse(source).id
        self.relatives.append(Relative(identity, score))
        self.sources[identity] = source

    def until(self, count: int) -> Background:
        return Until(self, count)


class Until:
    """What the run had learnt after so many programs."""

    def __init__(self, family: Family, count: int) -> None:
        self._family = family
        self._count = count

    def family_size(self, skeleton: str) -> int:
        return self._count if skeleton == Program.parse(RULE).skeleton else 0

    def family(self, skeleton: str, count: int, skipped: int = 0) -> tuple[Relative, ...]:
        return tuple(self._family.relatives[: self._count - skipped][-count:])

    def program(self, program_id: str) -> ParentProgram:
        return ParentProgram(program_id, self._family.sources[program_id], None)

    def tried(self, limit: int, operator: str | None = None) -> tuple[Tried, ...]:
        return ()

    def best(self, limit: int) -> tuple[ParentProgram, ...]:
        return ()

    def note(self) -> str | None:
        return None


def asked(number: int, background: Background | None, source: str = RULE) -> Request:
    return Request(number, (parent(source),), (), BRIEF, stream(1, "propose", number), background=background)


def child(request: Request) -> str:
    made = asyncio.run(operator.propose(request))
    assert isinstance(made, Draft)
    return made.source


def loss(source: str) -> float:
    """A quadratic whose axes are differently steep, in the coordinates of the constants."""
    steepness = (1.0, 10.0, 1.0, 5.0, 1.0)
    found = tuning._coordinates(source, BRIEF)
    return sum(w * (x - y) ** 2 for x, y, w in zip(found, OPTIMUM, steepness, strict=True))


def searched(count: int, lag: int, score: Callable[[str], float | None]) -> Family:
    """A search in which proposal n knows of the programs before n - lag."""
    family = Family()
    for number in range(count):
        try:
            source = child(asked(number, family.until(max(0, number - lag))))
        except NoProposal:
            continue
        family.add(source, score(source))
    return family


def test_constants_are_tuned_to_their_optimum_although_proposals_overlap() -> None:
    family = searched(500, 12, lambda source: -loss(source))
    scores = [one.score or 0.0 for one in family.relatives]
    assert max(scores[:20]) < -3.0
    assert max(scores) > -0.02
    assert sum(scores[-50:]) / 50 > -0.3


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("dimension", [1, 2, 5])
def test_the_package_does_not_complain_of_points_that_are_drawn_elsewhere(dimension: int) -> None:
    size = generation_size(dimension)
    search, random = tuning._Search([0.0] * dimension, size, 0.4), np.random.default_rng(1)
    for _ in range(12):
        points = random.standard_normal((size, dimension)).tolist()
        search.tell(points, [-sum(x * x for x in point) for point in points])
    assert np.isfinite(search.distribution().mean).all()


def test_the_distribution_learns_which_way_to_go() -> None:
    """A cigar: many times longer in one direction than across, and not along an axis."""

    def ridge(source: str) -> float:
        x = np.array(tuning._coordinates(source, BRIEF))
        along = x.sum()
        across = x - along / len(x)
        return -float(0.01 * (along - 4.0) ** 2 + 100.0 * across @ across)

    family = searched(700, 12, ridge)
    assert max(one.score or -1e9 for one in family.relatives) > -0.2


def test_programs_without_a_score_are_the_worst() -> None:
    family = searched(300, 12, lambda source: None if "-3" in source else -loss(source))
    assert max(one.score or -1e9 for one in family.relatives) > -2.0


def test_the_child_depends_on_the_request_alone() -> None:
    family = searched(80, 12, lambda source: -loss(source))
    children = [child(asked(1000, family.until(80))) for _ in range(2)]
    tuning._searches.clear()
    tuning._known_points.cache_clear()
    children.append(child(asked(1000, family.until(80))))
    child(asked(1000, family.until(40)))
    children.append(child(asked(1000, family.until(80))))
    assert len(set(children)) == 1


def test_what_was_committed_later_changes_nothing() -> None:
    family = searched(60, 12, lambda source: -loss(source))
    before = child(asked(1000, family.until(50)))
    family.add(RULE.replace("1.5", "1.25"), 1e6)
    assert child(asked(1000, family.until(50))) == before


def test_numpy_is_left_as_it_was() -> None:
    state = np.random.get_state()
    searched(40, 0, lambda source: -loss(source))
    after = np.random.get_state()
    assert [str(part) for part in state] == [str(part) for part in after]


def test_children_share_the_parents_skeleton_and_its_text() -> None:
    for number in range(40):
        source = child(asked(number, None))
        assert Program.parse(source).skeleton == Program.parse(RULE).skeleton
        assert source.count("\n") == RULE.count("\n")
        values = [float(text) for text in re.findall(r"\d+\.\d+", source)]
        assert len(values) >= 4
        assert all(float(f"{value:.3g}") == value for value in values)


def test_signs_change_only_where_they_may() -> None:
    source = "def priority(operation, state):\n    return {} * state.now / max(state.now, {})\n"
    signs = set()
    for number in range(200):
        made = child(asked(number, None, source.format(0.05, 0.05)))
        weight, guard = (
            float(part) for part in made.split("return ")[1][:-2].split(" * state.now / max(state.now, ")
        )
        signs.add(weight > 0)
        assert guard > 0, "it keeps a divisor from being zero"
    assert signs == {True, False}


def test_the_latest_generations_are_used_and_the_first_of_them_stays_for_long() -> None:
    asked_for: list[tuple[int, int]] = []

    class Counting(Until):
        def family_size(self, skeleton: str) -> int:
            return self._count

        def family(self, skeleton: str, count: int, skipped: int = 0) -> tuple[Relative, ...]:
            asked_for.append((self._count - skipped - count, count))
            return ()

    size = generation_size(5)
    for count in range(0, 200 * size, size // 2):
        tuning._generations(Counting(Family(), count), "", size)
    assert all(first % size == 0 == count % size for first, count in asked_for)
    assert max(count for _, count in asked_for) <= tuning.MOST_GENERATIONS * size
    assert all(count >= tuning.MOST_GENERATIONS // 2 * size for first, count in asked_for if first)
    assert len({first for first, _ in asked_for}) <= 10


def test_the_package_is_loaded_only_when_it_is_used() -> None:
    program = "import sys, evolve.operators.tuning\nassert 'cma' not in sys.modules"
    subprocess.run([sys.executable, "-c", program], check=True)


def test_nobody_hears_that_the_package_cannot_draw() -> None:
    program = (
        "import sys; sys.modules['matplotlib'] = None\n"
        "from evolve.operators.tuning import _Search\n"
        "_Search([0.0], 4, 0.4)\nassert 'cma' in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout + done.stderr == ""


def test_zeros_and_whole_numbers_are_left_alone() -> None:
    source = "def priority(operation, state):\n    total = 0.0\n    return total + 2 * state.now + 1.5\n"
    assert len(tunable(source, BRIEF)) == 1
    for number in range(20):
        assert "total = 0.0" in child(asked(number, None, source))


def test_nothing_to_tune() -> None:
    with pytest.raises(NoProposal, match="no real constant"):
        child(asked(0, None, SHORTEST_FIRST))
    assert child(asked(0, None, LINEAR)) != LINEAR


def test_rule_with_few_constants_is_tuned_with_a_linear_combination_half_of_the_time() -> None:
    longer = extended(RULE, RULE_BRIEF)
    assert longer is not None
    skeletons: Counter[str] = Counter()
    for number in range(100):
        request = msgspec.structs.replace(asked(number, None), brief=RULE_BRIEF)
        skeletons[Program.parse(child(request)).skeleton] += 1
    families = {Program.parse(RULE).skeleton, Program.parse(longer.source).skeleton}
    assert set(skeletons) == families
    assert all(30 < count < 70 for count in skeletons.values())


def test_rule_with_many_constants_is_tuned_as_it_is() -> None:
    longer = extended(RULE, RULE_BRIEF)
    assert longer is not None
    request = msgspec.structs.replace(asked(1, None, longer.source), brief=RULE_BRIEF)
    assert Program.parse(child(request)).skeleton == Program.parse(longer.source).skeleton
