import pytest

from evolve.search.base import Meaning
from evolve.search.niches import CAPACITY, FIRST, INTERVAL, Niches
from tests.evolve.search.conformance import FAILED, SETUP, Drive, Fate, scored


def _traded(number: int) -> Fate:
    """Programs of equal worth that trade one instance for the other."""
    return Fate(scores=(1.0 + number % 97 / 100, 2.0 - number % 97 / 100))


def test_reference_is_drawn_anew_at_known_moments_only() -> None:
    drive = Drive(Niches.start(SETUP))
    references = []
    for number in range(FIRST + 2 * INTERVAL + 5):
        drive.tell(_traded(number))
        references.append(drive.strategy.state()["reference"])
    changes = [number for number in range(1, len(references)) if references[number] != references[number - 1]]
    assert changes == [FIRST - 1, FIRST - 1 + INTERVAL, FIRST - 1 + 2 * INTERVAL]
    assert drive.strategy.state()["events"] == changes


def test_failures_bring_no_rebinning_nearer() -> None:
    drive = Drive(Niches.start(SETUP)).tell_all([scored(1.0), *[FAILED] * (FIRST + 10)])
    assert drive.strategy.state()["events"] == []


def test_asking_changes_nothing() -> None:
    drive = Drive(Niches.start(SETUP)).tell_all([_traded(number) for number in range(60)])
    before = drive.strategy.state()
    for number in range(50):
        drive._ask(1000 + number)
    assert drive.strategy.state() == before


def test_programs_that_are_good_at_different_things_do_not_compete() -> None:
    drive = Drive(Niches.start(SETUP)).tell_all([_traded(number * 31) for number in range(FIRST)])
    lopsided = [Fate(scores=(2.5 + number / 100, 1.0)) for number in range(CAPACITY)]
    drive.tell_all(lopsided)
    other = Fate(scores=(0.9, 2.2))
    assert sum(other.scores or ()) < sum(lopsided[0].scores or ())
    assert drive.tell(other).meaning is Meaning.ACCEPTED
    assert len(drive.strategy.elites()) >= 2


@pytest.mark.parametrize("number", [FIRST, FIRST + INTERVAL, FIRST + 3 * INTERVAL])
def test_members_stand_where_they_would_be_put_now(number: int) -> None:
    drive = Drive(Niches.start(SETUP)).tell_all([_traded(one * 13) for one in range(number)])
    state = drive.strategy.state()
    again = Niches.restore(SETUP, state)
    assert again.state() == state
    assert again.elites() == drive.strategy.elites()
