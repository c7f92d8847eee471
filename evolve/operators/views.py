"""What a prompt tells of a request: programs with what they did, what was tried, what was learnt.

Templates see these structures and nothing else, so that no template can reach a run's state.
"""

from collections.abc import Sequence

import msgspec

from evolve.operators.base import Background, Brief, InstanceBrief, ParentProgram, Request, Tried
from evolve.problem import Direction, Outcome, Status
from evolve.program import files, is_bundle
from evolve.prompting.fences import one_line, shortened

MAX_ROWS = 40
"""How many instances a table shows before anything has to be cut; of more, the worst and the best."""
MAX_CASES = 4
"""How many instances are shown with their feedback."""
MAX_FEEDBACK = 1200
"""Characters of one feedback."""
MAX_NAME = 60
"""Characters of an instance's name."""
MAX_NOTE = 2500
"""Characters of a note, here and where it is made."""
MAX_REJECTION = 2500
"""Characters of the reason for which an answer was refused."""
MAX_AHEAD = 3
"""On how many instances a program is said to be ahead of the parent."""
NO_ANSWER = "no answer: "
"""How reasons begin for which a model cannot do anything, so that it is not told of them."""


class Row(msgspec.Struct, frozen=True):
    """What a program did on an instance, beside what can be done. Empty strings where there is nothing."""

    instance: str
    value: str
    reference: str
    bound: str
    score: str
    score_at_bound: str


class Case(msgspec.Struct, frozen=True):
    """An instance of which there is something to say."""

    instance: str
    status: str
    score: str
    feedback: str


class Shown(msgspec.Struct, frozen=True):
    """A program as a prompt shows it."""

    name: str
    source: str
    score: str
    """'1.0312', or 'none: it crashed'."""
    ahead: str = ""
    """Where it does better than the parent, in a line."""


class Matrix(msgspec.Struct, frozen=True):
    """Scores of several programs, side by side."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    """Each the name of an instance, then the scores."""


class Content(msgspec.Struct, frozen=True, kw_only=True):
    """All that a prompt tells beside the problem; `evolve.operators.asking` says what may be cut from it."""

    parent: Shown
    rows: tuple[Row, ...] = ()
    """Of the parent, the worst first."""
    rows_left_out: int = 0
    has_bounds: bool = False
    cases: tuple[Case, ...] = ()
    """Of the parent: failures, then the worst instances that have a feedback."""
    others: tuple[Shown, ...] = ()
    """Programs that the task is about too, such as the other parent."""
    inspirations: tuple[Shown, ...] = ()
    matrix: Matrix | None = None
    tried: tuple[str, ...] = ()
    note: str = ""
    rejections: tuple[str, ...] = ()
    """Why the answers before this one were refused, the latest last."""
    files: tuple[str, ...] = ()
    """The names of the program's files; none where it is a single one without a name."""
    has_markers: bool = True


def content_of(
    request: Request,
    *,
    others: Sequence[ParentProgram] = (),
    tried: int = 0,
    tried_by: str = "",
    with_matrix: bool = False,
) -> Content:
    """All that a prompt can tell of a request.

    Args:
        request: What is asked for.
        others: Programs that the task is about beside the first parent.
        tried: How many earlier attempts to tell of.
        tried_by: An operator of whose attempts as many are told beside the latest ones.
        with_matrix: Whether the programs' scores are told side by side.
    """
    parent = request.parents[0]
    background = request.background
    taken = {parent.id, *(other.id for other in others)}
    lenders = [one for one in (*request.parents[1:], *request.inspirations) if one.id not in taken]
    unique = list({one.id: one for one in lenders}.values())
    rows = rows_of(parent, request.brief)
    source = parent.source
    return Content(
        parent=shown(parent, parent, "A" if others else "the program"),
        rows=rows if len(rows) <= MAX_ROWS else extremes(rows, MAX_ROWS),
        rows_left_out=max(0, len(rows) - MAX_ROWS),
        has_bounds=any(row.bound for row in rows),
        cases=cases_of(parent),
        others=tuple(
            shown(one, parent, f"Program {letter}") for one, letter in zip(others, "BCDEFGH", strict=False)
        ),
        inspirations=tuple(shown(one, parent, f"Program {at}") for at, one in enumerate(unique, 1)),
        matrix=_matrix((parent, *others), request.brief) if with_matrix and others else None,
        tried=_attempts(background, tried, tried_by) if background is not None and tried else (),
        note=shortened(background.note() or "", MAX_NOTE) if background is not None else "",
        rejections=tuple(
            shortened(reason, MAX_REJECTION)
            for reason in request.rejections
            if not reason.startswith(NO_ANSWER)
        ),
        files=tuple(file.name for file in files(source)) if is_bundle(source) else (),
        has_markers="EVOLVE-BLOCK-START" in source,
    )


