"""Everything that a report on a run says, gathered from the archive."""

import platform
import shlex
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import PurePath
from typing import Any

import msgspec
from sqlalchemy import Connection, func, select

from evolve import __version__
from evolve.archive.digest import run_digest
from evolve.archive.evaluations import load_evaluation
from evolve.archive.history import EVALUATED, EXTERNAL, NOTE, WAITING
from evolve.archive.models import Evaluation, Program, Proposal
from evolve.archive.reading import RankedProgram, top_programs
from evolve.archive.records import RunRecord, ScoredEvaluation
from evolve.archive.software import SoftwareRecord, read_software
from evolve.config import DEFAULT_EVALUATIONS, Budget, Resources
from evolve.loading import LoadedProblem, ProblemReference
from evolve.problem import Direction, Split, Status
from evolve.program import diff
from results.comparison import Contestant, contestants
from results.lineage import Step, lineage_of
from results.programs import leader_of
from results.spending import Spent, read_spending
from results.statistics import Difference, paired_difference
from results.subject import read_baselines, read_bounds, recorded_problem
from results.verdict import no_score, report_sentence

CHAMPION_FILE = "champion.py"
SETTINGS_FILE = "settings.toml"
MOST_REFLECTIONS = 3
TRANSCRIPT_FILE = "answers.jsonl"
_DEFAULTS: dict[str, Any] = msgspec.to_builtins(Resources())
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


class Rival(msgspec.Struct, frozen=True, kw_only=True):
    """The champion beside one baseline on test."""

    baseline: str
    difference: Difference | None
    """None where one of the two has no score there that can be believed."""


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
    rivals: list[Rival]
    """The champion beside every baseline on test; empty where there is no champion."""
    lineage: list[Step]
    """Of the champion or, where there is none, of the best program so far."""
    reflections: list[str]
    """The latest notes that models made on what works, oldest first."""
    spending: list[Spent]
    settings: str
    """What decides the course of the run, as TOML."""
    commands: list[str]
    """What makes the same run again, and checks its result."""
    versions: dict[str, str]
    """Of what writes this report."""
    software: list[SoftwareRecord]
    """What the run was made with; empty where nobody wrote that down."""
    notes: list[str]


def gather(connection: Connection, run: RunRecord, archive_option: str, folder: str | None = None) -> Report:
    """Read everything about a run.

    `archive_option` is what its commands need to find the archive; `folder` is where they find the settings
    and the champion, if these are to be written to files.
    """
    assert run.reference_id is not None, "a search run has a reference run"
    champion = _champion(connection, run)
    baselines = read_baselines(connection, run.reference_id)
    leader = None if champion else next(iter(top_programs(connection, run.id, 1)), None)
    best = leader_of(connection, run)
    loaded, notes = recorded_problem(run)
    proposals = _proposals(connection, run.id)
    evaluations = sum(int(row.get(status, 0)) for row in proposals for status in EVALUATED)
    digest = run_digest(connection, run.id)
    repeatable = run.status == "finished" and run.reason in _REPEATABLE
    if not repeatable:
        notes.append(
            "the run was not ended by a budget that a repetition meets at the same proposal,"
            " so a repetition may have another digest"
        )
    spending = read_spending(connection, run.id)
    asked = any(one.calls for one in spending)
    notes += _hindrances(run, proposals, asked=asked)
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
        rivals=[] if champion is None else _rivals(champion, baselines.get(Split.TEST, {})),
        lineage=[] if best is None else lineage_of(connection, best),
        reflections=_reflections(connection, run.id),
        spending=spending,
        settings=_repeatable_settings(run),
        commands=_commands(
            run, evaluations, champion, digest, archive_option, folder, repeatable=repeatable, asked=asked
        ),
        versions=_versions(),
        software=read_software(connection, run.id),
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


def _scores(
    connection: Connection,
    reference_id: int,
    loaded: LoadedProblem | None,
    baselines: Mapping[Split, Mapping[str, ScoredEvaluation]],
    champion: ChampionReport | None,
) -> list[Contestant]:
    bounds = {} if loaded is None else read_bounds(connection, reference_id)
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


