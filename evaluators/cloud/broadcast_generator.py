"""Synthetic broadcasts: regions of three providers with list prices and noisy throughputs.

The price rules are those that the price grid of the published benchmark follows (egress of AWS, Azure and
Google Cloud as Skyplane recorded it in 2022); medians and spreads of the throughputs are fitted to its
throughput grid, by pair of providers and by whether a link stays on its continent.
"""

import msgspec
import numpy as np

from evaluators.cloud.broadcast import Broadcast, Grid, Link, provider_of

PROVIDERS = ("aws", "azure", "gcp")
INGRESS_GBPS = {"aws": 10.0, "gcp": 16.0, "azure": 16.0}
"""What a VM can receive, as published."""
EGRESS_GBPS = {"aws": 5.0, "gcp": 7.0, "azure": 16.0}
"""What a VM can send, as published."""

_CONTINENTS = ("na", "eu", "as", "oc", "me", "sa", "af")
_CONTINENT_WEIGHTS = (17, 21, 18, 4, 5, 4, 2)
"""Regions of the published grid on each continent: North America, Europe, Asia, Oceania, Middle East, South
America, Africa."""

# USD/GB by the sender's continent: to another region of the same provider, and to another provider.
_AWS_OWN = {"na": 0.02, "eu": 0.02, "as": 0.09, "oc": 0.098, "me": 0.1105, "sa": 0.138, "af": 0.147}
_AWS_OTHER = {"na": 0.09, "eu": 0.09, "as": 0.114, "oc": 0.114, "me": 0.117, "sa": 0.15, "af": 0.154}
_AZURE_OWN = {"na": 0.05, "eu": 0.05, "as": 0.08, "oc": 0.08, "me": 0.08, "sa": 0.16, "af": 0.08}
_AZURE_OTHER = {"na": 0.0875, "eu": 0.0875, "as": 0.12, "oc": 0.12, "me": 0.12, "sa": 0.181, "af": 0.12}
_GCP_WITHIN = {"na": 0.01, "eu": 0.02, "as": 0.05}

# Gbit/s of a VM on the same continent and on another: median, standard deviation of the logarithm.
_THROUGHPUTS = {
    ("aws", "aws"): ((5.04, 0.02), (4.91, 0.06)),
    ("aws", "azure"): ((5.04, 0.02), (5.09, 0.04)),
    ("aws", "gcp"): ((4.80, 0.37), (4.75, 0.49)),
    ("azure", "aws"): ((7.75, 0.29), (2.88, 0.51)),
    ("azure", "azure"): ((18.65, 0.15), (13.21, 0.25)),
    ("azure", "gcp"): ((14.12, 0.21), (5.68, 0.57)),
    ("gcp", "aws"): ((7.20, 0.04), (5.57, 0.29)),
    ("gcp", "azure"): ((7.52, 0.05), (7.92, 0.13)),
    ("gcp", "gcp"): ((30.61, 0.12), (20.10, 0.32)),
}


class RandomBroadcast(msgspec.Struct, frozen=True, kw_only=True):
    """Parameters of the generator."""

    seed: int
    regions: int
    destinations: int
    providers: tuple[str, ...] = PROVIDERS
    """Of all regions, relays included."""
    within: str | None = None
    """The provider of the source and of all destinations; None for any."""
    data_gb: float = 300.0
    partitions: int = 10
    vms: int = 2
    price_spread: float = 0.0
    """Each region's prices are multiplied by a number between 1 - this and 1 + this."""
    noise: float = 1.0
    """Factor on the standard deviation of throughputs."""

    def generate(self) -> Broadcast:
        """The broadcast; the same for the same parameters.

        Uses NumPy's legacy generator, whose stream is frozen for good (NEP 19).
        """
        stream = np.random.RandomState(self.seed)
        regions = _regions(self, stream)
        grid = _grid(self, regions, stream)
        eligible = [region for region in regions if self.within in (None, provider_of(region))]
        chosen = [eligible[number] for number in stream.permutation(len(eligible))]
        return Broadcast(
            source=chosen[0],
            destinations=tuple(chosen[1 : self.destinations + 1]),
            grid=grid,
            data_gb=self.data_gb,
            partitions=self.partitions,
            vms=self.vms,
            ingress_gbps=INGRESS_GBPS,
            egress_gbps=EGRESS_GBPS,
        )


def _regions(model: RandomBroadcast, stream: np.random.RandomState) -> list[str]:
    """Names such as "gcp:eu-2"; providers in turn, continents at random."""
    shares = np.cumsum(_CONTINENT_WEIGHTS) / sum(_CONTINENT_WEIGHTS)
    counts: dict[str, int] = {}
    names = []
    for number in range(model.regions):
        provider = model.providers[number % len(model.providers)]
        place = f"{provider}:{_CONTINENTS[int(np.searchsorted(shares, stream.random_sample(), 'right'))]}"
        counts[place] = counts.get(place, 0) + 1
        names.append(f"{place}-{counts[place]}")
    return [names[number] for number in stream.permutation(len(names))]


def _grid(model: RandomBroadcast, regions: list[str], stream: np.random.RandomState) -> Grid:
    grid = {}
    for sender in regions:
        factor = 1.0 + model.price_spread * (2.0 * stream.random_sample() - 1.0)
        draws = stream.standard_normal(len(regions)).tolist()
        grid[sender] = {
            receiver: Link(
                cost=round(factor * list_price(sender, receiver), 4),
                throughput=model.vms * _throughput(sender, receiver, model.noise * draw),
            )
            for receiver, draw in zip(regions, draws, strict=True)
            if receiver != sender
        }
    return grid


def list_price(sender: str, receiver: str) -> float:
    """Price of egress in USD/GB between two regions with names such as "gcp:eu-2"."""
    provider, start, end = provider_of(sender), _continent(sender), _continent(receiver)
    own = provider == provider_of(receiver)
    if provider == "aws":
        return (_AWS_OWN if own else _AWS_OTHER)[start]
    if provider == "azure":
        if not own:
            return _AZURE_OTHER[start]
        return 0.02 if start == end and start in ("na", "eu") else _AZURE_OWN[start]
    if own and start == end:
        return _GCP_WITHIN.get(start, 0.08)
    if "oc" in (start, end):
        return 0.15 if own else 0.19
    return 0.08 if own else 0.12


def _throughput(sender: str, receiver: str, deviation: float) -> float:
    """Gbit/s of a VM, rounded far coarser than a double, so that the last bit of `exp` does not matter."""
    near, far = _THROUGHPUTS[provider_of(sender), provider_of(receiver)]
    median, spread = near if _continent(sender) == _continent(receiver) else far
    return max(0.1, round(median * float(np.exp(spread * deviation)), 3))


def _continent(region: str) -> str:
    return region.partition(":")[2].partition("-")[0]
