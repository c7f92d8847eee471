"""Who wins a run: a champion is chosen where the search has not looked, and then put to the test.

The best programs on train are evaluated on validation, and the best of them there wins, so that a lucky fit
to train does not. With them go some that were the best when they came, from the seed program on: a search
that fits train more and more may pass on its way what holds elsewhere. As validation is chance, too, one of
those wins only where it is better there by more than `MARGIN`. The champion alone is evaluated on test, which
decides nothing.
"""

import asyncio

import msgspec

from evolve.archive.engine import Archive
from evolve.archive.evaluations import add_evaluation, load_evaluation
from evolve.archive.reading import RankedProgram, best_on_train, records_on_train
from evolve.archive.records import ScoredEvaluation
from evolve.archive.runs import set_champion
from evolve.judging import Judge
from evolve.problem import Split, Status

FINALISTS = 8
"""How many of the best programs on train are evaluated on validation."""
RECORDS = 8
"""How many of those that once were the best; as far apart from each other in their order as there are."""
MARGIN = 0.01
"""By how much, as a share of the score, one that was the best once has to be better on validation."""


class Champion(msgspec.Struct, frozen=True):
    """The winner of a run, with its evaluation on every split."""

    program: RankedProgram
    evaluations: dict[Split, ScoredEvaluation]


async def crown(archive: Archive, run_id: int, judge: Judge) -> Champion | None:
    """Choose the champion of a run, evaluate it on test and record it; None where no program has a score.

    What the archive has already is not evaluated again.
    """
    with archive.reading() as connection:
        best = best_on_train(connection, run_id, FINALISTS)
        records = _spread(records_on_train(connection, run_id), {one.id for one in best})
    if not best:
        return None
    await judge.prepare(Split.VALIDATION)
    await judge.prepare(Split.TEST)
    judged = await asyncio.gather(
        *(_evaluation(archive, judge, finalist, Split.VALIDATION) for finalist in (*best, *records))
    )
    pairs = list(zip((*best, *records), judged, strict=True))
    won = _winner(pairs[: len(best)], pairs[len(best) :])
    if won is None:
        return None
    winner, validation = won
    with archive.reading() as connection:
        train = load_evaluation(connection, winner.id, Split.TRAIN.value)
    assert train is not None, "a finalist has been evaluated on train"
    test = await _evaluation(archive, judge, winner, Split.TEST)
    set_champion(archive, run_id, winner.id)
    return Champion(winner, {Split.TRAIN: train, Split.VALIDATION: validation, Split.TEST: test})


_Judged = tuple[RankedProgram, ScoredEvaluation]


def _spread(records: list[RankedProgram], known: set[int]) -> list[RankedProgram]:
    """As many of some programs as there may be, the latest first, without those that are known."""
    found = [one for one in records if one.id not in known]
    if len(found) > RECORDS:
        found = [found[place * (len(found) - 1) // (RECORDS - 1)] for place in range(RECORDS)]
    return found[::-1]


def _winner(best: list[_Judged], records: list[_Judged]) -> _Judged | None:
    """The best on validation of the best on train, or a record that is better by more than the margin."""
    first, earlier = _best_on_validation(best), _best_on_validation(records)
    if first is None or earlier is None:
        return first or earlier
    ahead = (earlier[1].score or 0.0) - (first[1].score or 0.0)
    return earlier if ahead > MARGIN * abs(first[1].score or 0.0) else first


def _best_on_validation(judged: list[_Judged]) -> _Judged | None:
    valid = [pair for pair in judged if pair[1].status is Status.OK and pair[1].score is not None]
    return max(valid, key=lambda pair: pair[1].score or 0.0, default=None)


async def _evaluation(
    archive: Archive, judge: Judge, program: RankedProgram, split: Split
) -> ScoredEvaluation:
    with archive.reading() as connection:
        found = load_evaluation(connection, program.id, split.value)
    if found is not None:
        return found
    fresh = await judge.evaluate(program.source, split)
    with archive.writing() as connection:
        add_evaluation(connection, program.id, fresh, judge.instance_keys(split))
    return fresh
