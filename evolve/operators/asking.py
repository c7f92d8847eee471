"""Puts a request to a model: assembles the prompt, cuts it so that it fits, and takes the answer.

A prompt is two messages. The first is the same for all proposals of a run, so that providers can keep it
cached: the problem, what counts, and what is data. The second is the operator's own.

What does not fit is cut in this order, the least valuable first:

1. Inspirations after the second: each costs as much as the parent, and the third says little that is new.
2. All but the latest eight earlier attempts, which are those that are most like the next one.
3. All but twelve instances of the tables, the worst and the best: the middle says least.
4. The second inspiration; feedback after the worst two instances; attempts before the latest three.
5. Programs after the third that an operator compares, then after the second.
6. The last inspiration; all earlier attempts; the tables but for the worst three; the note; all feedback.
7. Refusals but the latest, without which the same answer would come again.

The statement, the parent, and the second program of those that are about two are never cut.
"""

from collections.abc import Callable, Sequence

import msgspec

from evolve.errors import UserError
from evolve.llm.base import CallStatus, Message, Model, NoAnswer
from evolve.llm.tokens import estimate, estimate_messages
from evolve.operators.base import NoProposal, ParentProgram, Request
from evolve.operators.replies import Reply, read_reply
from evolve.operators.views import NO_ANSWER, Content, Row, content_of, extremes
from evolve.prompting.cutting import TooLongError, fit
from evolve.prompting.fences import fenced, tidied

SYSTEM_TEMPLATE = "system.md.jinja"

Cut = Callable[[Content], Content]


class Prepared(msgspec.Struct, frozen=True):
    """A prompt, ready to be asked."""

    messages: tuple[Message, ...]
    cut: tuple[str, ...]
    """What was left out so that it fits the model, the least valuable first."""
    tokens: int
    """Of the messages, estimated on the high side."""


class Task(msgspec.Struct, frozen=True):
    """What an operator asks for: its template, and what is told beside the parent."""

    template: str
    tried: int = 12
    """How many earlier attempts are told of."""
    tried_by: str = ""
    """An operator of whose earlier attempts as many are told beside the latest ones."""
    with_matrix: bool = False
    """Whether the programs are compared instance by instance."""


async def ask(request: Request, prepared: Prepared, *, may_be_cut_off: bool = False) -> Reply:
    """The model's answer, taken apart.

    Raises:
        NoProposal: There is no answer, or it was cut off.
        BudgetReached: It cannot be paid for.
        UserError: There is no model, or the provider denies the call.
    """
    model = model_of(request)
    try:
        answer = await model.ask(prepared.messages, prepared.cut)
    except NoAnswer as error:
        raise NoProposal(f"{NO_ANSWER}{error}") from error
    if answer.status is CallStatus.CUT_OFF and not may_be_cut_off:
        raise NoProposal(
            f"the answer was cut off at {model.max_output_tokens} tokens; think and write less: explain"
            " nothing, change less at once, write a shorter program"
        )
    return read_reply(answer.text)


def model_of(request: Request) -> Model:
    """The model of a request.

    Raises:
        UserError: It has none.
    """
    if request.model is None:
        raise UserError("this operator needs a model; give one with --model PROVIDER/NAME")
    return request.model


def build_prompt(task: Task, request: Request, others: Sequence[ParentProgram] = ()) -> Prepared:
    """The prompt of a request, cut to the model's context. Nothing is spent.

    Args:
        task: What is asked for.
        request: All that may be told.
        others: Programs that the task is about beside the first parent.

    Raises:
        NoProposal: There is no parent, or it is too long for the model.
        UserError: The statement alone is too long for the model, or a template fails.
    """
    if not request.parents:
        raise NoProposal("there is no parent to begin with")
    model = model_of(request)
    system = Message("system", _rendered(request, SYSTEM_TEMPLATE))
    fixed = estimate_messages((system, Message("user", "")))
    limit = model.context_tokens - model.max_output_tokens - fixed
    if limit <= 0:
        raise UserError(
            f"the problem's statement, of some {fixed} tokens, and max_output_tokens ="
            f" {model.max_output_tokens} do not fit into the {model.context_tokens} tokens of {model.name};"
            " raise its context_tokens or lower its max_output_tokens"
        )
    content = content_of(
        request,
        others=others,
        tried=task.tried,
        tried_by=task.tried_by,
        with_matrix=task.with_matrix,
    )

    def render(content: Content) -> str:
        values = {name: getattr(content, name) for name in content.__struct_fields__}
        return _rendered(request, task.template, **values)

    try:
        fitted = fit(content, CUTS, render, estimate, limit)
    except TooLongError as error:
        raise NoProposal(
            f"the parent and its prompt, of some {error.tokens} tokens, do not fit beside the statement into"
            f" {model.name}, which leaves {error.limit}; a longer context_tokens would do"
        ) from error
    return Prepared((system, Message("user", fitted.text)), fitted.cut, fixed + fitted.tokens)


def _rendered(request: Request, template: str, **values: object) -> str:
    return tidied(request.templates.render(template, **values, brief=request.brief, fenced=fenced))


def _inspirations(count: int) -> Cut:
    return lambda content: msgspec.structs.replace(content, inspirations=content.inspirations[:count])


def _others(count: int) -> Cut:
    """Fewer programs to compare, and columns in their table; a second one stays."""

    def cut(content: Content) -> Content:
        if len(content.others) <= count:
            return content
        matrix = content.matrix
        if matrix is not None:
            rows = tuple(row[: count + 2] for row in matrix.rows)
            matrix = msgspec.structs.replace(matrix, columns=matrix.columns[: count + 1], rows=rows)
        return msgspec.structs.replace(content, others=content.others[:count], matrix=matrix)

    return cut


def _tried(count: int) -> Cut:
    return lambda content: msgspec.structs.replace(
        content, tried=content.tried[max(0, len(content.tried) - count) :]
    )


def _rows(count: int) -> Cut:
    def cut(content: Content) -> Content:
        rows: tuple[Row, ...] = content.rows
        matrix = content.matrix
        if len(rows) > count:
            rows = extremes(rows, count)
        if matrix is not None:
            matrix = msgspec.structs.replace(matrix, rows=matrix.rows[:count])
        left_out = content.rows_left_out + len(content.rows) - len(rows)
        return msgspec.structs.replace(content, rows=rows, rows_left_out=left_out, matrix=matrix)

    return cut


def _cases(count: int) -> Cut:
    return lambda content: msgspec.structs.replace(content, cases=content.cases[:count])


def _no_note(content: Content) -> Content:
    return msgspec.structs.replace(content, note="")


def _latest_refusal(content: Content) -> Content:
    return msgspec.structs.replace(content, rejections=content.rejections[-1:])


CUTS: tuple[tuple[str, Cut], ...] = (
    ("inspirations after 2", _inspirations(2)),
    ("attempts before the last 8", _tried(8)),
    ("instances but 12", _rows(12)),
    ("inspirations after 1", _inspirations(1)),
    ("feedback after 2", _cases(2)),
    ("attempts before the last 3", _tried(3)),
    ("programs after 3", _others(2)),
    ("programs after 2", _others(1)),
    ("inspirations", _inspirations(0)),
    ("attempts", _tried(0)),
    ("instances but 3", _rows(3)),
    ("note", _no_note),
    ("feedback", _cases(0)),
    ("refusals but the last", _latest_refusal),
)
"""What can be left out of a prompt, by name, the least valuable first."""
