"""Who wins a run: a champion is chosen where the search has not looked, and then put to the test.

The best programs on train are evaluated on validation, and with them some that were the best when they came,
from the seed program on: a search that fits train more and more passes on its way what holds elsewhere. The
best on validation is the champion, and it alone is evaluated on test. So a lucky fit to train does not win,
and test decides nothing.
"""

import asyncio

import msgspec
from sqlalchemy import Connection

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


class Champion(msgspec.Struct, frozen=True):
    """The winner of a run, with its evaluation on every split."""

    program: RankedProgram
    evaluations: dict[Split, ScoredEvaluation]


async def crown(archive: Archive, run_id: int, judge: Judge) -> Champion | None:
    """Choose the champion of a run, evaluate it on test and record it; None where no program has a score.

    What the archive has already is not evaluated again.
    """
    with archive.reading() as connection:
        finalists = _finalists(connection, run_id)
    if not finalists:
        return None
    await judge.prepare(Split.VALIDATION)
    await judge.prepare(Split.TEST)
    judged = await asyncio.gather(
        *(_evaluation(archive, judge, finalist, Split.VALIDATION) for finalist in finalists)
    )
    valid = [
        (finalist, found)
        for finalist, found in zip(finalists, judged, strict=True)
        if found.status is Status.OK and found.score is not None
    ]
    if not valid:
        return None
    winner, validation = max(valid, key=lambda pair: pair[1].score or 0.0)
    with archive.reading() as connection:
        train = load_evaluation(connection, winner.id, Split.TRAIN.value)
    assert train is not None, "a finalist has been evaluated on train"
    test = await _evaluation(archive, judge, winner, Split.TEST)
    set_champion(archive, run_id, winner.id)
    return Champion(winner, {Split.TRAIN: train, Split.VALIDATION: validation, Split.TEST: test})


def _finalists(connection: Connection, run_id: int) -> list[RankedProgram]:
    best = best_on_train(connection, run_id, FINALISTS)
    known = {one.id for one in best}
    records = [one for one in records_on_train(connection, run_id) if one.id not in known]
    if len(records) > RECORDS:
        records = [records[place * (len(records) - 1) // (RECORDS - 1)] for place in range(RECORDS)]
    return [*best, *reversed(records)]


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
