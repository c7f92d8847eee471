import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evolve.search.population import Member, Population

MEMBERS = st.lists(
    st.builds(
        Member,
        program=st.integers(0, 10**6).map(str),
        score=st.sampled_from([0.0, 0.5, 1.0, 1.5]) | st.floats(-1e6, 1e6),
        signature=st.sampled_from("abcdefgh"),
        size=st.integers(1, 10),
    ),
    max_size=40,
    unique_by=lambda member: member.program,
)


def _filled(members: list[Member], capacity: int) -> Population:
    population = Population(capacity)
    for member in members:
        population.add(member)
    return population


@settings(deadline=None)
@given(MEMBERS, st.integers(1, 6))
def test_bounded_sorted_and_without_twins(members: list[Member], capacity: int) -> None:
    kept = _filled(members, capacity).members
    assert len(kept) <= capacity
    assert len({member.signature for member in kept}) == len(kept)
    assert [member.rank_key for member in kept] == sorted(member.rank_key for member in kept)


@settings(deadline=None)
@given(MEMBERS, st.integers(1, 6))
def test_the_best_is_never_lost(members: list[Member], capacity: int) -> None:
    population = _filled(members, capacity)
    assert population.best == min(members, key=lambda member: member.rank_key, default=None)


@settings(deadline=None)
@given(MEMBERS)
def test_of_twins_the_best_and_shortest_stays(members: list[Member]) -> None:
    population = _filled(members, 8)
    for member in population.members:
        twins = [other for other in members if other.signature == member.signature]
        assert member == min(twins, key=lambda other: other.rank_key)


@settings(deadline=None)
@given(MEMBERS, st.integers(1, 6))
def test_add_says_whether_the_member_is_in(members: list[Member], capacity: int) -> None:
    population = Population(capacity)
    for member in members:
        before = population.members
        assert population.add(member) == (member in population.members)
        if member not in population.members:
            assert population.members == before


@settings(deadline=None)
@given(MEMBERS, st.integers(1, 6))
def test_made_from_its_members_it_is_the_same(members: list[Member], capacity: int) -> None:
    population = _filled(members, capacity)
    again = Population(capacity, reversed(population.members))
    assert again.members == population.members


@settings(deadline=None)
@given(MEMBERS.filter(len), st.integers(1, 5), st.integers())
def test_pick_gives_a_member(members: list[Member], tournament: int, seed: int) -> None:
    population = _filled(members, 6)
    assert population.pick(random.Random(seed), tournament) in population.members


@pytest.mark.parametrize("tournament", [1, 2, 4])
def test_tournament_prefers_the_better_by_rank(tournament: int) -> None:
    members = [Member(str(score), 1000.0**score, str(score), 1) for score in range(10)]
    population = _filled(members, 10)
    stream = random.Random(0)
    picked = [population.pick(stream, tournament) for _ in range(4000)]
    share = sum(member in population.members[:5] for member in picked) / len(picked)
    assert share == pytest.approx(1 - 0.5**tournament, abs=0.03)


def test_empty_population_has_no_best() -> None:
    population = Population(3)
    assert population.best is None
    assert not population
