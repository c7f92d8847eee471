"""Renders the templates of this folder: what an operator, or a person, is told."""

from importlib import resources
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined

from evolve.problem import Problem


def render_brief(problem: Problem[Any], statement: str) -> str:
    """A problem as it is put to whoever writes programs: statement, entry point, score, limits."""
    return _environment().get_template("brief.md.jinja").render(problem=problem, statement=statement.strip())


def _environment() -> Environment:
    return Environment(
        loader=FunctionLoader(_load),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 - the templates make plain text
    )


def _load(name: str) -> str | None:
    template = resources.files("prompts") / name
    return template.read_text(encoding="utf-8") if template.is_file() else None
