"""Renders a problem as it is put to whoever writes programs: an operator's model, or a person."""

from typing import Any

from evolve.problem import Problem
from evolve.prompting.templates import PROJECT_TEMPLATES, Templates


def render_brief(problem: Problem[Any], statement: str, templates: Templates = PROJECT_TEMPLATES) -> str:
    """Statement, entry point, score and limits of a problem.

    Features that the statement itself explains are not listed again.

    Raises:
        UserError: The template `brief.md.jinja` has been replaced by one that fails.
    """
    features = [feature for feature in problem.features if f"`{feature.expression}`" not in statement]
    return templates.render("brief.md.jinja", problem=problem, statement=statement.strip(), features=features)
