"""The problem `moe_expert_placement`: which replica of which expert on which GPU."""

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, TypeAlias

import numpy as np

from evaluators.moe.bound import balancedness_bound
from evaluators.moe.history import read_load_history
from evaluators.moe.published import leaderboard_quality
from evaluators.moe.replay import diagnosis, replay
from evolve.problem import (
    Candidate,
    Direction,
    EntryPoint,
    Feature,
    Instance,
    InstanceFileError,
    Limits,
    Objective,
    Outcome,
    Problem,
    Split,
)
from problems.moe_expert_placement.workloads import PUBLISHED, Workload, generated_workloads

WorkloadInstance: TypeAlias = Instance[Workload]


class MoeExpertPlacement(Problem[Workload]):
    """Replicate and place the experts of a mixture-of-experts model so that GPUs are evenly loaded."""

    name: ClassVar[str] = "moe_expert_placement"
    summary: ClassVar[str] = "replicate and place experts so that GPUs stay evenly loaded as traffic changes"
    entry_point: ClassVar[EntryPoint] = EntryPoint(
        "rebalance_experts", ("weight", "num_replicas", "num_groups", "num_nodes", "num_gpus")
    )
    objectives: ClassVar[tuple[Objective, ...]] = (
        Objective("balancedness_gpu", "ratio", Direction.MAXIMISE),
        Objective("balancedness_expert", "ratio", Direction.MAXIMISE),
        Objective("cpu_seconds", "s", Direction.MINIMISE),
    )
    baselines: ClassVar[dict[str, str]] = {
        "contiguous": "baselines/contiguous.py",
        "LPT": "baselines/lpt.py",
        "EPLB (hierarchical)": "baselines/eplb_hierarchical.py",
        "EPLB (global)": "baselines/eplb_global.py",
    }
    bound_name: ClassVar[str] = "balance bound"
    features: ClassVar[tuple[Feature, ...]] = (
        Feature("num_replicas", "1", "physical experts in a layer"),
        Feature("num_groups", "1", "groups into which the experts of a layer are divided"),
        Feature("num_nodes", "1", "nodes"),
        Feature("num_gpus", "1", "GPUs over all nodes"),
        Feature("weight.shape[1]", "1", "logical experts in a layer"),
        Feature("weight.mean()", "tokens", "mean load of an expert in the window seen"),
        Feature("weight.max()", "tokens", "load of the heaviest expert in the window seen"),
    )
    limits: ClassVar[Limits] = Limits()
    needs_numpy: ClassVar[bool] = True

    def instances(self, split: Split) -> Sequence[WorkloadInstance]:
        """The generated workloads of a split."""
        return generated_workloads(split)

    def read_instances(self, path: Path) -> Sequence[WorkloadInstance]:
        """Read a vLLM load history as one workload on the published deployment, windows of 100 steps.

        Raises:
            InstanceFileError: The file is no load history, or its experts do not fit the deployment.
        """
        loads = read_load_history(path)
        misfit = PUBLISHED.misfit(loads.num_experts)
        if misfit:
            raise InstanceFileError(
                f"{path} has {loads.num_layers} layers of {loads.num_experts} experts, which do not fit the"
                f" published deployment ({PUBLISHED.num_replicas} replicas, {PUBLISHED.num_groups} groups,"
                f" {PUBLISHED.num_nodes} nodes, {PUBLISHED.num_gpus} GPUs): {misfit}; the number of experts"
                f" has to be a multiple of {PUBLISHED.num_groups} and at most {PUBLISHED.num_replicas}"
            )
        return (Instance(path.stem, Workload(loads, PUBLISHED)),)

    def evaluate(self, instance: WorkloadInstance, candidate: Candidate) -> Outcome:
        """Replay the workload; `cpu_seconds` is the executor's to measure."""
        loads, deployment = instance.payload.loads, instance.payload.deployment
        rebalances = replay(loads, deployment, candidate, self.entry_point.function)
        gpu = float(np.mean([rebalance.gpu for rebalance in rebalances]))
        expert = float(np.mean([rebalance.expert for rebalance in rebalances]))
        return Outcome(
            instance=instance.name,
            value=gpu,
            metrics={
                "balancedness_gpu": gpu,
                "balancedness_expert": expert,
                "rebalances": float(len(rebalances)),
                "published_score": leaderboard_quality(gpu),
            },
            feedback=diagnosis(loads, deployment, rebalances),
        )

    def bound(self, instance: WorkloadInstance) -> float:
        """Balance that cannot be beaten even by a placement that knows the loads; 1 or a little less."""
        return balancedness_bound(instance.payload.loads, instance.payload.deployment)


problem = MoeExpertPlacement()
