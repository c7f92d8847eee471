"""A plain start: shares replicas out by load, then fills the GPUs one replica at a time."""

import numpy as np

# EVOLVE-BLOCK-START
planned: dict[int, list[float]] = {}


def expected_load(load: float, previous: float, mean_load: float) -> float:
    """The load to plan for, from what was seen in this window and what was planned for it."""
    return 0.95 * load + 0.05 * previous + 0.01 * mean_load


def replica_priority(load: float, count: int, mean_load: float, num_gpus: int) -> float:
    """How much an expert that has `count` replicas wants another one."""
    return load / (count + 1.0)


def urgency(load: float, count: int, mean_load: float) -> float:
    """Replicas are placed in descending order of this."""
    return load


def gpu_cost(gpu_load: float, filled: int, slots: int, mean_gpu_load: float) -> float:
    """The next replica goes to the GPU with a free slot for which this is least."""
    return gpu_load


def rebalance_experts(
    weight: "np.typing.NDArray[np.float64]",
    num_replicas: int,
    num_groups: int,
    num_nodes: int,
    num_gpus: int,
) -> list[list[int]]:
    num_experts = weight.shape[1]
    slots = num_replicas // num_gpus
    mapping = []
    for layer, seen in enumerate(weight.tolist()):
        mean_load = sum(seen) / num_experts
        before = planned.get(layer, seen)
        loads = [
            expected_load(load, previous, mean_load) for load, previous in zip(seen, before, strict=True)
        ]
        planned[layer] = loads

        # One replica each; every further one to the expert with the highest priority.
        counts = [1] * num_experts
        priorities = [replica_priority(load, 1, mean_load, num_gpus) for load in loads]
        for _ in range(num_replicas - num_experts):
            expert = priorities.index(max(priorities))
            counts[expert] += 1
            priorities[expert] = replica_priority(loads[expert], counts[expert], mean_load, num_gpus)

        # The most urgent replica first, each to the cheapest GPU that has a free slot.
        order = sorted(range(num_experts), key=lambda e: -urgency(loads[e], counts[e], mean_load))
        mean_gpu_load = sum(loads) / num_gpus
        gpus: list[list[int]] = [[] for _ in range(num_gpus)]
        gpu_loads = [0.0] * num_gpus
        costs = [gpu_cost(0.0, 0, slots, mean_gpu_load)] * num_gpus
        for expert in order:
            for _ in range(counts[expert]):
                gpu = costs.index(min(costs))
                gpus[gpu].append(expert)
                gpu_loads[gpu] += loads[expert] / counts[expert]
                filled = len(gpus[gpu])
                cost = gpu_cost(gpu_loads[gpu], filled, slots, mean_gpu_load)
                costs[gpu] = cost if filled < slots else float("inf")
        mapping.append([expert for gpu in gpus for expert in gpu])
    return mapping


# EVOLVE-BLOCK-END
