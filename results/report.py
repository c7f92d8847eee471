"""Everything that a report on a run says, gathered from the archive."""

import shlex
from collections.abc import Mapping
from typing import Any

import msgspec
from sqlalchemy import Connection, func, select

from evolve.archive.digest import run_digest
from evolve.archive.evaluations import baseline_programs, load_evaluation
from evolve.archive.journal import EVALUATED, WAITING
from evolve.archive.models import Evaluation, Instance, Program, Proposal
from evolve.archive.reading import RankedProgram, top_programs
from evolve.archive.records import RunRecord, ScoredEvaluation
from evolve.config import DEFAULT_EVALUATIONS
from evolve.errors import UserError
from evolve.loading import LoadedProblem, ProblemReference, load_problem
from evolve.problem import Direction, Split, Status
from evolve.program import diff
from results.comparison import Contestant, contestants
from results.statistics import Difference, paired_difference
from results.verdict import no_score, report_sentence

CHAMPION_FILE = "champion.py"
SETTINGS_FILE = "settings.toml"
_REPEATABLE = ("max_evaluations", "exhausted", "target")
"""The ends of a run that come at the same proposal whenever it is run again."""


class ChampionReport(msgspec.Struct, frozen=True, kw_only=True):
    """The program that won a run."""

    program: str
    """Its hash."""
    proposal: int
    operator: str
    parents: tuple[str, ...]
    source: str
    diff: str
    """From the run's seed program; empty if it is that."""
    evaluations: dict[Split, ScoredEvaluation]


