"""Asks a model to mend a program that failed, with what is known of its failure."""

from evolve.operators.asking import Prepared, Task, ask, build_prompt
from evolve.operators.base import Draft, Request, Role
from evolve.operators.drafts import draft_of_either

TASK = Task("repair.md.jinja", tried=0)


class RepairOperator:
    """The first parent, mended."""

    name = "repair"
    role = Role.REPAIR
    needs_model = True

    def prompt(self, request: Request) -> Prepared:
        """What the model would be asked; nothing is spent."""
        return build_prompt(TASK, request)

    async def propose(self, request: Request) -> Draft:
        """The child that the model's answer makes.

        Raises:
            NoProposal: There is no usable answer; the reason is for the model's next attempt.
        """
        return draft_of_either(request, await ask(request, self.prompt(request)))


operator = RepairOperator()
