"""A plain start: every row shows first the cells that promise to be seen again."""


# EVOLVE-BLOCK-START
def column_worth(distinct: int, rows: int, mean_length: float) -> float:
    """How early a column should stand in all rows."""
    return mean_length * (rows - distinct) / rows


def cell_worth(column: float, count: int, length: int, rows: int) -> float:
    """How early a cell should stand in its row: its column's worth, and how often its text is there."""
    return column + 0.01 * length * (count - 1) / rows


def reorder(columns: list[str], rows: list[list[str]]) -> tuple[list[int], list[list[int]]]:
    width, height = len(columns), len(rows)
    counts: list[dict[str, int]] = [{} for _ in range(width)]
    for row in rows:
        for column, cell in enumerate(row):
            counts[column][cell] = counts[column].get(cell, 0) + 1
    worths = []
    for column in range(width):
        mean_length = sum(len(row[column]) for row in rows) / height
        worths.append(column_worth(len(counts[column]), height, mean_length))

    orders = []
    for row in rows:
        keys = [
            -cell_worth(worths[column], counts[column][cell], len(cell), height)
            for column, cell in enumerate(row)
        ]
        orders.append(sorted(range(width), key=keys.__getitem__))
    texts = ["".join(row[column] for column in order) for row, order in zip(rows, orders, strict=True)]
    sent = sorted(range(height), key=texts.__getitem__)
    return sent, [orders[row] for row in sent]


# EVOLVE-BLOCK-END
