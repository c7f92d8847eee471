"""DeepSeek's hierarchical expert-parallel load balancing, written from the description in its README.

Expert groups are packed onto nodes evenly; experts are replicated within each node, each further replica
going to the expert with the most load per replica; the replicas of a node are packed onto its GPUs evenly.
Where groups do not divide evenly over nodes, all experts are one group on one node: the global policy.

All nodes of all layers are handled at once, a row of an array each.
"""

import numpy as np


def pack_evenly(loads: "np.typing.NDArray[np.float64]", num_packs: int) -> "np.typing.NDArray[np.int64]":
    """Assign items to packs of equal size, heaviest first, each to the least loaded pack with room.

    Takes loads [rows, items]; returns the items of the packs one after the other, [rows, items].
    """
    rows, items = loads.shape
    capacity = items // num_packs
    if capacity == 1:
        return np.tile(np.arange(items), (rows, 1))
    every = np.arange(rows)
    order = np.argsort(-loads, axis=1, kind="stable")
    pack_loads = np.zeros((rows, num_packs))
    filled = np.zeros((rows, num_packs), dtype=np.int64)
    packed = np.empty((rows, items), dtype=np.int64)
    for item in order.T:
        pack = pack_loads.argmin(axis=1)
        place = filled[every, pack]
        packed[every, pack * capacity + place] = item
        filled[every, pack] = place + 1
        # A full pack is out of the running.
        pack_loads[every, pack] += np.where(place + 1 == capacity, np.inf, loads[every, item])
    return packed


def replicate(
    loads: "np.typing.NDArray[np.float64]", num_replicas: int
) -> tuple["np.typing.NDArray[np.int64]", "np.typing.NDArray[np.float64]"]:
    """Share replicas out, each further one to the expert with the most load per replica.

    Takes loads [rows, experts]; returns the expert of each replica [rows, num_replicas], the first replica
    of every expert before all further ones, and the number of replicas of each expert [rows, experts].
    """
    rows, experts = loads.shape
    every = np.arange(rows)
    counts = np.ones((rows, experts))
    per_replica = loads.copy()
    experts_of = np.empty((rows, num_replicas), dtype=np.int64)
    experts_of[:, :experts] = np.arange(experts)
    for replica in range(experts, num_replicas):
        heaviest = per_replica.argmax(axis=1)
        experts_of[:, replica] = heaviest
        counts[every, heaviest] += 1
        per_replica[every, heaviest] = loads[every, heaviest] / counts[every, heaviest]
    return experts_of, counts


def rebalance_experts(
    weight: "np.typing.NDArray[np.float64]", num_replicas: int, num_groups: int, num_nodes: int, num_gpus: int
) -> "np.typing.NDArray[np.int64]":
    num_layers, num_experts = weight.shape
    weight = weight.astype(np.float64)
    if num_groups % num_nodes:
        num_groups, num_nodes = 1, 1
    group_size = num_experts // num_groups

    # Groups to nodes: which logical experts each node has, [layers * nodes, experts of a node].
    group_loads = weight.reshape(num_layers, num_groups, group_size).sum(axis=2)
    groups = pack_evenly(group_loads, num_nodes)
    experts = (groups[:, :, np.newaxis] * group_size + np.arange(group_size)).reshape(
        num_layers * num_nodes, -1
    )

    # Replicas within each node.
    loads = np.take_along_axis(np.repeat(weight, num_nodes, axis=0), experts, axis=1)
    experts_of, counts = replicate(loads, num_replicas // num_nodes)

    # Replicas of each node to its GPUs.
    replica_loads = np.take_along_axis(loads / counts, experts_of, axis=1)
    packed = pack_evenly(replica_loads, num_gpus // num_nodes)
    local = np.take_along_axis(experts_of, packed, axis=1)
    return np.take_along_axis(experts, local, axis=1).reshape(num_layers, num_replicas)
