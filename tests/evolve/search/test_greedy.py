from evolve.randomness import stream
from evolve.search.base import Meaning
from evolve.search.greedy import CAPACITY, Greedy
from tests.evolve.search.conformance import BASELINES, FAILED, LAG, SETUP, Drive, scored


def test_parent_is_the_best_program_as_of_the_commit_that_was_seen() -> None:
    drive = Drive(Greedy.start(SETUP)).tell_all([scored(1.0), scored(3.0), scored(2.0), scored(4.0)])
    parents = [int(selection.parents[0], 16) for selection in drive.selections]
    assert parents == [0] * LAG + [1, 1, 3]


def test_parent_is_a_baseline_while_nothing_has_a_score() -> None:
    drive = Drive(Greedy.start(SETUP)).tell_all([FAILED] * 10)
    assert {selection.parents[0] for selection in drive.selections} == {*BASELINES}


def test_runners_up_inspire_and_the_worst_gives_way() -> None:
    drive = Drive(Greedy.start(SETUP)).tell_all([scored(float(number)) for number in range(1, 30)])
    assert drive.tell(scored(2.5)).meaning is Meaning.NOT_BETTER
    best = drive.strategy.elites()[0]
    seen = {one for n in range(99, 299) for one in drive.strategy.ask(n, stream(0, "", n)).inspirations}
    assert best not in seen
    assert len(seen - {*BASELINES}) == CAPACITY - 1


def test_only_the_best_program_is_an_elite() -> None:
    drive = Drive(Greedy.start(SETUP)).tell_all([scored(1.0), scored(3.0), scored(2.0)])
    assert drive.strategy.elites() == ("0" * 31 + "1",)
