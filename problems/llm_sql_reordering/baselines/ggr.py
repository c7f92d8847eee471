"""GGR, greedy group recursion (Liu et al., "Optimizing LLM Queries in Relational Data Analytics Workloads",
MLSys 2025).

The value that promises most hits (its squared length, once for each row after the first that has it) goes
to the front of all rows that have it. Those are ordered by the same rule in their other columns, and then
the rest in the same way. The algorithm of the paper without early stopping; its functional dependencies are
the columns that the table has merged.
"""


def reorder(columns, rows):
    requests = []
    group_rows(rows, list(range(len(rows))), list(range(len(columns))), [], requests)
    return [row for row, _ in requests], [order for _, order in requests]


def group_rows(rows, chosen, columns, front, requests):
    """Append the chosen rows to the requests, each with `front` and then the order of its other columns."""
    while chosen:
        hits, column, value = best_group(rows, chosen, columns)
        if hits == 0:
            requests.extend((row, front + columns) for row in chosen)
            return
        inside = [row for row in chosen if rows[row][column] == value]
        others = [other for other in columns if other != column]
        group_rows(rows, inside, others, [*front, column], requests)
        chosen = [row for row in chosen if rows[row][column] != value]


def best_group(rows, chosen, columns):
    """The most hits that one value brings, its column, and the value; no hits where nothing repeats."""
    best = (0, -1, "")
    for column in columns:
        counts = {}
        for row in chosen:
            cell = rows[row][column]
            counts[cell] = counts.get(cell, 0) + 1
        for value, count in counts.items():
            hits = len(value) ** 2 * (count - 1)
            if hits > best[0]:
                best = (hits, column, value)
    return best
