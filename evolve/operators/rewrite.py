"""Asks a model to write a program anew, with another structure where that helps."""

from evolve.operators.asking import Prepared, Task, ask, build_prompt
from evolve.operators.base import Draft, Request, Role
from evolve.operators.drafts import draft_of_program

TASK = Task("rewrite.md.jinja")


class RewriteOperator:
    """A whole program in the place of the first parent."""

    name = "rewrite"
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
        return draft_of_program(request, await ask(request, self.prompt(request)))


operator = RewriteOperator()
