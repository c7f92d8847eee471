"""Fixed field order: all rows show their columns in one order, chosen from statistics of the table.

The fallback of GGR by itself (Liu et al., "Optimizing LLM Queries in Relational Data Analytics Workloads",
MLSys 2025): columns with long values that repeat come first, and rows are sorted by them.
"""


def expected_hits(rows, column):
    lengths = {}
    squares = 0
    for row in rows:
        cell = row[column]
        if cell in lengths:
            squares += len(cell) ** 2
        else:
            lengths[cell] = len(cell)
    return squares / len(rows)


def reorder(columns, rows):
    order = sorted(range(len(columns)), key=lambda column: -expected_hits(rows, column))
    sent = sorted(range(len(rows)), key=lambda row: [rows[row][column] for column in order])
    return sent, [order] * len(rows)
