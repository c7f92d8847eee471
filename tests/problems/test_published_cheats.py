"""The best known cheat of each published evaluator, by the command line as a user would try it."""

from pathlib import Path

import pytest

from tests.support.command import evolve

CHEATS = {
    "multicloud_broadcast": (
        # Published at 578 USD, below what any delivery costs: most partitions do not arrive.
        "def search_algorithm(src, dsts, graph, num_partitions, config):\n"
        "    return {dst: [[src, dst]] * 3 + [[src]] * (num_partitions - 3) for dst in dsts}\n",
        "does not reach",
    ),
    "moe_expert_placement": (
        "def rebalance_experts(weight, num_replicas, num_groups, num_nodes, num_gpus):\n"
        "    return [[0] * num_replicas for _ in weight]\n",
        "has no replica",
    ),
    "llm_sql_reordering": (
        "def reorder(columns, rows):\n    return [0] * len(rows), [list(range(len(columns)))] * len(rows)\n",
        "row 0",
    ),
    "model_placement": (
        # 40.289 on SkyDiscover's scale, where no valid placement has more than 26.256.
        "def compute_model_placement(gpu_num, models, gpu_memory):\n    return list(range(len(models)))\n",
        "must be an integer in 0..",
    ),
    "transaction_scheduling": (
        # 1,000,000 on SkyDiscover's scale.
        "def schedule(transactions):\n    return 0, [[], [], []]\n",
        "the order has 2 entries",
    ),
    "telemetry_repair": (
        "def run_repair(telemetry, topology):\n    return {}\n",
        "all",
    ),
}


@pytest.mark.parametrize("name", CHEATS)
def test_has_no_score(name: str, tmp_path: Path) -> None:
    source, feedback = CHEATS[name]
    (tmp_path / "cheat.py").write_text(source)
    report = evolve("evaluate", name, "cheat.py", "--format", "json", cwd=tmp_path).json()
    assert (report["problem"], report["status"], report["score"]) == (name, "invalid", None)
    assert [outcome["score"] for outcome in report["outcomes"]] == [None]
    assert feedback in report["outcomes"][0]["feedback"]
