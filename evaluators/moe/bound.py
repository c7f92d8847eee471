"""How well any placement can balance a load, even with the load known."""

import numpy as np

from evaluators.moe.loads import ExpertLoads
from evaluators.moe.placement import Deployment
from evolve.problem import Floats


def balancedness_bound(loads: ExpertLoads, deployment: Deployment) -> float:
    """A value of balancedness over GPUs, averaged over windows, that no valid mapping can beat.

    Proof. In a layer with load l_e for expert e, let a valid mapping give it c_e >= 1 replicas, sum c_e = R.

    1. Every token is on some GPU, so the most loaded GPU has at least the mean, sum l_e / K.
    2. The GPU that holds a replica of e has at least l_e / c_e, so the most loaded one has at least
       max_e l_e / c_e, which is at least its minimum m* over all ways to share R replicas out.

    Balancedness of a window is (sum over layers of means) / (sum over layers of maxima). The means do not
    depend on the mapping; putting max(mean, m*) for each maximum can only raise the ratio.

    m* is found greedily, one replica at a time to the expert with the largest share l_e / c_e. Suppose counts
    d did better: max_e l_e / d_e < m* = l_f / c_f. Then d_f > c_f, so d_g < c_g for some g. Greedy gave g its
    last replica when l_g / (c_g - 1) was the largest share, and shares only shrink, so
    l_g / d_g >= l_g / (c_g - 1) >= l_f / c_f = m*, a contradiction.
    """
    seen = loads.windows[1:]
    means = seen.sum(axis=2) / deployment.num_gpus
    rows = seen.reshape(-1, loads.num_experts)
    floors = means.reshape(-1).copy()
    # Where this many replicas bring every share down to the mean, m* cannot exceed it.
    with np.errstate(divide="ignore", invalid="ignore"):
        wanted = np.where(rows > 0.0, np.ceil(rows / floors[:, np.newaxis]), 1.0)
    short = np.flatnonzero(wanted.sum(axis=1) > deployment.num_replicas)
    floors[short] = np.maximum(floors[short], _smallest_largest_share(rows[short], deployment.num_replicas))
    maxima = floors.reshape(means.shape)
    return float(np.mean(means.sum(axis=1) / maxima.sum(axis=1)))


def _smallest_largest_share(rows: Floats, num_replicas: int) -> Floats:
    """The least possible largest load of a replica, for each row of loads [rows, experts]."""
    counts = np.ones_like(rows)
    every = np.arange(len(rows))
    for _ in range(num_replicas - rows.shape[1]):
        counts[every, (rows / counts).argmax(axis=1)] += 1.0
    largest: Floats = (rows / counts).max(axis=1, initial=0.0)
    return largest