class Test(msgspec.Struct, frozen=True, kw_only=True):
    """The champion beside the best baseline on test."""

    baseline: str
    difference: Difference | None
    """None where the champion has no score there that can be believed."""
    sentence: str


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What a run is, did and found."""

    run: RunRecord
    digest: str
    isolation: dict[str, int]
    """How many evaluations were made at each level."""
    proposals: list[dict[str, Any]]
    """For each operator, how many of its proposals have each status."""
    evaluations: int
    """How many proposals were evaluated."""
    champion: ChampionReport | None
    leader: RankedProgram | None
    """The best program so far, where there is no champion."""
    scores: list[Contestant]
    test: Test | None
    settings: str
    """What decides the course of the run, as TOML."""
    commands: list[str]
    """What makes the same run again, and checks its result."""
    notes: list[str]


def gather(connection: Connection, run: RunRecord, archive_option: str) -> Report:
    """Read everything about a run; `archive_option` is what its commands need to find the archive."""
    assert run.reference_id is not None, "a search run has a reference run"
    champion = _champion(connection, run)
    baselines = _baselines(connection, run.reference_id)
    leader = None if champion else next(iter(top_programs(connection, run.id, 1)), None)
    loaded, notes = _loaded(run)
    proposals = _proposals(connection, run.id)
    evaluations = sum(int(row.get(status, 0)) for row in proposals for status in EVALUATED)
    digest = run_digest(connection, run.id)
    repeatable = run.status == "finished" and run.reason in _REPEATABLE
    if not repeatable:
        notes.append(
            "the run was not ended by a budget that a repetition meets at the same proposal,"
            " so a repetition may have another digest"
        )
    return Report(
        run=run,
        digest=digest,
        isolation=_isolation(connection, run.id),
        proposals=proposals,
        evaluations=evaluations,
        champion=champion,
        leader=leader,
        scores=_scores(connection, run.reference_id, loaded, baselines, champion),
        test=None if champion is None else _test(champion, baselines.get(Split.TEST, {})),
        settings=_toml(run.settings["course"]),
        commands=_commands(run, evaluations, champion, digest, archive_option, repeatable=repeatable),
        notes=notes,
    )


def _champion(connection: Connection, run: RunRecord) -> ChampionReport | None:
    """The program that won when the run last ended."""
    row = connection.execute(
        select(Program.id, Program.hash, Program.source, Proposal.number, Proposal.operator, Proposal.parents)
        .join(Proposal, Proposal.program_id == Program.id)
        .where(Program.id == run.champion_id)
    ).one_or_none()
    if row is None:
        return None
    found = {split: load_evaluation(connection, row.id, split.value) for split in Split}
    return ChampionReport(
        program=row.hash,
        proposal=row.number,
        operator=row.operator,
        parents=tuple(row.parents),
        source=row.source,
        diff=diff(_seed(connection, run.id), row.source, ("seed", row.hash[:12])),
        evaluations={split: one for split, one in found.items() if one is not None},
    )


def _seed(connection: Connection, run_id: int) -> str:
    return connection.execute(
        select(Program.source)
        .join(Proposal, Proposal.program_id == Program.id)
        .where(Proposal.run_id == run_id, Proposal.number == 0)
    ).scalar_one()


def _baselines(connection: Connection, reference_id: int) -> dict[Split, dict[str, ScoredEvaluation]]:
    keys = baseline_programs(connection, reference_id)
    found: dict[Split, dict[str, ScoredEvaluation]] = {}
    for split in Split:
        for name, key in keys.items():
            evaluation = load_evaluation(connection, key, split.value)
            if evaluation is not None:
                found.setdefault(split, {})[name] = evaluation
    return found


def _loaded(run: RunRecord) -> tuple[LoadedProblem | None, list[str]]:
    """The problem as it is now, and what a reader has to know where that is not the problem of the run."""
    try:
        loaded = load_problem(msgspec.convert(run.problem_reference, ProblemReference))
    except UserError as error:
        return None, [f"the problem cannot be loaded here ({error}), so gaps to bounds are left out"]
    if loaded.version != run.problem_version:
        return loaded, [
            f"the problem is of version {loaded.version} now and was {run.problem_version} in this run;"
            " the commands below make another run"
        ]
    return loaded, []


def _scores(
    connection: Connection,
    reference_id: int,
    loaded: LoadedProblem | None,
    baselines: Mapping[Split, Mapping[str, ScoredEvaluation]],
    champion: ChampionReport | None,
) -> list[Contestant]:
    bounds: dict[str, float] = {}
    if loaded is not None:
        rows = connection.execute(
            select(Instance.name, Instance.bound).where(
                Instance.run_id == reference_id, Instance.bound.is_not(None)
            )
        )
        bounds = {row.name: row.bound for row in rows}
    evolved = None if champion is None else champion.evaluations
    # Without bounds the direction decides nothing.
    direction = Direction.MINIMISE if loaded is None else loaded.problem.objective.direction
    return contestants(baselines, evolved, bounds, direction)


def _test(champion: ChampionReport, baselines: Mapping[str, ScoredEvaluation]) -> Test | None:
    valid = {
        name: one for name, one in baselines.items() if one.status is Status.OK and one.score is not None
    }
    evaluation = champion.evaluations[Split.TEST]
    if not valid:
        return None
    best = max(valid, key=lambda name: valid[name].score or 0.0)
    if evaluation.status is not Status.OK:
        reason = no_score("it", evaluation)
        return Test(
            baseline=best,
            difference=None,
            sentence=f"Nothing can be said of the champion on test: {reason}.",
        )
    difference = paired_difference(evaluation.scores, valid[best].scores)
    return Test(baseline=best, difference=difference, sentence=report_sentence(difference, best, "test"))


def _isolation(connection: Connection, run_id: int) -> dict[str, int]:
    rows = connection.execute(
        select(Evaluation.isolation, func.count())
        .join(Program, Program.id == Evaluation.program_id)
        .where(Program.run_id == run_id)
        .group_by(Evaluation.isolation)
        .order_by(Evaluation.isolation)
    )
    return {level: count for level, count in rows}  # noqa: C416 - rows are not tuples to the type checker


def _proposals(connection: Connection, run_id: int) -> list[dict[str, Any]]:
    rows = connection.execute(
        select(Proposal.operator, Proposal.status, func.count())
        .where(Proposal.run_id == run_id, Proposal.status != WAITING)
        .group_by(Proposal.operator, Proposal.status)
        .order_by(Proposal.operator, Proposal.status)
    )
    table: dict[str, dict[str, Any]] = {}
    for operator, status, count in rows:
        table.setdefault(operator, {"operator": operator, "proposals": 0})
        table[operator][status] = count
        table[operator]["proposals"] += count
    return list(table.values())


def _commands(
    run: RunRecord,
    evaluations: int,
    champion: ChampionReport | None,
    digest: str,
    archive_option: str,
    *,
    repeatable: bool,
) -> list[str]:
    reference = msgspec.convert(run.problem_reference, ProblemReference)
    problem = shlex.quote(reference.locator)
    files = [
        f"--instances {shlex.quote(f'{split}={file}')}"
        for split, paths in reference.instance_files.items()
        for file in paths
    ]
    budget = run.settings["budget"]
    limit = (budget["max_evaluations"] or DEFAULT_EVALUATIONS) if repeatable else max(1, evaluations)
    options = [f"--config {SETTINGS_FILE}", f"--max-evaluations {limit}", *files]
    if repeatable and budget["target"] is not None:
        options.append(f"--target {budget['target']!r}")
    again = "--archive sqlite:///again.db"
    name = shlex.quote(run.name)
    commands = [f"evolve run {problem} --name {name} {' '.join(options)} {again}"]
    commands.append(f"evolve digest {name} {again}  # {digest}")
    if champion is not None:
        commands.append(f"evolve export {champion.program[:12]} -o {CHAMPION_FILE}{archive_option}")
        evaluate = [f"evolve evaluate {problem} {CHAMPION_FILE} --split test", *files]
        commands.append(" ".join(evaluate) + archive_option)
    return commands


def _toml(values: Mapping[str, Any]) -> str:
    """Settings as TOML, which writes these values as JSON does."""
    lines = []
    for name, value in values.items():
        if isinstance(value, Mapping):
            inner = ", ".join(f"{_json(key)} = {_json(one)}" for key, one in value.items())
            lines.append(f"{name} = {{ {inner} }}")
        elif value is not None:
            lines.append(f"{name} = {_json(value)}")
    return "\n".join(lines)


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()
