"""What people and the end of a run read: ranked programs, one program, its ancestors."""

from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, Select, and_, func, or_, select, true
from sqlalchemy.orm import aliased

from evolve.archive.models import Evaluation, Program, Proposal, Run
from evolve.errors import UserError
from evolve.problem import Split, Status

_TRAIN = aliased(Evaluation, name="train")
_VALIDATION = aliased(Evaluation, name="validation")
_TEST = aliased(Evaluation, name="test")


class RankedProgram(msgspec.Struct, frozen=True):
    """A program with its scores on each split; None where it has none."""

    id: int
    run: str
    problem: str
    hash: str
    number: int | None
    """The proposal that made it; None for a baseline."""
    operator: str | None
    parents: tuple[str, ...]
    baseline: str | None
    source: str
    status: str | None
    """Of its evaluation on train."""
    train: float | None
    validation: float | None
    test: float | None

    @property
    def score(self) -> float | None:
        """The score by which programs are ranked: on validation where it exists, else on train."""
        return self.train if self.validation is None else self.validation


def best_on_train(connection: Connection, run_id: int, count: int) -> list[RankedProgram]:
    """The best programs of a run on train; of equals the shorter, then the earlier one."""
    rows = connection.execute(
        _programs()
        .where(Program.run_id == run_id, _TRAIN.status == Status.OK.value)
        .order_by(_TRAIN.score.desc(), func.length(Program.source), Program.id)
        .limit(count)
    )
    return [_ranked(row) for row in rows]


def records_on_train(connection: Connection, run_id: int) -> list[RankedProgram]:
    """The programs of a run that were better on train than all proposals before theirs, earliest first."""
    before = func.max(_TRAIN.score).over(order_by=Proposal.number, rows=(None, -1))
    scored = (
        select(Program.id, _TRAIN.score, before.label("before"))
        .join(Proposal, Proposal.program_id == Program.id)
        .join(_TRAIN, and_(_TRAIN.program_id == Program.id, _TRAIN.split == Split.TRAIN.value))
        .where(Program.run_id == run_id, _TRAIN.status == Status.OK.value)
        .subquery()
    )
    records = select(scored.c.id).where(or_(scored.c.before.is_(None), scored.c.score > scored.c.before))
    rows = connection.execute(_programs().where(Program.id.in_(records)).order_by(Proposal.number))
    return [_ranked(row) for row in rows]


def top_programs(connection: Connection, run_id: int, count: int) -> list[RankedProgram]:
    """The best programs of a run: those with a score on validation by that, then the others by train."""
    rows = connection.execute(
        _programs()
        .where(
            Program.run_id == run_id,
            _TRAIN.status == Status.OK.value,
            _as_good_as(connection, run_id, count),
        )
        .order_by(
            _VALIDATION.score.is_(None),
            _VALIDATION.score.desc(),
            _TRAIN.score.desc(),
            func.length(Program.source),
            Program.id,
        )
        .limit(count)
    )
    return [_ranked(row) for row in rows]


def _as_good_as(connection: Connection, run_id: int, count: int) -> ColumnElement[bool]:
    """What holds of the `count` best of a run, and of few others.

    It spares the comparison of all programs' lengths. The sum keeps the database from looking for the run's
    programs first, which are many, when it can take the best evaluations first.
    """
    of_run = Program.run_id + 0 == run_id

    def threshold(split: Split, place: int) -> float | None:
        return connection.scalar(
            select(Evaluation.score)
            .join(Program, Program.id == Evaluation.program_id)
            .join(_TRAIN, and_(_TRAIN.program_id == Program.id, _TRAIN.split == Split.TRAIN.value))
            .where(
                of_run,
                _TRAIN.status == Status.OK.value,
                Evaluation.split == split.value,
                Evaluation.status == Status.OK.value,
                Evaluation.score.is_not(None),
            )
            .order_by(Evaluation.score.desc())
            .offset(place)
            .limit(1)
        )

    validated = threshold(Split.VALIDATION, count - 1)
    if validated is not None:
        return _VALIDATION.score >= validated
    trained = threshold(Split.TRAIN, count - 1)
    return true() if trained is None else or_(_VALIDATION.score.is_not(None), _TRAIN.score >= trained)


def find_program(connection: Connection, start: str) -> RankedProgram:
    """The program whose hash starts with `start`, or the baseline of that name, in whichever run.

    Raises:
        UserError: None fits, or several different ones do.
    """
    wanted = start.lower()
    is_baseline = _is_baseline(connection, start)
    if len(wanted) < 4 and not is_baseline:
        raise UserError(f"'{start}' is too short for a program; give at least 4 digits of its hash")
    fits = Program.baseline == start if is_baseline else Program.hash.between(wanted, wanted + "g")
    rows = connection.execute(_programs().where(fits).order_by(Program.id.desc()).limit(100))
    found = [_ranked(row) for row in rows]
    if not found:
        raise UserError(f"no program in the archive starts with '{start}'; `evolve top` lists the best")
    hashes = list(dict.fromkeys(one.hash for one in found))
    if len(hashes) > 1:
        raise UserError(f"'{start}' fits several programs: {', '.join(one[:12] for one in hashes[:5])}")
    return found[0]


def _is_baseline(connection: Connection, name: str) -> bool:
    return connection.scalar(select(Program.id).where(Program.baseline == name).limit(1)) is not None


def _programs() -> Select[Any]:
    def on(evaluation: Any, split: Split) -> Any:
        return and_(evaluation.program_id == Program.id, evaluation.split == split.value)

    return (
        select(
            Program.id,
            Run.name.label("run"),
            Run.problem,
            Program.hash,
            Proposal.number,
            Proposal.operator,
            Proposal.parents,
            Program.baseline,
            Program.source,
            _TRAIN.status,
            _TRAIN.score.label("train"),
            _VALIDATION.score.label("validation"),
            _TEST.score.label("test"),
        )
        .join(Run, Run.id == Program.run_id)
        .outerjoin(Proposal, Proposal.program_id == Program.id)
        .outerjoin(_TRAIN, on(_TRAIN, Split.TRAIN))
        .outerjoin(_VALIDATION, on(_VALIDATION, Split.VALIDATION))
        .outerjoin(_TEST, on(_TEST, Split.TEST))
    )


def _ranked(row: Any) -> RankedProgram:
    fields = dict(row._mapping)
    fields["parents"] = tuple(fields["parents"] or ())
    return RankedProgram(**fields)
