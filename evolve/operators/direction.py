"""Asks a model for a program on another principle than those that are best so far."""

from evolve.operators.asking import Prepared, Task, ask, build_prompt
from evolve.operators.base import Draft, Request, Role
from evolve.operators.drafts import draft_of_program

TASK = Task("direction.md.jinja", tried=30, tried_by="direction", with_matrix=True)


class DirectionOperator:
    """A program unlike its parents, the best of several niches, and unlike what was tried."""

    name = "direction"
    role = Role.DIRECTION
    needs_model = True

    def prompt(self, request: Request) -> Prepared:
        """What the model would be asked; nothing is spent."""
        return build_prompt(TASK, request, request.parents[1:])

    async def propose(self, request: Request) -> Draft:
        """The child that the model's answer makes.

        Raises:
            NoProposal: There is no usable answer; the reason is for the model's next attempt.
        """
        return draft_of_program(request, await ask(request, self.prompt(request)))


operator = DirectionOperator()
