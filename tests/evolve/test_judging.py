import asyncio
import shutil
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import pytest

from evolve.archive.engine import open_archive
from evolve.config import Course
from evolve.errors import UserError
from evolve.judging import Judge, reference_run
from evolve.loading import LoadedProblem
from evolve.problem import InfrastructureError, Outcome, Split, Status
from evolve.racing import first_stage
from tests.support import curve
from tests.support.searches import InProcessExecutor, load_curve, source_of

COURSE = Course(operators={"constants": 1.0})
TWENTY = ("range(start, start + 3)", "range(20 * start, 20 * start + 20)")


def changed(folder: Path, *changes: tuple[str, str]) -> LoadedProblem:
    """A copy of `curve` with changes to its text."""
    shutil.copytree(curve.FOLDER, folder)
    text = (folder / "problem.py").read_text()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    (folder / "problem.py").write_text(text)
    return load_curve(folder)


def judged(
    folder: Path,
    use: Callable[[Judge, InProcessExecutor], Awaitable[None]],
    loaded: LoadedProblem | None = None,
    executor: InProcessExecutor | None = None,
) -> None:
    """Use a judge whose split train is prepared."""
    problem = loaded or load_curve()
    runner = executor or InProcessExecutor(problem)
    archive = open_archive(f"sqlite:///{folder}/archive.db")

    async def inside() -> None:
        judge = Judge(archive, problem, runner, reference_run(archive, problem))
        await judge.prepare(Split.TRAIN)
        runner.submitted.clear()
        await use(judge, runner)

    try:
        asyncio.run(inside())
    finally:
        archive.close()


def test_best_baseline_is_the_reference_and_scores_one(tmp_path: Path) -> None:
    async def use(judge: Judge, _: InProcessExecutor) -> None:
        scores = {name: one.score for name, one in judge.baselines(Split.TRAIN).items()}
        reference = judge.reference(Split.TRAIN).baseline
        assert scores[reference] == 1.0
        assert max(score or 0.0 for score in scores.values()) == 1.0

    judged(tmp_path, use)


def test_baselines_are_evaluated_once_for_an_archive(tmp_path: Path) -> None:
    asked: list[int] = []

    class Counted(InProcessExecutor):
        async def submit(self, source: str, split: Split, instances: Sequence[str]) -> list[Outcome]:
            asked.append(1)
            return await super().submit(source, split, instances)

    async def use(judge: Judge, _: InProcessExecutor) -> None:
        await judge.prepare(Split.TRAIN)

    loaded = load_curve()
    for _ in range(2):
        judged(tmp_path, use, loaded, Counted(loaded))
    assert len(asked) == len(loaded.baselines)


def test_better_program_runs_on_everything_and_in_order(tmp_path: Path) -> None:
    async def use(judge: Judge, executor: InProcessExecutor) -> None:
        names = judge.names(Split.TRAIN)
        rival = await judge.evaluate(source_of("x"), Split.TRAIN)
        executor.submitted.clear()
        found = await judge.evaluate(source_of("x * x"), Split.TRAIN, rival.scores)
        stages = [instances for _, _, instances in executor.submitted]
        assert stages[0] == first_stage(names)
        assert sorted([*stages[0], *stages[1]]) == sorted(names)
        assert len(stages) == 2
        assert tuple(one.instance for one in found.outcomes) == names
        assert found == await judge.evaluate(source_of("x * x"), Split.TRAIN)

    judged(tmp_path, use, changed(tmp_path / "problem", TWENTY))


def test_clearly_worse_program_is_stopped_after_the_first_stage(tmp_path: Path) -> None:
    async def use(judge: Judge, executor: InProcessExecutor) -> None:
        rival = await judge.evaluate(source_of("x * x"), Split.TRAIN)
        executor.submitted.clear()
        found = await judge.evaluate(source_of("x"), Split.TRAIN, rival.scores)
        assert (found.status, found.score) == (Status.STOPPED, None)
        assert [one.instance for one in found.outcomes] == list(first_stage(judge.names(Split.TRAIN)))
        assert len(executor.submitted) == 1

    judged(tmp_path, use, changed(tmp_path / "problem", TWENTY))


def test_small_split_is_not_raced_on(tmp_path: Path) -> None:
    async def use(judge: Judge, executor: InProcessExecutor) -> None:
        rival = dict.fromkeys(judge.names(Split.TRAIN), 1000.0)
        found = await judge.evaluate(source_of("x"), Split.TRAIN, rival)
        assert found.status is Status.OK
        assert len(executor.submitted) == 1

    judged(tmp_path, use)


@pytest.mark.parametrize("at", ["first", "rest"])
def test_failure_in_either_stage_is_the_status(tmp_path: Path, at: str) -> None:
    async def use(judge: Judge, _: InProcessExecutor) -> None:
        names = judge.names(Split.TRAIN)
        first = first_stage(names)
        name = first[2] if at == "first" else next(one for one in names if one not in first)
        rival = await judge.evaluate(source_of("x"), Split.TRAIN)
        source = source_of(f"1 / 0 if x == {name.removeprefix('x')} else x * x")
        found = await judge.evaluate(source, Split.TRAIN, rival.scores)
        assert (found.status, found.score) == (Status.CRASHED, None)
        assert [one.instance for one in found.outcomes if one.status is Status.CRASHED] == [name]

    judged(tmp_path, use, changed(tmp_path / "problem", TWENTY))


def test_infrastructure_is_never_held_against_a_program(tmp_path: Path) -> None:
    class Broken(InProcessExecutor):
        async def submit(self, source: str, split: Split, instances: Sequence[str]) -> list[Outcome]:
            if "return 7" in source:
                return [Outcome(instance=instances[0], status=Status.INFRASTRUCTURE, feedback="no disk")]
            return await super().submit(source, split, instances)

    async def use(judge: Judge, _: InProcessExecutor) -> None:
        with pytest.raises(InfrastructureError, match="no disk"):
            await judge.evaluate(source_of("7"), Split.TRAIN)

    loaded = load_curve()
    judged(tmp_path, use, loaded, Broken(loaded))


def test_value_of_which_no_ratio_can_be_formed_is_the_problems_mistake(tmp_path: Path) -> None:
    async def use(judge: Judge, _: InProcessExecutor) -> None:
        with pytest.raises(UserError, match=r"split train: .*positive and finite"):
            await judge.evaluate(source_of("1e400"), Split.TRAIN)

    judged(tmp_path, use, changed(tmp_path / "problem", (" or not math.isfinite(answer)", "")))


def test_no_valid_baseline_is_the_problems_mistake(tmp_path: Path) -> None:
    loaded = changed(tmp_path / "problem")
    for file in (tmp_path / "problem" / "baselines").glob("*.py"):
        file.write_text(f"def answer(x):\n    return 1 / 0  # {file.name}\n" + f"y = {len(file.name)}\n")
    loaded = load_curve(tmp_path / "problem")

    async def use(judge: Judge, _: InProcessExecutor) -> None:
        raise AssertionError("prepare has to fail")

    with pytest.raises(UserError, match="no baseline is valid"):
        judged(tmp_path, use, loaded)


def test_split_without_instances_is_the_problems_mistake(tmp_path: Path) -> None:
    async def use(judge: Judge, _: InProcessExecutor) -> None:
        raise AssertionError("prepare has to fail")

    loaded = changed(tmp_path / "problem", ("range(start, start + 3)", "range(0)"))
    with pytest.raises(UserError, match="no instances on the split train"):
        judged(tmp_path, use, loaded)
