"""Longest processing time first: Graham, Bounds on Multiprocessing Timing Anomalies, 1969.

Every expert has the same number of replicas; where slots are left over, the heaviest have one more. Replicas
go in descending order of their load, each to the least loaded GPU that has a free slot.
"""

import heapq

import numpy as np


def rebalance_experts(
    weight: "np.typing.NDArray[np.float64]", num_replicas: int, num_groups: int, num_nodes: int, num_gpus: int
) -> list[list[int]]:
    num_experts = weight.shape[1]
    slots_per_gpu = num_replicas // num_gpus
    everyone, left_over = divmod(num_replicas, num_experts)
    mapping = []
    for loads in weight.tolist():
        heaviest_first = sorted(range(num_experts), key=lambda expert: -loads[expert])
        replicas = []
        for rank, expert in enumerate(heaviest_first):
            count = everyone + (rank < left_over)
            replicas.extend([(loads[expert] / count, expert)] * count)
        replicas.sort(key=lambda replica: -replica[0])
        gpus: list[list[int]] = [[] for _ in range(num_gpus)]
        with_room = [(0.0, gpu) for gpu in range(num_gpus)]
        for load, expert in replicas:
            gpu_load, gpu = with_room[0]
            gpus[gpu].append(expert)
            if len(gpus[gpu]) < slots_per_gpu:
                heapq.heapreplace(with_room, (gpu_load + load, gpu))
            else:
                heapq.heappop(with_room)
        mapping.append([expert for gpu in gpus for expert in gpu])
    return mapping
