"""`evolve compare`: the paired difference between two programs, with a confidence interval."""

import asyncio
import math
from typing import Any

import click
import msgspec

from evolve.archive.engine import Archive
from evolve.archive.records import ScoredEvaluation
from evolve.cli.options import format_option, instances_option, loaded_problem, opened, split_option
from evolve.cli.output import print_json, print_rows, print_table
from evolve.config import Resources, make_settings
from evolve.judging import Judge, reference_run
from evolve.loading import LoadedProblem
from evolve.problem import Split, Status
from evolve.running import start_executor
from results.contenders import Contender, evaluation_of, find_contender
from results.statistics import DEFAULT_LEVEL, Difference, paired_difference
from results.timing import TimeRatio, measure_pairs, time_ratio, time_sentence
from results.verdict import no_score, sentence, verdict_of

COLUMNS = ("instance", "first_status", "second_status", "first_value", "second_value", "ratio")
SHOWN = 10
"""How many instances a table has at either end."""


class Question(msgspec.Struct, frozen=True):
    """What is asked."""

    loaded: LoadedProblem
    contenders: tuple[Contender, Contender]
    split: Split
    level: float
    """Per cent."""
    timed: bool


class Answer(msgspec.Struct, frozen=True):
    """What was found out about the two, in the order in which they were named."""

    evaluations: tuple[ScoredEvaluation, ScoredEvaluation]
    difference: Difference | None
    """None where one of the two has no score on the split that can be believed."""
    time: TimeRatio | None


@click.command("compare")
@click.argument("problem")
@click.argument("first", metavar="A")
@click.argument("second", metavar="B")
@split_option
@instances_option
@click.option(
    "--level",
    type=click.FloatRange(50.0, 99.9),
    default=DEFAULT_LEVEL,
    show_default=True,
    metavar="PER_CENT",
    help="How sure the intervals are to be.",
)
@click.option("--time", "timed", is_flag=True, help="Measure CPU time too, both programs in turn.")
@click.option("--archive", metavar="URL", help="Where programs and baselines' evaluations are kept.")
@click.option("--min-isolation", metavar="LEVEL", help="Refuse to run programs in a weaker sandbox.")
@format_option
def command(
    problem: str,
    first: str,
    second: str,
    split: str,
    instance_files: tuple[str, ...],
    level: float,
    timed: bool,
    archive: str | None,
    min_isolation: str | None,
    format_: str,
) -> None:
    """Say how much better program A is than B on PROBLEM, and how sure that is.

    A and B are files, folders, baselines' names, or starts of hashes of programs in the archive. Evaluations
    that the archive has are used; files and folders are evaluated at every call.
    """
    loaded = loaded_problem(problem, instance_files, split)
    given = {"archive": archive, "min_isolation": min_isolation, "workers": 1}
    resources = make_settings(given).resources
    with opened(resources.archive, create=True) as source:
        contenders = find_contender(source, loaded, first), find_contender(source, loaded, second)
        question = Question(loaded, contenders, Split(split), level, timed)
        answer = asyncio.run(_compare(source, question, resources))
    rows = _rows(answer)
    if format_ == "json":
        print_json(_as_json(question, answer, rows))
    elif format_ == "csv":
        print_rows(rows, format_, COLUMNS)
    else:
        _print(question, answer, rows)


async def _compare(archive: Archive, question: Question, resources: Resources) -> Answer:
    loaded, split = question.loaded, question.split
    first, second = question.contenders
    executor = await start_executor(loaded, resources)
    try:
        judge = Judge(archive, loaded, executor, reference_run(archive, loaded))
        await judge.prepare(split)
        evaluations = (
            await evaluation_of(archive, loaded, judge, first, split),
            await evaluation_of(archive, loaded, judge, second, split),
        )
        if any(one.status is not Status.OK for one in evaluations):
            return Answer(evaluations, None, None)
        difference = paired_difference(evaluations[0].scores, evaluations[1].scores, question.level)
        if not question.timed:
            return Answer(evaluations, difference, None)
        sources = first.program.source, second.program.source
        names = judge.names(split)
        sample = await measure_pairs(
            executor, sources, loaded.problem, split, question.level, instances=names
        )
        return Answer(evaluations, difference, time_ratio(sample, question.level))
    finally:
        await executor.close()


def _rows(answer: Answer) -> list[dict[str, Any]]:
    """One row for each instance, those where the first program is best first; failures before all."""
    first, second = answer.evaluations
    outcomes = [{one.instance: one for one in evaluation.outcomes} for evaluation in answer.evaluations]
    rows = []
    for name in {**outcomes[0], **outcomes[1]}:
        one, other = outcomes[0].get(name), outcomes[1].get(name)
        scores = first.scores.get(name), second.scores.get(name)
        rows.append(
            {
                "instance": name,
                "first_status": None if one is None else one.status.value,
                "second_status": None if other is None else other.status.value,
                "first_value": None if one is None else one.value,
                "second_value": None if other is None else other.value,
                "ratio": None if scores[0] is None or scores[1] is None else scores[0] / scores[1],
            }
        )
    return sorted(rows, key=_merit, reverse=True)


def _merit(row: dict[str, Any]) -> float:
    return math.inf if row["ratio"] is None else row["ratio"]


def _as_json(question: Question, answer: Answer, rows: list[dict[str, Any]]) -> dict[str, Any]:
    difference = answer.difference
    found: dict[str, Any] = {
        "problem": question.loaded.name,
        "split": question.split.value,
        "level": question.level,
        "first": _program_json(question.contenders[0], answer.evaluations[0]),
        "second": _program_json(question.contenders[1], answer.evaluations[1]),
        "verdict": None if difference is None else verdict_of(difference).value,
        "sentence": _sentence(question, answer),
        "ratio": None,
        "interval": None,
    }
    if difference is not None:
        found |= msgspec.to_builtins(difference)
    found["instances"] = rows
    found["time"] = None if answer.time is None else msgspec.to_builtins(answer.time)
    return found


def _program_json(contender: Contender, evaluation: ScoredEvaluation) -> dict[str, Any]:
    return {
        "name": contender.name,
        "program": contender.program.id,
        "status": evaluation.status.value,
        "score": evaluation.score,
        "cpu_seconds": evaluation.cpu_seconds,
    }


def _sentence(question: Question, answer: Answer) -> str:
    first, second = (one.name for one in question.contenders)
    if answer.difference is not None:
        return sentence(answer.difference, first, second, question.split.value)
    reasons = [
        no_score(contender.name, evaluation)
        for contender, evaluation in zip(question.contenders, answer.evaluations, strict=True)
        if evaluation.status is not Status.OK
    ]
    return f"no comparison on {question.split.value}: {'; '.join(dict.fromkeys(reasons))}"


def _print(question: Question, answer: Answer, rows: list[dict[str, Any]]) -> None:
    first, second = question.contenders
    click.echo(_sentence(question, answer))
    if answer.time is not None:
        click.echo(time_sentence(answer.time, first.name, second.name, question.split.value))
    if question.split is not Split.TEST and (first.archived or second.archived):
        click.echo(
            "programs of a run are selected by their scores on train and validation, so those flatter them;"
            " --split test does not"
        )
    click.echo(f"\nA: {first.name}, B: {second.name}; ratio above 1: A is better")
    if len(rows) <= 2 * SHOWN:
        print_table(rows, COLUMNS)
        return
    print_table([*rows[:SHOWN], {"instance": "..."}, *rows[-SHOWN:]], COLUMNS)
    click.echo(f"{len(rows) - 2 * SHOWN} instances in between are left out; --format csv has all")
