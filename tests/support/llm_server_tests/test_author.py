import ast
import random
import re
from pathlib import Path

import pytest

from tests.support.llm_server import ProgramAuthor, Question, Turn
from tests.support.llm_server.author import NOTE, Fault, answer, changed, editable_lines
from tests.support.shared_data import ROOT

SEEDS = (
    ROOT / "problems/job_shop_dispatching/seed.py",
    ROOT / "problems/moe_expert_placement/seed.py",
    ROOT / "tests/support/problems/curve/seed.py",
)
EDIT = re.compile(r"<<<<<<< SEARCH\n(.*)=======\n(.*)>>>>>>> REPLACE\n", re.DOTALL)
HOW_TO_EDIT = "Answer with blocks of this form:\n<<<<<<< SEARCH\nold\n=======\nnew\n>>>>>>> REPLACE\n"


def prompt(program: str, edit: bool, number: int = 0) -> Question:
    text = f"Proposal {number}. An inspiration:\n\n```python\ndef other(): ...\n```\n\n"
    text += f"The parent:\n\n```python\n{program}```\n\n{HOW_TO_EDIT if edit else 'Write it anew.'}"
    return Question(
        "openai_chat", "gpt-test", (Turn("system", "Improve it."), Turn("user", text)), "", 100, False
    )


def applied(parent: str, text: str) -> str:
    """The child that an answer makes of the parent."""
    edit = EDIT.search(text)
    if edit is None:
        found = re.search(r"```python\n(.*?)```", text, re.DOTALL)
        assert found is not None
        return found[1]
    assert parent.count(edit[1]) == 1, "an edit has to match once"
    return parent.replace(edit[1], edit[2])


@pytest.mark.parametrize("edit", [True, False])
@pytest.mark.parametrize("seed", SEEDS, ids=lambda path: str(path.parent.name))
def test_children_are_valid_new_and_changed_only_where_they_may_be(seed: Path, edit: bool) -> None:
    parent = seed.read_text()
    author = ProgramAuthor(seed=5)
    children = [applied(parent, author.respond(prompt(parent, edit, number))) for number in range(60)]
    free = editable_lines(parent)
    for child in children:
        compile(child, "child", "exec")
        assert ast.dump(ast.parse(child)) != ast.dump(ast.parse(parent))
        lines = child.split("\n")
        fixed = [(n, line) for n, line in enumerate(parent.split("\n"), start=1) if n not in free]
        assert all(lines[number - 1] == line for number, line in fixed)
    assert len(set(children)) > 50


def test_an_answer_depends_on_seed_and_prompt_alone() -> None:
    parent = SEEDS[0].read_text()
    question = prompt(parent, edit=True)
    texts = {seed: ProgramAuthor(seed).respond(question) for seed in range(20)}
    random.seed(3)
    assert {seed: ProgramAuthor(seed).respond(question) for seed in range(20)} == texts
    assert len(set(texts.values())) > 15


def test_where_there_is_no_program_there_is_a_note() -> None:
    question = Question("openai_chat", "gpt-test", (Turn("user", "What have you learnt?"),), "", 100, False)
    assert ProgramAuthor().respond(question) == NOTE


def test_programs_without_numbers_change_too() -> None:
    parent = "import math\n\ndef f(x):\n    return x\n"
    child = changed(parent, random.Random(1))
    assert "    weight = " in child
    compile(child, "child", "exec")
    assert changed("x = f'{3:>10}' + str(-2.5)\n", random.Random(1)).startswith("x = f'{3:>10}' + str(-")
    with pytest.raises(ValueError, match="neither a number nor a function"):
        changed("import math\n", random.Random(1))


@pytest.mark.parametrize("edit", [True, False])
@pytest.mark.parametrize("seed", SEEDS, ids=lambda path: str(path.parent.name))
def test_bad_answers_are_bad_in_the_way_they_are_meant_to_be(seed: Path, edit: bool) -> None:
    parent = seed.read_text()
    for number in range(20):
        assert "```" not in answer(parent, edit, random.Random(number), Fault.PROSE)
        assert "SEARCH" not in answer(parent, edit, random.Random(number), Fault.PROSE)
        assert applied(parent, answer(parent, edit, random.Random(number), Fault.NO_OP)) == parent
        broken = applied(parent, answer(parent, edit, random.Random(number), Fault.SYNTAX))
        with pytest.raises(SyntaxError):
            compile(broken, "child", "exec")
    unmatched = EDIT.search(answer(parent, True, random.Random(0), Fault.UNMATCHED))
    assert unmatched is not None
    assert unmatched[1] not in parent


def test_the_share_of_bad_answers_is_as_asked() -> None:
    parent = SEEDS[0].read_text()
    author = ProgramAuthor(seed=1, bad_share=0.3)
    bad = 0
    for number in range(400):
        text = author.respond(prompt(parent, True, number))
        edit = EDIT.search(text)
        if edit is None or parent.count(edit[1]) != 1 or edit[1] == edit[2]:
            bad += 1
        else:
            try:
                compile(parent.replace(edit[1], edit[2]), "child", "exec")
            except SyntaxError:
                bad += 1
    assert 0.2 < bad / 400 < 0.4
