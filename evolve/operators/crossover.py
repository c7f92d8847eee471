"""Asks a model for one program that has what is good in two."""

from evolve.operators.asking import Prepared, Task, ask, build_prompt
from evolve.operators.base import Draft, NoProposal, ParentProgram, Request, Role
from evolve.operators.drafts import draft_of_program

TASK = Task("crossover.md.jinja", with_matrix=True)


class CrossoverOperator:
    """A whole program that joins the first parent with the second, or with an inspiration."""

    name = "crossover"
    role = Role.CROSSOVER
    needs_model = True

    def prompt(self, request: Request) -> Prepared:
        """What the model would be asked; nothing is spent.

        Raises:
            NoProposal: There is only one program.
        """
        return build_prompt(TASK, request, [_other(request)])

    async def propose(self, request: Request) -> Draft:
        """The child that the model's answer makes.

        Raises:
            NoProposal: There is only one program, or no usable answer; then the reason is for the model's
                next attempt.
        """
        return draft_of_program(request, await ask(request, self.prompt(request)))


operator = CrossoverOperator()


def _other(request: Request) -> ParentProgram:
    """The program that the first parent is joined with."""
    first, *others = (*request.parents, *request.inspirations)
    found = next((one for one in others if one.id != first.id), None)
    if found is None:
        raise NoProposal("there is no second program to join the parent with")
    return found
