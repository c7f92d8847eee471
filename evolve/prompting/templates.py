"""The Jinja templates that prompts are rendered from, and who may replace them.

A template is known by its file's name, such as `edit.md.jinja`. It is looked up first among those of the run,
then of the problem, then of the project (the folder `prompts/`); includes and imports are looked up in the
same way. Templates may come from other people, so they are rendered in Jinja's sandbox.
"""

import functools
import traceback
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from evolve.errors import UserError, unknown
from evolve.files import read_text

if TYPE_CHECKING:
    from jinja2 import Environment

SUFFIX = ".md.jinja"
"""How the names of templates end."""


class Templates:
    """The templates of one run. Constructing it finds what can be found without rendering.

    Args:
        run: The run's own templates: text by name.
        problem: The problem's, in the same form.

    Raises:
        UserError: A template is not valid, or has a name that nothing refers to.
    """

    def __init__(
        self, run: Mapping[str, str] | None = None, problem: Mapping[str, str] | None = None
    ) -> None:
        self._origins = {"the run": dict(run or {}), "the problem": dict(problem or {})}
        if any(self._origins.values()):
            self._check()

    def render(self, name: str, /, **values: object) -> str:
        """The text that a template makes of some values.

        Raises:
            UserError: There is no such template, or it fails; the message names it and the line at fault.
        """
        from jinja2 import TemplateNotFound, TemplateSyntaxError

        try:
            return self._environment.get_template(name).render(values)
        except TemplateNotFound as error:
            raise unknown("prompt template", str(error.name), self._names()) from error
        except TemplateSyntaxError as error:
            raise self._trouble(str(error.name), error.lineno, str(error.message)) from error
        except Exception as error:  # a template may raise anything; the user is told where
            where, line = _place(error, self._names()) or (name, None)
            raise self._trouble(where, line, f"{type(error).__name__}: {error}") from error

    @functools.cached_property
    def _environment(self) -> "Environment":
        from jinja2 import FunctionLoader, StrictUndefined
        from jinja2.sandbox import ImmutableSandboxedEnvironment

        return ImmutableSandboxedEnvironment(
            loader=FunctionLoader(self._load),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=True,
            autoescape=False,
        )

    def _load(self, name: str) -> tuple[str, str, None] | None:
        text = next((texts[name] for texts in self._origins.values() if name in texts), None)
        if text is None:
            text = _project_templates().get(name)
        return None if text is None else (text, name, None)

    def _names(self) -> list[str]:
        return sorted({*_project_templates(), *(name for own in self._origins.values() for name in own)})

    def _origin(self, name: str) -> str:
        return next((origin for origin, texts in self._origins.items() if name in texts), "the project")

    def _trouble(self, name: str, line: int | None, what: str) -> UserError:
        place = name if line is None else f"{name}, line {line}"
        return UserError(f"the prompt template {place}, of {self._origin(name)}: {what}")

    def _check(self) -> None:
        """Parse the templates that replace others, and find names that nobody will ever look up."""
        from jinja2 import TemplateSyntaxError, meta

        project = _project_templates()
        used: dict[str, None] = dict.fromkeys(project)
        for texts in self._origins.values():
            for name, text in texts.items():
                try:
                    tree = self._environment.parse(text, name)
                except TemplateSyntaxError as error:
                    raise self._trouble(name, error.lineno, str(error.message)) from error
                used.update((found, None) for found in meta.find_referenced_templates(tree) if found)
        for origin, texts in self._origins.items():
            for name in texts:
                if name not in used:
                    raise UserError(f"of {origin}: {unknown('prompt template', name, project)}")


def read_templates(folder: Path) -> dict[str, str]:
    """The templates in a folder, text by name; none where there is no such folder.

    Raises:
        UserError: One cannot be read.
    """
    if not folder.is_dir():
        return {}
    return {path.name: read_text(path) for path in sorted(folder.iterdir()) if path.name.endswith(SUFFIX)}


@functools.cache
def _project_templates() -> Mapping[str, str]:
    folder = resources.files("prompts")
    files = sorted(folder.iterdir(), key=lambda file: file.name)
    return {file.name: file.read_text(encoding="utf-8") for file in files if file.name.endswith(SUFFIX)}


def _place(error: Exception, names: list[str]) -> tuple[str, int] | None:
    """The innermost template, and the line in it, in which an error came up."""
    frames = traceback.extract_tb(error.__traceback__)
    found = [(frame.filename, frame.lineno or 0) for frame in frames if frame.filename in names]
    return found[-1] if found else None


PROJECT_TEMPLATES = Templates()
"""Those of the project, with nothing replaced."""
