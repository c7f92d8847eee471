"""DeepSeek's global expert-parallel load balancing, written from the description in its README.

Experts are replicated whatever their group, each further replica going to the expert with the most load per
replica; the replicas are then packed onto all GPUs, heaviest first, each onto the least loaded GPU with room.

All layers are handled at once, a row of an array each.
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
    pack_loads = np.zeros((rows, num_packs))
    filled = np.zeros((rows, num_packs), dtype=np.int64)
    packed = np.empty((rows, items), dtype=np.int64)
    for item in np.argsort(-loads, axis=1, kind="stable").T:
        pack = pack_loads.argmin(axis=1)
        place = filled[every, pack]
        packed[every, pack * capacity + place] = item
        filled[every, pack] = place + 1
        # A full pack is out of the running.
        pack_loads[every, pack] += np.where(place + 1 == capacity, np.inf, loads[every, item])
    return packed


def rebalance_experts(
    weight: "np.typing.NDArray[np.float64]", num_replicas: int, num_groups: int, num_nodes: int, num_gpus: int
) -> "np.typing.NDArray[np.int64]":
    num_layers, num_experts = weight.shape
    every = np.arange(num_layers)
    counts = np.ones((num_layers, num_experts))
    per_replica = weight.astype(np.float64)
    experts_of = np.empty((num_layers, num_replicas), dtype=np.int64)
    experts_of[:, :num_experts] = np.arange(num_experts)
    for replica in range(num_experts, num_replicas):
        heaviest = per_replica.argmax(axis=1)
        experts_of[:, replica] = heaviest
        counts[every, heaviest] += 1
        per_replica[every, heaviest] = weight[every, heaviest] / counts[every, heaviest]
    packed = pack_evenly(np.take_along_axis(per_replica, experts_of, axis=1), num_gpus)
    return np.take_along_axis(experts_of, packed, axis=1)
