import random
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evolve.search.base import Meaning, Result, Selection
from evolve.search.islands import CAPACITY, ISLANDS, MIGRATION_INTERVAL, Islands
from tests.evolve.search.conformance import BASELINES, FAILED, FATES, NOTHING, SETUP, Drive, Fate, scored


def _members(islands: Islands) -> list[list[str]]:
    return [[member.program for member in view.members] for view in islands.populations()]


def _start() -> tuple[Islands, Drive]:
    islands = Islands.start(SETUP)
    return islands, Drive(islands)


def _drive_rescaled(fates: list[Fate], seed: int, factor: float, shift: float) -> list[Selection]:
    rescaled = [
        fate
        if fate.scores is None
        else msgspec.structs.replace(fate, scores=tuple(factor * score + shift for score in fate.scores))
        for fate in fates
    ]
    return Drive(Islands.start(SETUP), seed=seed).tell_all(rescaled).selections


@settings(max_examples=40, deadline=None)
@given(
    fates=FATES,
    seed=st.integers(),
    scale=st.sampled_from([(1e-6, 0.0), (2.0**-30, 0.0), (1e9, 0.0), (1.0, 5.0), (1.0, -5.0), (3.0, -7.0)]),
)
def test_only_ranks_matter(fates: list[Fate], seed: int, scale: tuple[float, float]) -> None:
    assert _drive_rescaled(fates, seed, *scale) == _drive_rescaled(fates, seed, 1.0, 0.0)


def test_seed_program_founds_all_islands() -> None:
    islands, drive = _start()
    drive.tell(scored(1.0))
    assert _members(islands) == [["0" * 32]] * ISLANDS


def test_children_stay_on_the_island_of_their_parents() -> None:
    islands, drive = _start()
    drive.tell_all([scored(1.0 + number) for number in range(1 + 2 * ISLANDS)])
    for island, members in enumerate(_members(islands)):
        numbers = [int(member, 16) for member in members]
        assert numbers[-1] == 0
        assert [number % ISLANDS for number in numbers[:-1]] == [island] * 2


def test_islands_take_turns() -> None:
    _, drive = _start()
    drive.tell_all([scored(1.0)] * 10)
    turns = [selection.context["island"] for selection in drive.selections]
    assert turns == [number % ISLANDS for number in range(1, len(turns) + 1)]


def test_islands_without_a_founder_start_from_baselines() -> None:
    islands, drive = _start()
    drive.tell_all([FAILED, scored(0.5)])
    assert _members(islands) == [[], ["0" * 31 + "1"], []]
    drive.tell_all([FAILED] * 30)
    for selection in drive.selections:
        if selection.context["island"] != 1:
            assert selection.parents[0] in BASELINES


def test_the_best_migrate_along_the_ring() -> None:
    islands, drive = _start()
    drive.tell_all([scored(1.0), scored(2.0), scored(3.0), scored(4.0)])
    drive.tell_all([NOTHING] * (MIGRATION_INTERVAL - 4))
    before = [members[0] for members in _members(islands)]
    assert len({*before}) == ISLANDS
    drive.tell(FAILED)
    after = _members(islands)
    for island in range(ISLANDS):
        assert before[island] in after[island]
        assert before[island] in after[(island + 1) % ISLANDS]


def test_island_is_bounded_and_keeps_its_best() -> None:
    islands, drive = _start()
    drive.tell_all([scored(1.0 + number) for number in range(ISLANDS * (CAPACITY + 10))])
    for island, members in enumerate(_members(islands)):
        numbers = [int(member, 16) for member in members]
        assert len(numbers) == CAPACITY
        assert numbers == sorted(numbers, reverse=True)
        assert numbers[0] >= ISLANDS * (CAPACITY + 10) - ISLANDS + island % ISLANDS - 2


def test_improvement_is_over_the_best_of_the_island() -> None:
    _, drive = _start()
    verdicts = [
        drive.tell(fate) for fate in (scored(1.0), scored(3.0), scored(2.0), scored(1.5), scored(4.0))
    ]
    assert [verdict.improvement for verdict in verdicts] == [0.0, 2.0, 1.0, 0.5, 1.0]


def test_twin_is_wanted_only_where_it_is_shorter() -> None:
    _, drive = _start()
    drive.tell(scored(1.0, size=100))
    assert drive.tell(scored(1.0, size=101)).meaning is Meaning.NOT_BETTER
    assert drive.tell(scored(1.0, size=99)).meaning is Meaning.ACCEPTED


@pytest.mark.parametrize("context", [{}, {"island": 1}])
def test_programs_without_scores_on_instances_are_no_twins(context: dict[str, Any]) -> None:
    islands = Islands.start(SETUP)
    for number, score in enumerate((1.0, 2.0)):
        selection = Selection(BASELINES[:1], context=context)
        program = f"{number:032x}"
        islands.tell(
            Result(number=number, selection=selection, operator="external", program=program, score=score)
        )
    assert len(_members(islands)[1]) == 2


def test_better_members_become_parents_more_often() -> None:
    islands, drive = _start()
    drive.tell_all([scored(1.0 + number) for number in range(1, 1 + ISLANDS * CAPACITY)])
    ranks = {member: rank for members in _members(islands) for rank, member in enumerate(members)}
    parents = [islands.ask(number, random.Random(number)).parents[0] for number in range(3000)]
    better = sum(ranks[parent] < CAPACITY // 2 for parent in parents)
    assert better / len(parents) == pytest.approx(1 - 0.5**3, abs=0.05)


def test_elites_are_the_best_of_each_island() -> None:
    islands, drive = _start()
    drive.tell(scored(1.0))
    assert islands.elites() == ("0" * 32,)
    drive.tell_all([scored(2.0), scored(4.0), scored(3.0), FAILED, scored(1.5)])
    assert [int(one, 16) for one in islands.elites()] == [2, 3, 1]
