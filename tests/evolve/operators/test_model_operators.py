"""What every operator that asks a model does with the answers, and what each of them makes."""

import pytest

from evolve.errors import UserError
from evolve.llm.base import Answer, BudgetReached, CallStatus, Message, NoAnswer, Usage
from evolve.operators import crossover, direction, edit, reflection, repair, rewrite
from evolve.operators.asking import Prepared
from evolve.operators.base import Draft, NoProposal, Note, Operator, Request, Role
from evolve.operators.views import MAX_NOTE
from evolve.problem import Status
from evolve.program import Program, bundle, files
from evolve.program import SourceFile as File
from tests.evolve.operators.asked import (
    BRIEF,
    OTHER,
    SOURCE,
    THIRD,
    Learnt,
    Script,
    attempts,
    failed,
    program,
    proposed,
    request,
)

MAKERS = (edit.operator, rewrite.operator, crossover.operator, repair.operator, direction.operator)
WRITERS = (rewrite.operator, crossover.operator, direction.operator)
EDITORS = (edit.operator, repair.operator)
CHANGE = """IDEA: sort downwards, because large loads fit worse

<<<<<<< SEARCH
    order = sorted(loads)
=======
    order = sorted(loads, key=lambda load: -load)
>>>>>>> REPLACE
"""
CHANGED = SOURCE.replace("sorted(loads)", "sorted(loads, key=lambda load: -load)")
WHOLE = f"IDEA: sort downwards, because large loads fit worse\n\n```python\n{CHANGED}```\n"


def named(operators: tuple[Operator, ...]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("operator", [pytest.param(one, id=one.name) for one in operators])


def asking(model: Script, **more: object) -> Request:
    """A request that suits every operator."""
    return request(model, program(), program(OTHER), **more)  # type: ignore[arg-type]  # passed on as they are


def refusal(operator: Operator, asked: Request) -> str:
    with pytest.raises(NoProposal) as error:
        proposed(operator, asked)
    return error.value.reason


@named(MAKERS)
def test_an_answer_becomes_a_draft_with_its_idea(operator: Operator) -> None:
    answer = CHANGE if operator in EDITORS else WHOLE
    draft = proposed(operator, asking(Script(answer)))
    assert draft == Draft(CHANGED, "sort downwards, because large loads fit worse")


@named(MAKERS)
def test_an_idea_may_be_missing(operator: Operator) -> None:
    answer = (CHANGE if operator in EDITORS else WHOLE).partition("\n")[2]
    assert proposed(operator, asking(Script(answer))) == Draft(CHANGED, "")


@named(MAKERS)
def test_a_model_is_asked_once_with_what_prompt_says(operator: Operator) -> None:
    model = Script("nothing of use")
    asked = asking(model)
    prepared: Prepared = operator.prompt(asked)  # type: ignore[attr-defined]  # beyond the protocol
    refusal(operator, asked)
    assert model.asked == [(prepared.messages, prepared.cut)]
    assert [message.role for message in prepared.messages] == ["system", "user"]


@named((*MAKERS, reflection.operator))
def test_what_ends_a_call_is_told(operator: Operator) -> None:
    assert (
        refusal(operator, asking(Script(NoAnswer("refused by the provider"))))
        == "no answer: refused by the provider"
    )
    with pytest.raises(UserError, match="needs a model"):
        proposed(operator, request(None, program(), program(OTHER)))
    with pytest.raises(BudgetReached):
        proposed(operator, asking(Broke()))


class Broke(Script):
    """A model that cannot be paid for."""

    async def ask(self, messages: tuple[Message, ...], cut: tuple[str, ...] = ()) -> Answer:
        raise BudgetReached("max_cost")


@named(MAKERS)
def test_answers_that_were_cut_off_are_refused_however_good_they_look(operator: Operator) -> None:
    answer = Answer(CHANGE if operator in EDITORS else WHOLE, CallStatus.CUT_OFF, Usage())
    said = refusal(operator, asking(Script(answer)))
    assert "cut off at 4000 tokens" in said
    assert "write a shorter program" in said


@named(MAKERS)
def test_a_child_that_only_looks_new_is_refused(operator: Operator) -> None:
    new = SOURCE.replace("    order", "    # upwards\n    order").replace("Packs", "More packs")
    answer = CHANGE.replace(
        "    order = sorted(loads, key=lambda load: -load)", "    # up\n    order = sorted(loads)"
    )
    if operator in WRITERS:
        answer = f"```python\n{new}```"
    assert "nothing would change but comments" in refusal(operator, asking(Script(answer)))


@named(MAKERS)
def test_a_program_that_was_shown_is_refused(operator: Operator) -> None:
    answer = CHANGE.replace("sorted(loads, key=lambda load: -load)", "sorted(loads, reverse=True)")
    if operator in WRITERS:
        answer = f"```python\n{OTHER}```"
    assert "the same as another one that was shown" in refusal(operator, asking(Script(answer)))


@named(MAKERS)
@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("order = sorted(loads", "was never closed (the line is: order = sorted(loads)"),
        ("order = ordered(loads)", "uses 'ordered', which nothing in it defines"),
        ("order = sorted(loads)\n\n\ndef plan(loads):\n    return 0", "it has to be 'plan(loads, count)'"),
    ],
)
def test_what_would_not_run_is_told_before_it_is_evaluated(operator: Operator, line: str, said: str) -> None:
    answer = CHANGE.replace("order = sorted(loads, key=lambda load: -load)", line)
    if operator in WRITERS:
        answer = f"```python\n{SOURCE.replace('order = sorted(loads)', line)}```"
    assert said in refusal(operator, asking(Script(answer)))


