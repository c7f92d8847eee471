"""What tables and views mean, read from where they are defined: `evolve schema`, and docs/schema.md."""

import ast
import inspect
import re

import msgspec
from sqlalchemy import JSON, Boolean, Column, DateTime, Float, Text
from sqlalchemy.types import TypeDecorator

from evolve.archive import models
from evolve.archive.models import REVISION, Base, table_of
from evolve.archive.views import statement_of, view_texts

_TYPES = ((Boolean, "boolean"), (DateTime, "time"), (JSON, "JSON"), (Float, "number"), (Text, "text"))
_NAMES = re.compile(r"^(\w+(?:, \w+)*): (.+)$")
_HEAD = f"""# The schema of an archive

This file is written by `evolve schema --markdown`; its texts are in `evolve/archive/models.py` and in
`results/views`.

Tables and views are a public interface: people write SQL against them. What is described here keeps its
name and its meaning; what changes comes with a new revision, to which `evolve archive upgrade` brings an
archive, and from which `evolve archive downgrade --to REVISION` brings it back. This is revision
{REVISION}. An archive of another one is refused.

The same SQL is asked on SQLite and PostgreSQL. Types are *integer*, *number* (double precision), *text*,
*boolean* (0 or 1 in SQLite), *JSON* and *time* (UTC; text without a zone in SQLite). Views are the better
start, and `evolve query --list` has questions that are written already.
"""


class ColumnDescription(msgspec.Struct, frozen=True):
    """A column of a table; or columns of a view that have one text and no type of their own."""

    name: str
    type: str
    key: str
    """What holds of it: `primary key`, or where it points."""
    nullable: bool
    text: str


class Relation(msgspec.Struct, frozen=True):
    """A table or a view."""

    name: str
    kind: str
    text: str
    columns: tuple[ColumnDescription, ...]


def describe_schema() -> list[Relation]:
    """All views, then all tables."""
    return [*_views(), *_tables()]


def schema_markdown() -> str:
    """The whole of docs/schema.md."""
    parts = [_HEAD]
    for kind, title in (("view", "## Views"), ("table", "## Tables")):
        parts.append(title + "\n")
        parts += [_markdown(one) for one in describe_schema() if one.kind == kind]
    return "\n".join(parts)


def _markdown(relation: Relation) -> str:
    lines = [f"### {relation.name}", "", relation.text, ""]
    if relation.kind == "view":
        lines += ["| column | what it is |", "|---|---|"]
        lines += [f"| `{one.name.replace(', ', '`, `')}` | {_cell(one.text)} |" for one in relation.columns]
    else:
        lines += ["| column | type | what it is |", "|---|---|---|"]
        for one in relation.columns:
            kind = f"{one.type}, or NULL" if one.nullable else one.type
            text = " ".join(part for part in (one.text, f"*{one.key}.*" if one.key else "") if part)
            lines.append(f"| `{one.name}` | {kind} | {_cell(text)} |")
    return "\n".join([*lines, ""])


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _views() -> list[Relation]:
    found = []
    for name, text in sorted(view_texts().items()):
        comments = [line.removeprefix("--").strip() for line in text.splitlines() if line.startswith("--")]
        gap = comments.index("")
        columns = []
        for line in comments[gap + 1 :]:
            match = _NAMES.match(line)
            assert match is not None, f"{name}.sql: '{line}' describes no column"
            columns.append(ColumnDescription(match[1], "", "", True, match[2]))
        assert statement_of(text).startswith(f"CREATE VIEW {name} AS")
        found.append(Relation(name, "view", " ".join(comments[:gap]), tuple(columns)))
    return found


def _tables() -> list[Relation]:
    tree = ast.parse(inspect.getsource(models))
    classes = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
    found = []
    for mapper in sorted(Base.registry.mappers, key=lambda one: list(classes).index(one.class_.__name__)):
        table = table_of(mapper.class_)
        texts = _attribute_texts(classes[mapper.class_.__name__])
        columns = tuple(_describe(column, texts.get(column.name, "")) for column in table.columns)
        found.append(Relation(table.name, "table", inspect.getdoc(mapper.class_) or "", columns))
    return found


def _attribute_texts(node: ast.ClassDef) -> dict[str, str]:
    """The strings that stand below attributes."""
    texts = {}
    for attribute, below in zip(node.body, node.body[1:], strict=False):
        if (
            isinstance(attribute, ast.AnnAssign)
            and isinstance(attribute.target, ast.Name)
            and isinstance(below, ast.Expr)
            and isinstance(below.value, ast.Constant)
        ):
            texts[attribute.target.id] = " ".join(str(below.value.value).split())
    return texts


def _describe(column: "Column[object]", text: str) -> ColumnDescription:
    type_ = column.type.impl if isinstance(column.type, TypeDecorator) else column.type
    name = next((word for kind, word in _TYPES if isinstance(type_, kind)), "integer")
    if column.name == "version_num":
        name = "text"
    notes = ["Primary key"] if column.primary_key else []
    notes += [f"points to {key.target_fullname}" for key in sorted(column.foreign_keys, key=str)]
    note = ", ".join(notes)
    return ColumnDescription(column.name, name, note[:1].upper() + note[1:], bool(column.nullable), text)
