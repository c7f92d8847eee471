import random
from collections import Counter

from evolve.search.base import Meaning
from evolve.search.pareto import RESERVE, Pareto
from tests.evolve.search.conformance import SETUP, Drive, Fate, scored


def _program(number: int) -> str:
    return f"{number:032x}"


def test_program_that_leads_on_one_instance_survives_any_number_of_better_ones() -> None:
    drive = Drive(Pareto.start(SETUP))
    drive.tell(Fate(scores=(9.0, 0.5)))
    for number in range(2 * RESERVE):
        drive.tell(Fate(scores=(5.0 + number / 100, 5.0 + number / 100)))
    assert _program(0) in drive.strategy.elites()


def test_program_that_leads_nowhere_is_dropped_when_it_is_not_among_the_best() -> None:
    drive = Drive(Pareto.start(SETUP)).tell_all([scored(2.0 + number / 8) for number in range(RESERVE)])
    assert drive.tell(scored(1.0)).meaning is Meaning.NOT_BETTER
    assert drive.tell(scored(9.0)).meaning is Meaning.ACCEPTED
    members = [one.program for view in drive.strategy.populations() for one in view.members]
    assert len(members) == RESERVE
    assert _program(0) not in members


def test_reserve_holds_no_variants_of_one_program() -> None:
    """Variants differ from the best on one of four instances; all lead nowhere."""
    leader = Fate(scores=(9.0, 9.0, 9.0, 9.0))
    drive = Drive(Pareto.start(SETUP)).tell_all([leader, Fate(scores=(8.0, 8.0, 8.0, 8.0))])
    variants = [Fate(scores=(8.0, 8.0, 8.0, 7.0 - number / 8)) for number in range(4)]
    other = Fate(scores=(1.0, 1.0, 1.0, 1.5))
    meanings = [drive.tell(fate).meaning for fate in (*variants, other)]
    assert meanings == [Meaning.NOT_BETTER] * 4 + [Meaning.ACCEPTED]


def test_leaders_become_parents_in_proportion_to_their_leads() -> None:
    drive = Drive(Pareto.start(SETUP))
    drive.tell(Fate(scores=(9.0, 1.0, 1.0, 1.0)))
    drive.tell(Fate(scores=(1.0, 8.0, 8.0, 8.0)))
    drive.tell_all([scored(0.5 - number / 100) for number in range(RESERVE - 2)])
    counts = Counter(drive.strategy.ask(number, random.Random(number)).parents[0] for number in range(4000))
    one, other = counts[_program(0)] / 4000, counts[_program(1)] / 4000
    ranks = [1.0 - (1.0 - 1.0 / RESERVE) ** 3, (1.0 - 1.0 / RESERVE) ** 3 - (1.0 - 2.0 / RESERVE) ** 3]
    assert abs(other - (0.5 * 0.75 + 0.5 * ranks[0])) < 0.03
    assert abs(one - (0.5 * 0.25 + 0.5 * ranks[1])) < 0.03


def test_best_over_all_is_the_first_elite_even_where_it_leads_nowhere() -> None:
    drive = Drive(Pareto.start(SETUP)).tell_all([Fate(scores=(9.0, 1.0)), Fate(scores=(1.0, 9.0))])
    drive.tell(Fate(scores=(8.0, 8.0)))
    assert drive.strategy.elites() == (_program(2), _program(0), _program(1))


def test_of_two_that_behave_the_same_the_shorter_stays() -> None:
    drive = Drive(Pareto.start(SETUP)).tell_all([scored(1.0, size=10), scored(1.0, size=9)])
    assert drive.strategy.elites() == (_program(1),)
    assert drive.tell(scored(1.0, size=9)).meaning is Meaning.NOT_BETTER
