"""`evolve query`: questions that have a name."""

import click

from evolve.archive.engine import Archive
from evolve.archive.runs import get_run, latest_run
from evolve.cli.options import archive_option, format_option, opened
from evolve.cli.output import print_rows
from evolve.cli.sql import parameter_option, print_answer, timeout_option, typed_values
from evolve.errors import UserError
from results.named_queries import RUN, NamedQuery, answered, named_query, query_names


@click.command("query")
@click.argument("name", required=False)
@click.argument("run", required=False)
@parameter_option
@timeout_option
@click.option("--list", "list_", is_flag=True, help="List the queries, with what each wants to know.")
@click.option("--sql", "show_sql", is_flag=True, help="Print the query's SQL, to change it for `evolve sql`.")
@archive_option
@format_option
def command(
    name: str | None,
    run: str | None,
    given: tuple[str, ...],
    timeout: float,
    list_: bool,
    show_sql: bool,
    archive: str,
    format_: str,
) -> None:
    """Answer the question called NAME, of RUN (the latest, if none is named) where it is about one run."""
    if list_ or name is None:
        print_rows(
            [_row(named_query(one)) for one in query_names()], format_, ("query", "answers", "parameters")
        )
        return
    query = named_query(name)
    if show_sql:
        click.echo(query.sql)
        return
    values: dict[str, str | int] = {**typed_values(given)}
    if run is not None and not query.of_run:
        raise UserError(f"the query {name} is not about one run; leave '{run}' out")
    with opened(archive) as source:
        if query.of_run:
            named = values.pop(RUN, None)
            values[RUN] = _run_id(source, run if named is None else str(named))
        with answered(source, query, values, timeout) as answer:
            print_answer(answer, format_)


def _run_id(archive: Archive, name: str | None) -> int:
    with archive.reading() as connection:
        return (latest_run(connection) if name is None else get_run(connection, name)).id


def _row(query: NamedQuery) -> dict[str, object]:
    wanted = [one.name if one.default is None else f"{one.name}={one.default}" for one in query.parameters]
    return {
        "query": query.name,
        "answers": query.title,
        "parameters": ", ".join("RUN" if one == RUN else one for one in wanted),
        "about": {one.name: one.help for one in query.parameters},
    }
