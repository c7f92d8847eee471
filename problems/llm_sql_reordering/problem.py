"""The problem `llm_sql_reordering`: rows and cells in the order that shares most prefixes."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import ClassVar, TypeAlias

from evaluators.database.prefix_bound import least_computed
from evaluators.database.prefix_cache import common_prefix, count_prefixes
from evaluators.database.prefix_order import checked_requests
from evaluators.database.prefix_published import leaderboard_quality
from evaluators.database.prefix_table import PUBLISHED_MERGES, RequestTable, read_table
from evolve.problem import (
    Candidate,
    Direction,
    EntryPoint,
    Instance,
    Limits,
    Objective,
    Outcome,
    Problem,
    Split,
)
from problems.llm_sql_reordering.tables import generated_tables

TableInstance: TypeAlias = Instance[RequestTable]


class LlmSqlReordering(Problem[RequestTable]):
    """Order the rows of a table, and the cells of each row, so that a cache of prefixes saves most work."""

    name: ClassVar[str] = "llm_sql_reordering"
    summary: ClassVar[str] = (
        "order rows and cells of a table sent to a language model so that prefixes are reused"
    )
    entry_point: ClassVar[EntryPoint] = EntryPoint("reorder", ("columns", "rows"))
    objectives: ClassVar[tuple[Objective, ...]] = (
        Objective("computed_share", "ratio", Direction.MINIMISE),
        Objective("prefix_hit_rate", "ratio", Direction.MAXIMISE),
        Objective("adjacent_hit_rate", "ratio", Direction.MAXIMISE),
        Objective("cpu_seconds", "s", Direction.MINIMISE),
    )
    baselines: ClassVar[Mapping[str, str]] = {
        "original order": "baselines/original_order.py",
        "fixed field order": "baselines/fixed_field_order.py",
        "GGR (early stop)": "baselines/ggr_early_stop.py",
        "GGR": "baselines/ggr.py",
    }
    bound_name: ClassVar[str] = "text that occurs"
    limits: ClassVar[Limits] = Limits(cpu_seconds=30.0, memory_bytes=2**30)
    needs_numpy: ClassVar[bool] = True

    def instances(self, split: Split) -> Sequence[TableInstance]:
        """The generated tables of a split."""
        return generated_tables(split)

    def read_instances(self, path: Path) -> Sequence[TableInstance]:
        """Read a CSV file as one table; a file named like a published table has that table's columns merged.

        Raises:
            InstanceFileError: It is no CSV file with a header and rows.
        """
        return (Instance(path.stem, read_table(path).merged(PUBLISHED_MERGES.get(path.stem, ()))),)

    def evaluate(self, instance: TableInstance, candidate: Candidate) -> Outcome:
        """Ask for an order and count; `cpu_seconds` is the executor's to measure."""
        table = instance.payload
        answer = candidate.call(
            self.entry_point.function, list(table.columns), [list(row) for row in table.rows]
        )
        requests = checked_requests(answer, table)
        counts = count_prefixes(requests)
        return Outcome(
            instance=instance.name,
            value=counts.computed_share,
            metrics={
                "computed_share": counts.computed_share,
                "prefix_hit_rate": counts.hit_rate,
                "adjacent_hit_rate": counts.adjacent_hits / counts.characters,
                "published_score": leaderboard_quality(counts.hit_rate),
            },
            feedback=_diagnosis(table, requests, counts.hit_rate),
        )

    def bound(self, instance: TableInstance) -> float:
        """A share that every order has to compute; one minus it bounds the prefix hit rate from above."""
        return least_computed(instance.payload) / instance.payload.characters


def _diagnosis(table: RequestTable, requests: Sequence[str], hit_rate: float) -> str:
    """How much hits, what could at best, and the request for which most is computed."""
    best = 1.0 - least_computed(table) / table.characters
    told = (
        f"{len(table.rows)} rows x {len(table.columns)} columns: prefix hit rate {hit_rate:.4f}; no order has"
        f" more than {best:.4f}."
    )
    ranked = sorted(requests)
    pairs = [(text, common_prefix(before, text)) for before, text in pairwise(ranked)]
    if not pairs:
        return told
    text, shared = max(pairs, key=lambda pair: len(pair[0]) - pair[1])
    return (
        f"{told}\nMost is computed for the request that begins {text[:60]!r}: {len(text) - shared}"
        f" characters after {shared} that are shared."
    )


problem = LlmSqlReordering()
