"""The documented views, which are part of an archive's public interface: `results/views`, one file each."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

from sqlalchemy import Connection, inspect

from evolve.archive.dialects import for_dialect

_FROZEN = Path(__file__).parent / "migrations" / "versions"
FOLDER = Path(__file__).parents[2] / "results" / "views"


def view_texts() -> Mapping[str, str]:
    """Each view's file by the view's name: comments that document it, then its statement."""
    files = sorted(FOLDER.glob("*.sql"))
    texts = {file.stem: file.read_text(encoding="utf-8") for file in files}
    # A view may use others; those have to be there before it.
    order = sorted(texts, key=lambda name: any(other in texts[name] for other in texts if other != name))
    return {name: texts[name] for name in order}


def views_digest() -> str:
    """Changes whenever a view does."""
    digest = hashlib.sha256()
    for name, text in sorted(view_texts().items()):
        digest.update(f"{name}\n{statement_of(text)}\n".encode())
    return digest.hexdigest()


def statement_of(text: str) -> str:
    """A file without the comments that it begins with."""
    lines = text.splitlines()
    first = next(index for index, line in enumerate(lines) if not line.startswith("--") and line.strip())
    return "\n".join(lines[first:]).strip()


def create_views(connection: Connection) -> None:
    """Make all views; none of them may be there."""
    _create(connection, [statement_of(text) for text in view_texts().values()])


def create_views_of(connection: Connection, revision: str) -> None:
    """Make the views of an older revision, which are in a file beside its migration."""
    (file,) = _FROZEN.glob(f"r{revision}_*.sql")
    statements = statement_of(file.read_text(encoding="utf-8")).split(";\n")
    _create(connection, [one.strip().removesuffix(";") for one in statements if one.strip()])


def _create(connection: Connection, statements: Sequence[str]) -> None:
    for statement in statements:
        connection.exec_driver_sql(for_dialect(statement, connection.dialect.name))


def drop_views(connection: Connection) -> None:
    """Drop whatever views there are."""
    names = set(inspect(connection).get_view_names())
    for name in reversed([*view_texts()]):
        if name in names:
            connection.exec_driver_sql(f"DROP VIEW {name}")
