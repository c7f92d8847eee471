"""Asks a model what works and what does not, from what a run has measured so far."""

from evolve.operators.asking import Prepared, Task, ask, build_prompt
from evolve.operators.base import NoProposal, Note, ParentProgram, Request, Role
from evolve.operators.replies import without_idea
from evolve.operators.views import MAX_NOTE
from evolve.prompting.fences import shortened

TASK = Task("reflection.md.jinja", tried=40, with_matrix=True)
MAX_PROGRAMS = 4
"""How many programs are compared."""
MIN_NOTE = 20
"""Characters below which an answer is no note."""


class ReflectionOperator:
    """A short note from the results of the best programs and of what was tried."""

    name = "reflection"
    role = Role.REFLECTION
    needs_model = True

    def prompt(self, request: Request) -> Prepared:
        """What the model would be asked; nothing is spent."""
        return build_prompt(TASK, request, _compared(request))

    async def propose(self, request: Request) -> Note:
        """The note that the model wrote, of bounded length.

        Raises:
            NoProposal: It wrote none.
        """
        reply = await ask(request, self.prompt(request), may_be_cut_off=True)
        note = shortened(without_idea(reply.text), MAX_NOTE).strip()
        if len(note) < MIN_NOTE:
            raise NoProposal("the answer holds no note")
        return Note(note)


operator = ReflectionOperator()


def _compared(request: Request) -> list[ParentProgram]:
    """The best of the other niches, then the best of the run, each once."""
    best = request.background.best(MAX_PROGRAMS) if request.background is not None else ()
    _, *others = {one.id: one for one in (*request.parents, *best)}.values()
    return others[: MAX_PROGRAMS - 1]
