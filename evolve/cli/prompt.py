"""`evolve prompt`: what a model would be asked next, how long that is and what it may cost."""

import asyncio
from typing import Any

import click
import msgspec

from evolve.archive.records import Selected
from evolve.archive.runs import get_run, latest_run
from evolve.assembly import operators_of
from evolve.cli.options import archive_option, opened
from evolve.cli.output import print_json
from evolve.config import ModelSettings, Resources, all_models, make_settings
from evolve.errors import UserError
from evolve.llm.base import Answer, Message
from evolve.llm.prices import call_price
from evolve.operators.asking import Prepared
from evolve.operators.base import NoProposal
from evolve.standing import Standing, standing_of


class _Described:
    """A model that can be looked at and not asked."""

    def __init__(self, name: str, settings: ModelSettings) -> None:
        self.name = name
        self.context_tokens = settings.context_tokens
        self.max_output_tokens = settings.max_output_tokens

    async def ask(self, messages: tuple[Message, ...], cut: tuple[str, ...] = ()) -> Answer:
        raise UserError(f"{self.name} is not asked here")


class _Next(msgspec.Struct, frozen=True):
    """A proposal that waits for a model, with what the model would be asked."""

    selected: Selected
    model: str
    prepared: Prepared


@click.command("prompt")
@click.argument("run", required=False)
@click.option("--operator", metavar="NAME", help="The next proposal of this operator.")
@click.option(
    "--format", "format_", type=click.Choice(["text", "json"]), default="text", help="Text or JSON."
)
@archive_option
def command(run: str | None, operator: str | None, format_: str, archive: str) -> None:
    """Show what RUN (the latest, if none is named) would ask a model next. Nothing is sent, nothing spent.

    Tokens are estimated on the high side. The price is that of the prompt with the longest answer allowed.
    """
    with opened(archive) as source:
        with source.reading() as connection:
            record = latest_run(connection) if run is None else get_run(connection, run)
        standing = asyncio.run(standing_of(source, record))
        stored = {**record.settings["course"], **record.settings["resources"]}
        resources = make_settings(stored).resources
        found = _next(standing, operator)
    price = _price(found, standing, resources)
    if format_ == "json":
        print_json(_as_json(record.name, found, price))
        return
    for message in found.prepared.messages:
        click.echo(f"----- {message.role} -----\n{message.content.rstrip()}\n")
    cut = f"; left out: {', '.join(found.prepared.cut)}" if found.prepared.cut else ""
    cost = "at an unknown price" if price is None else f"for at most {price:.4f} $"
    click.echo(
        f"proposal {found.selected.number}, {found.selected.operator} by {found.model}: some"
        f" {found.prepared.tokens} tokens {cost}{cut}",
        err=True,
    )


def _next(standing: Standing, wanted: str | None) -> _Next:
    """The first waiting proposal that a model is needed for.

    Raises:
        UserError: There is none.
    """
    models = all_models(standing.course)
    operators = operators_of(standing.course)
    if wanted is not None and wanted not in operators:
        raise UserError(f"the run has no operator '{wanted}'; it has {', '.join(sorted(operators))}")
    for selected in standing.progress.waiting:
        operator: Any = operators.get(selected.operator)
        if selected.model not in models or (wanted is not None and selected.operator != wanted):
            continue
        if not hasattr(operator, "prompt"):
            raise UserError(f"the operator '{selected.operator}' does not show what it asks")
        request = standing.request(selected, _Described(selected.model, models[selected.model]))
        try:
            return _Next(selected, selected.model, operator.prompt(request))
        except NoProposal as nothing:
            raise UserError(f"proposal {selected.number} has no prompt: {nothing.reason}") from nothing
    waiting = len(standing.progress.waiting)
    of_that = "a model" if wanted is None else f"the operator '{wanted}'"
    raise UserError(
        f"none of the {waiting} proposals that '{standing.run.name}' will make next is for {of_that}"
    )


def _price(found: _Next, standing: Standing, resources: Resources) -> float | None:
    """The most that the call can cost, US dollars; None where the price is not known."""
    settings = all_models(standing.course)[found.model]
    try:
        price = call_price(found.model, resources)
    except UserError:
        return None
    return float(price.most(found.prepared.tokens, settings.max_output_tokens))


def _as_json(run: str, found: _Next, price: float | None) -> dict[str, Any]:
    return {
        "run": run,
        "proposal": found.selected.number,
        "operator": found.selected.operator,
        "model": found.model,
        "tokens": found.prepared.tokens,
        "max_cost_usd": price,
        "cut": list(found.prepared.cut),
        "messages": [{"role": one.role, "content": one.content} for one in found.prepared.messages],
    }