@named(EDITORS)
def test_blocks_that_do_not_apply_are_told_precisely(operator: Operator) -> None:
    answer = CHANGE.replace("    order = sorted(loads)\n", "    order = arranged(packs)\n")
    said = refusal(operator, asking(Script(answer)))
    assert "the line 'order = arranged(packs)' that SEARCH quotes is not in the program" in said
    assert "order = sorted(loads)" in said


def test_edit_takes_a_whole_program_only_if_it_is_plainly_one() -> None:
    assert proposed(edit.operator, asking(Script(WHOLE))) == Draft(
        CHANGED, "sort downwards, because large loads fit worse"
    )
    part = "```python\ndef plan(loads, count):\n    return loads\n```"
    assert "no SEARCH/REPLACE block" in refusal(edit.operator, asking(Script(part)))
    assert isinstance(proposed(repair.operator, asking(Script(part))), Draft)


def test_the_undefined_may_be_what_it_was_in_the_parent() -> None:
    source = SOURCE.replace("return order[:count]", "return order[:count] or fallback()")
    answer = CHANGE
    draft = proposed(edit.operator, request(Script(answer), program(source)))
    assert isinstance(draft, Draft)
    assert Program.parse(draft.source).id != Program.parse(source).id


def test_edits_of_several_files_name_them() -> None:
    source = bundle([File("main.py", SOURCE), File("rest.py", SOURCE.replace("plan", "rest"))])
    answer = CHANGE.replace("<<<<<<< SEARCH", "rest.py\n<<<<<<< SEARCH")
    draft = proposed(edit.operator, request(Script(answer), program(source)))
    assert isinstance(draft, Draft)
    assert files(draft.source) == (File("main.py", SOURCE), File("rest.py", CHANGED.replace("plan", "rest")))
    assert "name the file before the block" in refusal(
        edit.operator, request(Script(CHANGE), program(source))
    )


def test_crossover_takes_an_inspiration_where_there_is_one_parent() -> None:
    asked = request(Script(WHOLE), program(), inspirations=[program(), program(OTHER)])
    prompt = crossover.operator.prompt(asked).messages[1].content
    assert OTHER in prompt
    assert isinstance(proposed(crossover.operator, asked), Draft)
    assert "no second program" in refusal(
        crossover.operator, request(Script(), program(), inspirations=[program()])
    )


def test_repair_is_told_how_the_program_failed() -> None:
    asked = request(Script(CHANGE), failed(status=Status.TIMEOUT, feedback="15 s of CPU were used up"))
    prompt = repair.operator.prompt(asked).messages[1].content
    assert "score none (timeout)" in prompt
    assert "15 s of CPU were used up" in prompt
    assert isinstance(proposed(repair.operator, asked), Draft)


def test_direction_is_told_what_was_tried_its_own_attempts_first_of_all() -> None:
    learnt = Learnt(attempts(120))
    prompt = (
        direction.operator.prompt(request(Script(), program(), program(OTHER), learnt=learnt))
        .messages[1]
        .content
    )
    assert "#120 edit: idea-120 of packing -> 0.8500, -5.56 % against its parent" in prompt
    assert "#32 direction: idea-32 of packing" in prompt
    assert "#90 edit" not in prompt
    assert SOURCE in prompt
    assert OTHER in prompt


def test_reflection_makes_a_note_of_bounded_length() -> None:
    learnt = Learnt(attempts(3), [program(OTHER), program(), program(THIRD)], "sorting matters")
    asked = request(Script("IDEA: none\nSorting downwards helps: +2 % on train-03.\n"), learnt=learnt)
    prompt = reflection.operator.prompt(asked).messages[1].content
    assert all(
        text in prompt for text in (SOURCE, OTHER, THIRD, "sorting matters", "idea-3", "| A | B | C |")
    )
    assert proposed(reflection.operator, asked) == Note("Sorting downwards helps: +2 % on train-03.")
    long = proposed(reflection.operator, request(Script(Answer("word " * 5000, CallStatus.CUT_OFF, Usage()))))
    assert isinstance(long, Note)
    assert len(long.text) < MAX_NOTE + 100
    assert refusal(reflection.operator, request(Script("\n \n"))) == "the answer holds no note"


def test_roles() -> None:
    roles = {one.name: one.role for one in (*MAKERS, reflection.operator)}
    assert roles == {
        "edit": Role.ORDINARY,
        "rewrite": Role.ORDINARY,
        "crossover": Role.CROSSOVER,
        "repair": Role.REPAIR,
        "direction": Role.DIRECTION,
        "reflection": Role.REFLECTION,
    }
    assert all(one.needs_model for one in (*MAKERS, reflection.operator))
    assert BRIEF.statement
