"""Original order: rows and cells as they stand in the table."""


def reorder(columns, rows):
    width = len(columns)
    return list(range(len(rows))), [list(range(width)) for _ in rows]