def shown(program: ParentProgram, parent: ParentProgram, name: str) -> Shown:
    """A program as a prompt shows it beside a parent."""
    if program is parent:
        return Shown(name, program.source, score_text(program))
    label = f"{name}, the published {program.baseline}" if program.baseline else name
    ahead = _ahead(program, parent)
    return Shown(label, program.source, score_text(program), ahead)


def score_text(program: ParentProgram) -> str:
    """A program's score, or why it has none."""
    if program.score is not None:
        return f"{program.score:.4f}"
    failed = next((one.status for one in program.outcomes if one.status is not Status.OK), None)
    return f"none ({failed.value})" if failed is not None else "none"


def rows_of(program: ParentProgram, brief: Brief) -> tuple[Row, ...]:
    """What a program did on each train instance on which it has a score, the worst first."""
    values = {outcome.instance: outcome.value for outcome in program.outcomes}
    known = [instance for instance in brief.instances if instance.name in program.scores]
    ranked = sorted(known, key=lambda instance: (program.scores[instance.name], instance.name))
    return tuple(_row(instance, program, values, brief.objective.direction) for instance in ranked)


def cases_of(program: ParentProgram) -> tuple[Case, ...]:
    """The outcomes that failed, and the worst others, as far as they have a feedback."""
    failed = [one for one in program.outcomes if one.status is not Status.OK]
    others = [one for one in program.outcomes if one.status is Status.OK and one.feedback]
    others.sort(key=lambda one: (program.scores.get(one.instance, 0.0), one.instance))
    chosen = [*failed[:MAX_CASES], *others[: max(0, MAX_CASES - len(failed))]]
    return tuple(_case(outcome, program) for outcome in chosen)


def told(tried: Tried) -> str:
    """An earlier attempt in a line."""
    who = f"#{tried.number} {tried.operator}"
    if tried.score is None:
        came = tried.status
    elif tried.parent_score is None:
        came = f"{tried.score:.4f}"
    else:
        percent = 100.0 * (tried.score / tried.parent_score - 1.0) if tried.parent_score else 0.0
        came = f"{tried.score:.4f}, {percent:+.2f} % against its parent"
    return f"{who}: {one_line(tried.idea, 300)} -> {came}"


def _attempts(background: Background, count: int, operator: str) -> tuple[str, ...]:
    latest = background.tried(count)
    own = background.tried(count, operator) if operator else ()
    by_number = {one.number: one for one in (*own, *latest) if one.status != "note"}
    return tuple(told(by_number[number]) for number in sorted(by_number))


def _name(instance: str) -> str:
    """The name of an instance, which may come from a user's file, as it can stand anywhere in a prompt."""
    return one_line(instance, MAX_NAME).replace("|", "/").replace("`", "'")


def _row(
    instance: InstanceBrief, program: ParentProgram, values: dict[str, float | None], direction: Direction
) -> Row:
    value, bound, reference = values.get(instance.name), instance.bound, instance.reference
    ratio = None
    if bound and reference:
        ratio = reference / bound if direction is Direction.MINIMISE else bound / reference
    return Row(
        instance=_name(instance.name),
        value="" if value is None else f"{value:.6g}",
        reference=f"{reference:.6g}",
        bound="" if bound is None else f"{bound:.6g}",
        score=f"{program.scores[instance.name]:.4f}",
        score_at_bound="" if ratio is None else f"{ratio:.4f}",
    )


def _case(outcome: Outcome, program: ParentProgram) -> Case:
    score = program.scores.get(outcome.instance)
    return Case(
        instance=_name(outcome.instance),
        status=outcome.status.value,
        score="" if score is None else f"{score:.4f}",
        feedback=shortened(outcome.feedback, MAX_FEEDBACK),
    )


def extremes(rows: Sequence[Row], count: int) -> tuple[Row, ...]:
    """Of many rows, the worst two thirds of `count`, and the rest of it from the best."""
    worst = (2 * count + 2) // 3
    return (*rows[:worst], *rows[len(rows) - (count - worst) :])


def _ahead(program: ParentProgram, parent: ParentProgram) -> str:
    """Where a program does better than the parent: by how much, and on which instances."""
    common = [name for name in parent.scores if name in program.scores]
    gains = {
        name: program.scores[name] / parent.scores[name] - 1.0 for name in common if parent.scores[name] > 0
    }
    best = sorted((name for name in gains if gains[name] > 1e-9), key=lambda name: (-gains[name], name))
    if not best:
        return ""
    where = ", ".join(f"{_name(name)} (+{100 * gains[name]:.1f} %)" for name in best[:MAX_AHEAD])
    return f"better on {len(best)} of {len(common)} instances, most on {where}"


def _matrix(programs: Sequence[ParentProgram], brief: Brief) -> Matrix:
    names = [
        instance.name for instance in brief.instances if any(instance.name in one.scores for one in programs)
    ]
    rows = tuple(
        (
            _name(name),
            *(f"{one.scores[name]:.4f}" if name in one.scores else "" for one in programs),
        )
        for name in names[:MAX_ROWS]
    )
    return Matrix(tuple("ABCDEFGH"[: len(programs)]), rows)
