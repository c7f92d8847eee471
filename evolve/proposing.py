"""From a selection to a program: the operator is asked, and what it answers is screened.

Nothing is evaluated here. What does not parse, breaks the rules or is not new goes back to the operator
with the reason, a bounded number of times.
"""

from collections.abc import Callable, Mapping
from typing import Protocol

import msgspec

from evolve.archive.history import EXTERNAL, History
from evolve.archive.records import Selected
from evolve.background import RunBackground
from evolve.errors import ArchiveError, UserError
from evolve.llm.base import BudgetReached, Model, Spending
from evolve.operators.base import Brief, Draft, NoProposal, Note, Operator, Request
from evolve.problem import InfrastructureError
from evolve.program import Program, ProgramError, check_entry_point, check_outside_unchanged
from evolve.prompting.templates import Templates
from evolve.randomness import stream
from evolve.shelf import Shelf

SEED_OPERATOR = "seed"
EXTERNAL_OPERATOR = EXTERNAL
ATTEMPTS = 3
"""How often an operator may try to make a program that passes screening."""


class Proposed(msgspec.Struct, frozen=True):
    """What an operator came up with. Without a program, `status` and `reason` say why there is none."""

    program: Program | None = None
    idea: str = ""
    status: str = ""
    reason: str | None = None
    cost_usd: float = 0.0


class Models(Protocol):
    """Where models come from."""

    @property
    def spending(self) -> Spending:
        """What has been spent on them."""
        ...

    def session(self, *, proposal: int, operator: str, model: str) -> Model:
        """A model for one proposal; its calls are counted from 0."""
        ...


class _Rejected(Exception):  # noqa: N818 - a finding about a program, not an error of ours
    """Screening said no; nothing was spent on it."""

    def __init__(self, status: str, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


class Proposer:
    """Makes screened programs for one run."""

    def __init__(
        self,
        *,
        seed: int,
        seed_program: str,
        operators: Mapping[str, Operator],
        brief: Brief,
        templates: Templates,
        models: Models | None,
        history: History,
        shelf: Shelf,
        maker: Callable[[str], int | None],
    ) -> None:
        self._seed = seed
        self._seed_program = seed_program
        self._operators = operators
        self._brief = brief
        self._templates = templates
        self._models = models
        self._history = history
        self._shelf = shelf
        self._maker = maker

    async def propose(self, selected: Selected) -> Proposed:
        """A screened program, after some attempts if need be.

        Raises:
            BudgetReached: A model cannot be paid for any more.
            UserError: The operator is broken, or the provider denies.
        """
        if selected.operator == SEED_OPERATOR:
            try:
                return Proposed(self._screen(self._seed_program, None, selected))
            except _Rejected as no:
                return Proposed(status=no.status, reason=no.reason)
        model = self._model(selected)
        proposed = await self._attempts(selected, model)
        if model is None:
            return proposed
        return msgspec.structs.replace(proposed, cost_usd=self._history.cost(selected.number))

    def request(self, selected: Selected, model: Model | None, rejections: tuple[str, ...] = ()) -> Request:
        """What the operator of a selected proposal is given in its next attempt."""
        attempt = len(rejections)
        return Request(
            number=selected.number,
            parents=tuple(self._shelf.program(one) for one in selected.parents),
            inspirations=tuple(self._shelf.program(one) for one in selected.inspirations),
            brief=self._brief,
            random=stream(self._seed, f"propose/{attempt}", selected.number),
            rejections=rejections,
            model=model,
            background=RunBackground(self._history, self._shelf, selected.seen),
            templates=self._templates,
        )

    def _model(self, selected: Selected) -> Model | None:
        if selected.model is None or self._models is None:
            return None
        return self._models.session(
            proposal=selected.number, operator=selected.operator, model=selected.model
        )

    async def _attempts(self, selected: Selected, model: Model | None) -> Proposed:
        rejected: list[_Rejected] = []
        attempts = 1 if selected.operator == EXTERNAL_OPERATOR else ATTEMPTS
        for _ in range(attempts):
            request = self.request(selected, model, tuple(one.reason for one in rejected))
            try:
                made = await self._ask(selected.operator, request)
                if isinstance(made, Note):
                    return Proposed(idea=made.text, status="note")
                parent = request.parents[0].source if request.parents else None
                return Proposed(self._screen(made.source, parent, selected), made.idea)
            except NoProposal as nothing:
                rejected.append(_Rejected("no_proposal", nothing.reason))
            except _Rejected as again:
                rejected.append(again)
        return Proposed(status=rejected[-1].status, reason=rejected[-1].reason)

    async def _ask(self, name: str, request: Request) -> Draft | Note:
        """What an operator answers; a plug-in's own trouble is told with its name."""
        try:
            made: object = await self._operators[name].propose(request)
        except (NoProposal, BudgetReached, UserError, ArchiveError, InfrastructureError):
            raise
        except Exception as error:  # whatever a plug-in raises ends the run in good order, with its name
            what = f"{type(error).__name__}: {error}"
            raise UserError(f"the operator '{name}' failed on proposal {request.number}: {what}") from error
        if isinstance(made, Draft | Note):
            return made
        kind = type(made).__name__
        raise UserError(
            f"the operator '{name}' answered proposal {request.number} with {kind}, not a draft or a note"
        )

    def _screen(self, source: str, parent: str | None, selected: Selected) -> Program:
        """No evaluation is spent on what does not parse, breaks the rules, or is not new.

        What is new is decided as of the commit that the selection saw, so that an operator gets the same
        second chances however far the commits have come meanwhile.
        """
        try:
            program = screened(source, parent, self._brief)
        except ProgramError as error:
            raise _Rejected("rejected", str(error)) from error
        maker = self._maker(program.id)
        if maker is not None and maker <= max(0, selected.seen):
            raise _Rejected("duplicate", same_as(maker))
        return program


def screened(source: str, parent: str | None, brief: Brief) -> Program:
    """The program with this source, if it keeps the rules.

    Raises:
        ProgramError: It does not; the message says which one, and where.
    """
    program = Program.parse(source)
    check_entry_point(program, brief.entry_point)
    if parent is not None:
        check_outside_unchanged(program.source, parent)
    return program


def same_as(maker: int) -> str:
    """Why a program is refused that an earlier proposal has made."""
    return f"the same program as proposal {maker}'s"
