"""How much of a table has to be computed whatever the order of its rows and cells."""

from functools import lru_cache

from evaluators.database.prefix_table import RequestTable

_LENGTHS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32)


@lru_cache(maxsize=64)
def least_computed(table: RequestTable) -> int:
    """Characters that miss the cache in every valid order, at least.

    Proof. Characters that miss are nodes of the trie of all requests, the root aside (`count_prefixes`).
    Let a node stand for the text on the path from the root to it.

    1. Fix a length q. The last q characters of a node's text are one text, so there are at least as many
       nodes of depth q or more as there are different texts of q characters that occur anywhere in some
       request. A cell is never cut, so every text of q characters inside a cell occurs, wherever the cell
       stands. The longest request has L >= q characters and passes one node at each depth below q: q - 1
       nodes more.
    2. A request ends at a node whose text has the characters of its row, in some order. So rows with
       different multisets of characters end at different nodes, none of them less deep than the shortest
       request is long; above that the longest request passes one node at each depth.

    The bound is the larger of the two, the first taken for the best of a few lengths q.
    """
    cells = sorted({cell for row in table.rows for cell in row})
    sizes = [sum(map(len, row)) for row in table.rows]
    longest = max(sizes)
    best = _different_rows(table, min(size for size in sizes if size), longest)
    for length in _LENGTHS:
        found = {cell[at : at + length] for cell in cells for at in range(len(cell) - length + 1)}
        if found:
            best = max(best, len(found) + length - 1)
    return best


def _different_rows(table: RequestTable, shortest: int, longest: int) -> int:
    multisets = {"".join(sorted("".join(row))) for row in table.rows}
    multisets.discard("")
    return max(len(multisets) + shortest - 1, longest)
