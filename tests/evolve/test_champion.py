import asyncio
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import text

from evolve.archive.engine import open_archive
from evolve.archive.evaluations import add_evaluation, add_program
from evolve.champion import FINALISTS, RECORDS, Champion, crown
from evolve.config import Budget, Course
from evolve.loading import LoadedProblem
from evolve.operators.base import Draft, Request, Role
from evolve.problem import Outcome, Split, Status
from evolve.program import Program
from tests.support.searches import InProcessExecutor, Search, load_curve, opened_search, source_of

COURSE = Course(operators={"constants": 1.0})
SOUND = 9


async def add(search: Search, expression: str) -> str:
    """Put a program with its evaluation on train into the run; its hash."""
    program = Program.parse(source_of(expression))
    evaluation = await search.judge.evaluate(program.source, Split.TRAIN)
    with search.archive.writing() as connection:
        key = add_program(connection, search.run.id, program)
        add_evaluation(connection, key, evaluation, search.judge.instance_keys(Split.TRAIN))
    return program.id


def crowned(
    folder: Path, *expressions: str, loaded: LoadedProblem | None = None, times: int = 1
) -> tuple[Champion | None, list[str], InProcessExecutor]:
    """The champion among programs, their hashes, and the executor with what it was asked."""
    problem = loaded or load_curve()
    executor = InProcessExecutor(problem)

    async def inside() -> tuple[Champion | None, list[str], InProcessExecutor]:
        with opened_search(f"sqlite:///{folder}/archive.db", executor, problem, COURSE) as search:
            await search.judge.prepare(Split.TRAIN)
            hashes = [await add(search, one) for one in expressions]
            executor.submitted.clear()
            for _ in range(times):
                champion = await crown(search.archive, search.run.id, search.judge)
            return champion, hashes, executor

    return asyncio.run(inside())


def test_best_on_validation_wins_and_not_the_best_on_train(tmp_path: Path) -> None:
    # On train x is 1 to 3, on validation 5 to 7: the second fits train exactly, and nothing else.
    lucky = "x * x + 3 if x < 4 else 0"
    champion, hashes, _ = crowned(tmp_path, "x * x + 2.9", lucky)
    assert champion is not None
    assert champion.program.hash == hashes[0]
    assert list(champion.evaluations) == [Split.TRAIN, Split.VALIDATION, Split.TEST]
    assert all(one.score is not None for one in champion.evaluations.values())


def test_of_equals_on_validation_the_better_on_train_wins(tmp_path: Path) -> None:
    champion, hashes, _ = crowned(tmp_path, "x * x + 2 if x < 4 else 30", "x * x + 3 if x < 4 else 30")
    assert champion is not None
    assert champion.program.hash == hashes[1]


def test_of_equals_everywhere_the_shorter_wins_and_then_the_earlier(tmp_path: Path) -> None:
    champion, hashes, _ = crowned(tmp_path, "x * x + 1 + 1", "x * x + 2", "2 + x * x")
    assert champion is not None
    assert champion.program.hash == hashes[1]


def test_only_the_best_few_see_validation_and_one_sees_test(tmp_path: Path) -> None:
    _, _, executor = crowned(tmp_path, *(f"x * x + {3 + n / 8}" for n in range(FINALISTS + 4)))
    baselines = len(load_curve().baselines)
    splits = [split for _, split, _ in executor.submitted]
    assert splits.count(Split.VALIDATION) == FINALISTS + baselines
    assert splits.count(Split.TEST) == 1 + baselines
    assert splits.count(Split.TRAIN) == 0


class Rising:
    """An operator whose children are better and better on train, but only the first `SOUND` elsewhere too."""

    name = "constants"
    role = Role.ORDINARY
    needs_model = False

    async def propose(self, request: Request) -> Draft:
        value = f"x * x + {3.0 - 2.9 / request.number:.4f}"
        return Draft(source_of(value if request.number <= SOUND else f"{value} if x < 4 else 0"))


