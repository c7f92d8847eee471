"""Asks a model for a small change of a program, as SEARCH/REPLACE blocks."""

from evolve.operators.asking import Prepared, Task, ask, build_prompt
from evolve.operators.base import Draft, Request, Role
from evolve.operators.drafts import draft_of_edits

TASK = Task("edit.md.jinja")


class EditOperator:
    """A targeted change of the first parent."""

    name = "edit"
    role = Role.ORDINARY
    needs_model = True

    def prompt(self, request: Request) -> Prepared:
        """What the model would be asked; nothing is spent."""
        return build_prompt(TASK, request)

    async def propose(self, request: Request) -> Draft:
        """The child that the model's answer makes.

        Raises:
            NoProposal: There is no usable answer; the reason is for the model's next attempt.
        """
        return draft_of_edits(request, await ask(request, self.prompt(request)))


operator = EditOperator()
