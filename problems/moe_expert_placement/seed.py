"""A plain start: shares replicas out by load, then deals them to the GPUs, the heaviest to the emptiest."""

from heapq import heapify, heapreplace

import numpy as np

# EVOLVE-BLOCK-START
planned: dict[int, list[float]] = {}


def expected_load(load: float, previous: float, mean_load: float) -> float:
    """The load to plan for, from what was seen in this window and what was planned for it."""
    return load


def replica_priority(load: float, count: int, mean_load: float) -> float:
    """How much an expert that has `count` replicas wants another one."""
    return load / count


def rebalance_experts(
    weight: "np.typing.NDArray[np.float64]",
    num_replicas: int,
    num_groups: int,
    num_nodes: int,
    num_gpus: int,
) -> list[list[int]]:
    num_experts = weight.shape[1]
    mapping = []
    for layer, seen in enumerate(weight.tolist()):
        mean_load = sum(seen) / num_experts
        before = planned.get(layer, seen)
        loads = [
            expected_load(load, previous, mean_load) for load, previous in zip(seen, before, strict=True)
        ]
        planned[layer] = loads

        # What every expert gets in any case, then one replica after the other to the highest priority.
        sure = (num_replicas - num_experts) / (sum(loads) or 1.0)
        counts = [max(1, int(load * sure)) for load in loads]
        queue = [
            (-replica_priority(load, counts[expert], mean_load), expert) for expert, load in enumerate(loads)
        ]
        heapify(queue)
        for _ in range(num_replicas - sum(counts)):
            expert = queue[0][1]
            counts[expert] += 1
            heapreplace(queue, (-replica_priority(loads[expert], counts[expert], mean_load), expert))

        # As many replicas at a time as there are GPUs, the heaviest replica to the emptiest GPU.
        shares = [load / count for load, count in zip(loads, counts, strict=True)]
        heaviest = sorted(range(num_experts), key=shares.__getitem__, reverse=True)
        replicas = [expert for expert in heaviest for _ in range(counts[expert])]
        gpus: list[list[int]] = [[] for _ in range(num_gpus)]
        gpu_loads = [0.0] * num_gpus
        for start in range(0, num_replicas, num_gpus):
            emptiest = sorted(range(num_gpus), key=gpu_loads.__getitem__)
            for gpu, expert in zip(emptiest, replicas[start : start + num_gpus], strict=True):
                gpus[gpu].append(expert)
                gpu_loads[gpu] += shares[expert]
        mapping.append([expert for gpu in gpus for expert in gpu])
    return mapping


# EVOLVE-BLOCK-END
