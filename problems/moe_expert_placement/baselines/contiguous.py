"""Contiguous placement: experts in order of their number, over and over until every slot is taken.

The mapping that an expert-parallel engine starts with, before it has seen any load.
"""

import numpy as np


def rebalance_experts(
    weight: "np.typing.NDArray[np.float64]", num_replicas: int, num_groups: int, num_nodes: int, num_gpus: int
) -> "np.typing.NDArray[np.int64]":
    num_layers, num_experts = weight.shape
    return np.tile(np.arange(num_replicas) % num_experts, (num_layers, 1))
