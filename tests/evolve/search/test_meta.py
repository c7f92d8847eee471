import random
from collections import Counter
from itertools import pairwise

from evolve.search.base import Result, Selection
from evolve.search.meta import FIRST, KINDS, PATIENCE, SHORTEST, Meta
from tests.evolve.search.conformance import FAILED, SETUP, Drive, scored


def _authors(drive: Drive) -> list[str]:
    return [selection.context["strategy"] for selection in drive.selections]


def test_turn_does_not_pass_while_there_is_progress() -> None:
    drive = Drive(Meta.start(SETUP)).tell_all([scored(1.0 + number) for number in range(500)])
    assert {*_authors(drive)} == {FIRST}


def test_turn_passes_when_there_is_none() -> None:
    drive = Drive(Meta.start(SETUP)).tell_all([scored(1.0), *[FAILED] * 1000])
    authors = _authors(drive)
    assert len({*authors}) >= 3
    changes = [place for place in range(1, len(authors)) if authors[place] != authors[place - 1]]
    assert changes[0] >= SHORTEST
    assert all(later - earlier >= SHORTEST for earlier, later in pairwise(changes))


def test_best_program_is_known_to_whoever_has_the_next_turn() -> None:
    drive = Drive(Meta.start(SETUP)).tell_all([scored(1.0), scored(5.0), scored(2.0)])
    state = drive.strategy.state()["strategies"]
    for name, kind in KINDS.items():
        assert kind.restore(SETUP, state[name]).elites()[0] == f"{1:032x}", name


def test_what_has_worked_gets_more_turns() -> None:
    """Only proposals of one strategy ever lead to something better."""
    meta = Meta.start(SETUP)
    best = 1.0
    meta.tell(Result(number=0, selection=Selection(()), operator="seed", program="0" * 32, score=best))
    turns: Counter[str] = Counter()
    for number in range(1, 6000):
        selection = meta.ask(number, random.Random(number))
        author = selection.context["strategy"]
        turns[author] += 1
        better = author == "pareto" and number % 50 == 0
        best += better
        meta.tell(
            Result(
                number=number,
                selection=selection,
                operator="anything",
                program=f"{number:032x}",
                score=best if better else 0.5,
                scores=(best, best) if better else (0.5, 0.5),
            )
        )
    assert turns.most_common(1)[0][0] == "pareto"
    assert turns["pareto"] > 3 * max(turns[name] for name in KINDS if name != "pareto")
    assert PATIENCE > 1
