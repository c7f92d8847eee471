"""Programs made outside: by a person, a coding agent, a script, with `evolve ask` and `evolve tell`.

Every run takes them, whichever operators it has. A run whose only operator is this one makes none itself.
"""

from evolve.operators.base import Draft, NoProposal, Request, Role
from evolve.operators.views import content_of
from evolve.prompting.fences import fenced, tidied

TEMPLATE = "external.md.jinja"
TRIED = 12
"""How many earlier attempts are told of."""


class ExternalOperator:
    """Stands for whoever is outside; what they told is handed over by the run that it was told to."""

    name = "external"
    role = Role.EXTERNAL
    needs_model = False

    async def propose(self, request: Request) -> Draft:
        """Nothing: a program from outside does not begin here.

        Raises:
            NoProposal: Always.
        """
        raise NoProposal("nobody has told this proposal's program")


operator = ExternalOperator()


def outside_prompt(request: Request) -> str:
    """What somebody outside is told of a proposal; nothing is cut, for nobody knows how much they can read.

    Raises:
        UserError: A template fails.
    """
    content = content_of(request, tried=TRIED)
    values = {name: getattr(content, name) for name in content.__struct_fields__}
    return tidied(request.templates.render(TEMPLATE, **values, brief=request.brief, fenced=fenced))
