from evolve.search.base import Meaning
from evolve.search.best_of_n import BestOfN
from tests.evolve.search.conformance import BASELINES, FAILED, SETUP, Drive, scored


def test_every_parent_is_the_seed_program() -> None:
    drive = Drive(BestOfN.start(SETUP)).tell_all([scored(1.0 + number) for number in range(20)])
    assert {selection.parents for selection in drive.selections} == {("0" * 32,)}
    assert {one for selection in drive.selections for one in selection.inspirations} == {*BASELINES}


def test_seed_program_that_failed_is_replaced_by_baselines_for_good() -> None:
    drive = Drive(BestOfN.start(SETUP)).tell_all([FAILED, *[scored(2.0)] * 50])
    assert {selection.parents for selection in drive.selections} == {(one,) for one in BASELINES}


def test_only_a_better_score_is_accepted() -> None:
    drive = Drive(BestOfN.start(SETUP))
    fates = [scored(1.0), scored(1.0), scored(1.5), scored(1.25), FAILED, scored(2.0)]
    verdicts = [drive.tell(fate) for fate in fates]
    assert [verdict.meaning for verdict in verdicts] == [
        Meaning.ACCEPTED,
        Meaning.NOT_BETTER,
        Meaning.ACCEPTED,
        Meaning.NOT_BETTER,
        Meaning.FAILED,
        Meaning.ACCEPTED,
    ]
    assert [verdict.improvement for verdict in verdicts] == [0.0, 0.0, 0.5, 0.0, 0.0, 0.5]


def test_only_the_best_program_is_an_elite() -> None:
    drive = Drive(BestOfN.start(SETUP)).tell_all([scored(1.0), scored(3.0), scored(3.0), scored(2.0)])
    assert drive.strategy.elites() == ("0" * 31 + "1",)
