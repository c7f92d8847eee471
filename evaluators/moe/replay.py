"""Replays expert loads window by window: a placement made from one window is judged on the next."""

import msgspec
import numpy as np

from evaluators.checks import Integers
from evaluators.moe.loads import ExpertLoads
from evaluators.moe.placement import Deployment, balancedness, checked_mapping, place, replica_counts
from evolve.problem import Candidate, Floats, InvalidDecision


class Rebalance(msgspec.Struct, frozen=True):
    """One placement, and what became of it."""

    window: int
    """The window that it was judged on; it was made from the one before."""
    phy2log: Integers
    gpu: float
    """Balancedness over GPUs on the window it was judged on."""
    expert: float
    """Balancedness over slots on the window it was judged on."""
    gpu_seen: float
    """Balancedness over GPUs on the window that it was made from."""


def replay(
    loads: ExpertLoads, deployment: Deployment, candidate: Candidate, function: str
) -> tuple[Rebalance, ...]:
    """Ask for a placement after each window but the last, and judge it on the window that follows.

    The candidate gets a copy of the window, shape (layers, experts) float64, and the numbers of the
    deployment. It is asked in the order of time, and no window reaches it before all earlier answers.

    Raises:
        CandidateFailure: The candidate failed, or a mapping is not valid.
    """
    rebalances: list[Rebalance] = []
    for window in range(1, loads.num_windows):
        seen, judged = loads.windows[window - 1], loads.windows[window]
        answer = candidate.call(
            function,
            seen.copy(),
            deployment.num_replicas,
            deployment.num_groups,
            deployment.num_nodes,
            deployment.num_gpus,
        )
        try:
            mapping = checked_mapping(answer, loads.num_layers, loads.num_experts, deployment)
        except InvalidDecision as error:
            raise InvalidDecision(f"answer to window {window - 1}: {error.feedback}") from None
        placed = place(judged, mapping, deployment.num_gpus)
        totals = judged.sum(axis=1)
        rebalances.append(
            Rebalance(
                window=window,
                phy2log=mapping,
                gpu=balancedness(totals, placed.gpus),
                expert=balancedness(totals, placed.replicas),
                gpu_seen=balancedness(seen.sum(axis=1), place(seen, mapping, deployment.num_gpus).gpus),
            )
        )
    return tuple(rebalances)


def diagnosis(loads: ExpertLoads, deployment: Deployment, rebalances: tuple[Rebalance, ...]) -> str:
    """What limits balance, in two lines for the author of a program."""
    seen = float(np.mean([rebalance.gpu_seen for rebalance in rebalances]))
    judged = float(np.mean([rebalance.gpu for rebalance in rebalances]))
    worst = min(rebalances, key=lambda rebalance: rebalance.gpu)
    bottleneck = _bottleneck(loads.windows[worst.window], deployment, worst)
    return (
        f"GPU balance {judged:.4f} on the windows that followed,"
        f" {seen:.4f} on the windows that the placements were made from.\n"
        f"Worst: window {worst.window} ({worst.gpu:.3f}); {bottleneck}"
    )


def _bottleneck(load: Floats, deployment: Deployment, rebalance: Rebalance) -> str:
    """The layer that costs a window most, its fullest GPU, and the expert that fills it."""
    placed = place(load, rebalance.phy2log, deployment.num_gpus)
    excess = placed.gpus.max(axis=1) - placed.gpus.mean(axis=1)
    layer = int(excess.argmax())
    gpu = int(placed.gpus[layer].argmax())
    slots = deployment.num_replicas // deployment.num_gpus
    on_gpu = rebalance.phy2log[layer, gpu * slots : (gpu + 1) * slots]
    parts = np.bincount(
        on_gpu,
        weights=placed.replicas[layer, gpu * slots : (gpu + 1) * slots],
        minlength=load.shape[1],
    )
    expert = int(parts.argmax())
    replicas = int(replica_counts(rebalance.phy2log, load.shape[1])[layer, expert])
    fullest, mean = float(placed.gpus[layer, gpu]), float(placed.gpus[layer].mean())
    return (
        f"in layer {layer} GPU {gpu} carries {fullest / mean:.2f} x the mean, of which expert {expert}"
        f" ({replicas} replica{'s' if replicas > 1 else ''} in the layer) is {parts[expert] / fullest:.0%}."
    )
