"""`evolve schema`: the tables and views, for those who write SQL."""

import click

from evolve.archive.description import describe_schema, schema_markdown
from evolve.cli.options import format_option
from evolve.cli.output import print_rows
from evolve.errors import unknown


@click.command("schema")
@click.argument("name", required=False)
@click.option("--markdown", is_flag=True, help="Print docs/schema.md.")
@format_option
def command(name: str | None, markdown: bool, format_: str) -> None:
    """List the views and tables of an archive, or describe the columns of the one called NAME."""
    if markdown:
        click.echo(schema_markdown(), nl=False)
        return
    found = {one.name: one for one in describe_schema()}
    if name is None:
        rows = [{"name": one.name, "kind": one.kind, "text": one.text} for one in found.values()]
        print_rows(rows, format_, ("name", "kind", "text"))
        return
    if name not in found:
        raise unknown("table or view", name, found)
    columns = [
        {"column": one.name, "type": one.type, "null": one.nullable, "key": one.key, "text": one.text}
        for one in found[name].columns
    ]
    shown = ("column", "text") if found[name].kind == "view" else ("column", "type", "null", "key", "text")
    print_rows(columns, format_, shown)