def _rivals(champion: ChampionReport, baselines: Mapping[str, ScoredEvaluation]) -> list[Rival]:
    ours = champion.evaluations[Split.TEST]
    return [
        Rival(
            baseline=name,
            difference=paired_difference(ours.scores, theirs.scores)
            if ours.status is Status.OK and theirs.status is Status.OK
            else None,
        )
        for name, theirs in baselines.items()
    ]


def _reflections(connection: Connection, run_id: int) -> list[str]:
    rows = connection.scalars(
        select(Proposal.idea)
        .where(Proposal.run_id == run_id, Proposal.status == NOTE, Proposal.idea.is_not(None))
        .order_by(Proposal.number.desc())
        .limit(MOST_REFLECTIONS)
    )
    return [note for note in reversed(list(rows)) if note is not None]


def _hindrances(run: RunRecord, proposals: Sequence[Mapping[str, Any]], *, asked: bool) -> list[str]:
    """What keeps the commands from repeating a run."""
    notes = []
    if asked and not run.settings.get("resources", {}).get("prompt_text", True):
        notes.append("the archive keeps hashes in the place of answers, so the run cannot be repeated")
    if any(row["operator"] == EXTERNAL for row in proposals):
        notes.append(
            f"programs came from outside, which the commands do not repeat; `evolve replay {run.name}` does"
        )
    return notes


def _versions() -> dict[str, str]:
    return {
        "evolve": __version__,
        "Python": platform.python_version(),
        **{name: version(name) for name in ("numpy", "SQLAlchemy")},
    }


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
    folder: str | None,
    *,
    repeatable: bool,
    asked: bool,
) -> list[str]:
    """`asked` says whether models have answered, whose answers a repetition takes from a transcript."""
    reference = msgspec.convert(run.problem_reference, ProblemReference)
    problem = shlex.quote(reference.locator)
    files = [
        f"--instances {shlex.quote(f'{split}={file}')}"
        for split, paths in reference.instance_files.items()
        for file in paths
    ]
    budget = msgspec.convert(run.settings["budget"], Budget)
    limit = (budget.max_evaluations or DEFAULT_EVALUATIONS) if repeatable else max(1, evaluations)
    settings, source = (
        shlex.quote(str(PurePath(folder or "") / file)) for file in (SETTINGS_FILE, CHAMPION_FILE)
    )
    options = [f"--config {settings}", f"--max-evaluations {limit}", *files]
    if repeatable and budget.target is not None:
        options.append(f"--target {budget.target!r}")
    again = "--archive sqlite:///again.db"
    name = shlex.quote(run.name)
    commands = []
    if asked:
        answers = shlex.quote(str(PurePath(folder or "") / TRANSCRIPT_FILE))
        commands.append(f"evolve transcript {name} -o {answers}{archive_option}")
        options.append(f"--transcript {answers}")
    commands += [f"evolve run {problem} --name {name} {' '.join(options)} {again}"]
    commands.append(f"evolve digest {name} {again}  # {digest}")
    if champion is not None:
        if folder is None:
            commands.append(f"evolve export {champion.program[:12]} --as-is -o {source}{archive_option}")
        evaluate = [f"evolve evaluate {problem} {source} --split test", *files]
        commands.append(" ".join(evaluate) + archive_option)
    return commands


def _repeatable_settings(run: RunRecord) -> str:
    """What decides the course of a run, and how its models are reached and paid, as TOML."""
    resources = run.settings.get("resources", {})
    told = {name: value for name, value in resources.items() if value != _DEFAULTS.get(name)}
    course = {name: value for name, value in run.settings["course"].items() if value != {}}
    return "\n".join(
        f"{_key(name)} = {_toml(value)}" for name, value in (course | told).items() if value is not None
    )


def _toml(value: Any) -> str:
    """A value as TOML, which writes all but tables as JSON does; what is None is left out."""
    if not isinstance(value, Mapping):
        return _json(value)
    inner = ", ".join(f"{_key(name)} = {_toml(one)}" for name, one in value.items() if one is not None)
    return f"{{ {inner} }}"


def _key(name: str) -> str:
    return name if name.replace("_", "").isalnum() and name.isascii() else _json(name)


def _json(value: Any) -> str:
    # JSON may hold a DEL character as it is, TOML may not.
    return msgspec.json.encode(value).decode().replace("\x7f", "\\u007f")
