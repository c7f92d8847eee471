"""What a lockstep call demands of its tables. Whatever is wrong here is the evaluator's mistake."""

import keyword

from evolve.problem import RecordType, Table, Value


def number_of_calls(tables: tuple[Table, ...]) -> int:
    """How many calls the tables describe.

    Raises:
        ValueError: They disagree, or are malformed: a mistake of the evaluator's.
    """
    lengths = set()
    for table in tables:
        rows, index = table.rows, table.index
        if rows.ndim != 2 or rows.shape[1] != len(table.record.fields) or not len(table.record.fields):
            raise ValueError(
                f"rows of {table.record.name} have shape {rows.shape}, not (n, {len(table.record.fields)})"
            )
        if index is not None and len(index) and not (index.min() >= 0 and index.max() < len(rows)):
            raise ValueError(f"an index into {table.record.name} points beyond its {len(rows)} rows")
        lengths.add(len(rows) if index is None else len(index))
    if len(lengths) != 1:
        raise ValueError(f"tables of {sorted(lengths)} calls in one lockstep")
    return lengths.pop()


def field_names(record: RecordType) -> list[Value]:
    """The fields of a record.

    Raises:
        ValueError: They cannot be attributes of an object in Python: a mistake of the evaluator's.
    """
    fields = record.fields
    if len(set(fields)) != len(fields):
        raise ValueError(f"{record.name} has a field twice: {', '.join(fields)}")
    for name in (record.name, *fields):
        if not name.isidentifier() or keyword.iskeyword(name) or name.startswith("_"):
            raise ValueError(f"{name!r} can be no record's or field's name")
    return list(fields)
