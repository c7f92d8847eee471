"""What a mapping of physical to logical experts makes of a load. All of it follows from `phy2log` alone."""

import msgspec
import numpy as np

from evaluators.checks import Integers, integer_array
from evolve.problem import Floats, InvalidDecision


class Deployment(msgspec.Struct, frozen=True, kw_only=True):
    """What the experts of a layer are placed on: slots for physical experts ("replicas") on GPUs on nodes."""

    num_replicas: int
    num_groups: int
    num_nodes: int
    num_gpus: int

    def misfit(self, num_experts: int) -> str | None:
        """Why a model with this many experts in a layer cannot be placed on it, or None where it can."""
        if min(self.num_replicas, self.num_groups, self.num_nodes, self.num_gpus) < 1:
            return "replicas, groups, nodes and GPUs must each be at least one"
        if self.num_gpus % self.num_nodes:
            return f"{self.num_gpus} GPUs do not divide evenly over {self.num_nodes} nodes"
        if self.num_replicas % self.num_gpus:
            return f"{self.num_replicas} replicas do not divide evenly over {self.num_gpus} GPUs"
        if num_experts > self.num_replicas:
            return f"{num_experts} experts need at least as many replicas, and there are {self.num_replicas}"
        if num_experts % self.num_groups:
            return f"{num_experts} experts do not divide evenly into {self.num_groups} groups"
        return None


class PlacedLoads(msgspec.Struct, frozen=True):
    """Loads that a placement gives to replicas and GPUs, in tokens."""

    replicas: Floats
    """Shape (layers, num_replicas), in the order of the slots."""
    gpus: Floats
    """Shape (layers, num_gpus)."""


def checked_mapping(answer: object, num_layers: int, num_experts: int, deployment: Deployment) -> Integers:
    """The mapping `phy2log` [num_layers, num_replicas] in a candidate's answer.

    The answer is the mapping itself, or a sequence that begins with it, as in the published signature
    `(phy2log, log2phy, logcnt)`. The other two follow from the first and are not looked at.

    Raises:
        InvalidDecision: The shape is wrong, or an expert does not exist or has no replica.
    """
    mapping = integer_array(
        _first_of(answer), "phy2log", (num_layers, deployment.num_replicas), 0, num_experts, ("layer", "slot")
    )
    missing = np.argwhere(replica_counts(mapping, num_experts) == 0)
    if len(missing):
        layer, expert = (int(index) for index in missing[0])
        more = f" (and {len(missing) - 1} more are missing)" if len(missing) > 1 else ""
        raise InvalidDecision(
            f"phy2log[{layer}]: expert {expert} has no replica; each of the {num_experts} experts needs at"
            f" least one in every layer{more}"
        )
    return mapping


def _first_of(answer: object) -> object:
    """The mapping in an answer that may hold more: a sequence whose first entry has two axes by itself."""
    if isinstance(answer, (list, tuple)) and answer and _axes(answer[0]) >= 2:
        first: object = answer[0]
        return first
    return answer


def _axes(value: object) -> int:
    """How many axes a nested value seems to have, by its first entries; 2 stands for two or more."""
    if isinstance(value, np.ndarray):
        return min(value.ndim, 2)
    if not isinstance(value, (list, tuple)):
        return 0
    return 2 if value and _is_sequence(value[0]) else 1


def _is_sequence(value: object) -> bool:
    return isinstance(value, (list, tuple)) or (isinstance(value, np.ndarray) and value.ndim > 0)


def replica_counts(phy2log: Integers, num_experts: int) -> Integers:
    """How many replicas each logical expert has, shape (layers, num_experts)."""
    layers = len(phy2log)
    offset = phy2log + num_experts * np.arange(layers)[:, np.newaxis]
    return np.bincount(offset.ravel(), minlength=layers * num_experts).reshape(layers, num_experts)


def place(load: Floats, phy2log: Integers, num_gpus: int) -> PlacedLoads:
    """Give the load of each logical expert to its replicas in equal parts.

    Args:
        load: Tokens, shape (layers, experts).
        phy2log: A checked mapping, shape (layers, num_replicas); each GPU has a run of consecutive slots.
        num_gpus: Number of GPUs.
    """
    counts = replica_counts(phy2log, load.shape[1])
    replicas = np.take_along_axis(load / counts, phy2log, axis=1)
    return PlacedLoads(replicas=replicas, gpus=replicas.reshape(len(load), num_gpus, -1).sum(axis=2))


def balancedness(totals: Floats, parts: Floats) -> float:
    """How evenly loads are spread over parts: 1 is perfect.

    The ratio of two sums over layers, of the mean and of the maximum over parts; the published rule of the
    expert-placement benchmark (ADRS leaderboard, problem eplb).

    Args:
        totals: Load of each layer, shape (layers,); their sum is positive.
        parts: Load of each part (GPU or slot), shape (layers, parts), adding up to `totals`.
    """
    means = totals / parts.shape[1]
    # A maximum is never below the mean; rounding of the sums may say otherwise.
    return float(means.sum() / np.maximum(parts.max(axis=1), means).sum())
