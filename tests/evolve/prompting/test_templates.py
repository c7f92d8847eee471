from pathlib import Path

import pytest

from evolve.errors import UserError
from evolve.prompting.templates import PROJECT_TEMPLATES, Templates, read_templates

NAME = "edit.md.jinja"


def trouble(run: dict[str, str], **values: object) -> str:
    with pytest.raises(UserError) as error:
        Templates(run).render(NAME, **values)
    return str(error.value)


def test_the_runs_templates_come_before_the_problems_and_these_before_the_projects() -> None:
    run, problem = {NAME: "run {{ x }}"}, {NAME: "problem {{ x }}", "system.md.jinja": "problem's system"}
    templates = Templates(run, problem)
    assert templates.render(NAME, x=1) == "run 1"
    assert templates.render("system.md.jinja") == "problem's system"
    assert Templates({}, problem).render(NAME, x=1) == "problem 1"
    assert Templates(run).render("brief.md.jinja", **BRIEF_VALUES) == PROJECT_TEMPLATES.render(
        "brief.md.jinja", **BRIEF_VALUES
    )


class Named(dict[str, object]):
    """A dictionary for templates."""


BRIEF_VALUES: dict[str, object] = {
    "statement": "s",
    "features": [],
    "problem": {
        "name": "n",
        "summary": "s",
        "entry_point": {"signature": lambda: "f(x)"},
        "objectives": [],
        "objective": {"metric": "m"},
        "limits": {"cpu_seconds": 1, "memory_bytes": 2**20, "output_bytes": 2**10},
        "needs_numpy": False,
    },
}


def test_what_a_template_includes_is_looked_up_in_the_same_way() -> None:
    run = {NAME: "{% include 'own.md.jinja' %} and {% import 'parts.md.jinja' as parts %}{{ parts.idea() }}"}
    templates = Templates(
        run, {"own.md.jinja": "mine", "parts.md.jinja": "{% macro idea() %}think{% endmacro %}"}
    )
    assert templates.render(NAME) == "mine and think"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("one\n{{ parent.surce }}", "edit.md.jinja, line 2, of the run: UndefinedError"),
        ("one\n\n{{ 1 // 0 }}", "edit.md.jinja, line 3, of the run: ZeroDivisionError"),
        ("{{ parent.__class__.__mro__ }}", "SecurityError"),
        ("{{ rows.append(1) }}", "SecurityError"),
        ("{{ nothing() }}", "'nothing' is undefined"),
    ],
)
def test_a_template_that_fails_is_told_with_its_line(text: str, said: str) -> None:
    assert said in trouble({NAME: text}, parent=Named(source=""), rows=[])


def test_a_template_that_is_no_template_is_told_before_anything_is_asked() -> None:
    with pytest.raises(UserError, match=r"edit.md.jinja, line 2, of the problem: .*endif"):
        Templates({}, {NAME: "a\n{% if x %}"})


def test_the_error_names_the_template_that_was_included() -> None:
    said = trouble({NAME: "{% include 'own.md.jinja' %}", "own.md.jinja": "\n\n{{ x.y }}"}, x=1)
    assert "own.md.jinja, line 3, of the run" in said


def test_unknown_names_are_told_with_the_nearest() -> None:
    with pytest.raises(
        UserError, match=r"of the run: unknown prompt template 'edits.md.jinja'; did you mean 'edit.md"
    ):
        Templates({"edits.md.jinja": "x"})
    with pytest.raises(
        UserError, match=r"unknown prompt template 'part.md.jinja'; did you mean 'parts.md.jinja'"
    ):
        Templates({NAME: "{% include 'part.md.jinja' %}"}).render(NAME)


def test_templates_are_read_from_a_folder(tmp_path: Path) -> None:
    (tmp_path / "edit.md.jinja").write_text("größer\n", encoding="utf-8")
    (tmp_path / "notes.txt").write_text("no template")
    assert read_templates(tmp_path) == {"edit.md.jinja": "größer\n"}
    assert read_templates(tmp_path / "absent") == {}
    (tmp_path / "edit.md.jinja").write_bytes(b"\xff")
    with pytest.raises(UserError, match="not UTF-8"):
        read_templates(tmp_path)