def test_one_that_was_the_best_once_may_win(tmp_path: Path) -> None:
    loaded = load_curve()
    executor = InProcessExecutor(loaded)
    budget = Budget(max_evaluations=FINALISTS + 3 * RECORDS)

    async def inside() -> Champion | None:
        with opened_search(f"sqlite:///{tmp_path}/archive.db", executor, loaded, COURSE) as search:
            await search.judge.prepare(Split.TRAIN)
            await search.controller([Rising()], COURSE, budget).run()
            return await crown(search.archive, search.run.id, search.judge)

    champion = asyncio.run(inside())
    assert champion is not None
    assert champion.program.number in range(1, SOUND + 1)
    splits = [split for _, split, _ in executor.submitted]
    assert splits.count(Split.VALIDATION) == FINALISTS + RECORDS + len(loaded.baselines)


def test_what_was_evaluated_is_not_evaluated_again(tmp_path: Path) -> None:
    once = crowned(tmp_path, "x * x + 1", "x + 1")
    (tmp_path / "again").mkdir()
    twice = crowned(tmp_path / "again", "x * x + 1", "x + 1", times=2)
    assert once[0] is not None
    assert twice[0] is not None
    assert once[0].program.hash == twice[0].program.hash
    assert {split: one.scores for split, one in once[0].evaluations.items()} == {
        split: one.scores for split, one in twice[0].evaluations.items()
    }
    assert len(once[2].submitted) == len(twice[2].submitted)


def test_nobody_with_a_score_nobody_wins(tmp_path: Path) -> None:
    champion, _, executor = crowned(tmp_path, "1 / 0", "'text'")
    assert champion is None
    assert executor.submitted == []


def test_nobody_is_valid_on_validation(tmp_path: Path) -> None:
    champion, _, executor = crowned(tmp_path, "x if x < 4 else 1 / 0")
    assert champion is None
    assert Split.TEST not in [split for source, split, _ in executor.submitted if "1 / 0" in source]


def test_suspect_is_no_finalist(tmp_path: Path) -> None:
    loaded = load_curve()
    executor = SuspectExecutor(loaded)

    async def inside() -> Champion | None:
        with opened_search(f"sqlite:///{tmp_path}/archive.db", executor, loaded, COURSE) as search:
            await search.judge.prepare(Split.TRAIN)
            await add(search, "x * x + 3")
            honest = await add(search, "x * x + 1")
            with search.archive.reading() as connection:
                statuses = connection.execute(text("SELECT DISTINCT status FROM evaluation")).scalars().all()
            assert set(statuses) == {"ok", "suspect"}
            champion = await crown(search.archive, search.run.id, search.judge)
            assert champion is not None
            assert champion.program.hash == honest
            return champion

    asyncio.run(inside())


class SuspectExecutor(InProcessExecutor):
    """Takes whatever is too good for a bound that it has beaten, as the real executors do."""

    async def submit(self, source: str, split: Split, instances: Sequence[str]) -> list[Outcome]:
        outcomes = await super().submit(source, split, instances)
        return [
            msgspec.structs.replace(one, status=Status.SUSPECT)
            if one.value is not None and one.value < 1.5
            else one
            for one in outcomes
        ]


@pytest.mark.parametrize("status", [Status.CRASHED, Status.INVALID])
def test_finalist_that_fails_on_validation_keeps_its_status(tmp_path: Path, status: Status) -> None:
    fails = "x * x + 3 if x < 4 else " + ("1 / 0" if status is Status.CRASHED else "'text'")
    champion, hashes, _ = crowned(tmp_path, fails, "x * x")
    assert champion is not None
    assert champion.program.hash == hashes[1]
    archive = open_archive(f"sqlite:///{tmp_path}/archive.db")
    with archive.reading() as connection:
        found = connection.execute(
            text(
                "SELECT status FROM evaluation JOIN program ON program.id = program_id"
                " WHERE hash = :hash AND split = 'validation'"
            ),
            {"hash": hashes[0]},
        ).scalar_one()
    archive.close()
    assert found == status.value
