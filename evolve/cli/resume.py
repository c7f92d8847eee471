"""`evolve resume`: go on with a run, by its name."""

from typing import Any

import click
import msgspec

from evolve.archive.runs import get_run, latest_run
from evolve.cli.model_options import with_model_options
from evolve.cli.options import format_option, opened
from evolve.cli.run import budget_options, resource_options
from evolve.cli.running import search_and_report
from evolve.config import make_settings
from evolve.errors import UserError
from evolve.loading import ProblemReference, load_problem
from evolve.running import open_run


@click.command("resume")
@click.argument("run", required=False)
@format_option
def command(run: str | None, format_: str, **given: Any) -> int:
    """Go on with RUN (the latest, if none is named), with the budget it was last given or a new one."""
    if format_ == "csv":
        raise UserError("resume prints a table or json")
    archive_url = make_settings({"archive": given["archive"]}).resources.archive
    with opened(archive_url, write=True) as archive:
        with archive.reading() as connection:
            record = latest_run(connection) if run is None else get_run(connection, run)
        stored = {**record.settings["course"], **record.settings["budget"], **record.settings["resources"]}
        settings = make_settings(stored, with_model_options(stored, given))
        loaded = load_problem(msgspec.convert(record.problem_reference, ProblemReference))
        return search_and_report(
            archive, loaded, settings, open_run(archive, loaded, settings, record.name), format_
        )


for _option in [*budget_options, *resource_options]:
    command = _option(command)
