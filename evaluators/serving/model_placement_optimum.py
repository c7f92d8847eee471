"""The least possible KV-cache pressure of a fleet, with its proof.

A GPU is within a pressure t if its models' demand is at most t (memory - sizes), that is, if the sum of
demand + t size over its models is at most t memory. So whether a placement within t exists is the question
whether items of these weights fit into as many bins of this capacity as there are GPUs. It is answered by
bin completion (Korf, A new algorithm for optimal bin packing, AAAI 2002), and t is lowered until the answer
is no.
"""

import math

import msgspec

from evaluators.serving.model_placement import Fleet, max_pressure

RESOLUTION = 1e-9
"""Proofs are to this relative difference."""

_MOST_STEPS = 2_000_000
_MOST_MODELS = 200
"""Larger fleets are not searched; the search is as deep as there are models."""

_COARSE = 2e-3
_SCARCE = 6
_ROUNDING = 1e-12


class Optimum(msgspec.Struct, frozen=True):
    """The best placement that was found, and what is proven."""

    pressure: float
    """Of the placement; infinite where none was found."""
    placement: tuple[int, ...]
    bound: float
    """No placement has less pressure, to a relative 1e-9. Equals `pressure` where that is the optimum."""

    @property
    def is_proven(self) -> bool:
        """Whether the placement is known to be optimal."""
        return self.bound == self.pressure < math.inf


class _OutOfSteps(Exception):  # noqa: N818 - an answer, not an error
    """The search was given up."""


def optimum(fleet: Fleet, most_steps: int = _MOST_STEPS) -> Optimum:
    """Search for the optimum; after so many steps, settle for what has been found and proven until then."""
    search = _Search(fleet, most_steps)
    lower = simple_bound(fleet)
    try:
        search.start()
        while lower < search.best < math.inf and len(fleet.models) <= _MOST_MODELS:
            near = search.best - lower < _COARSE * search.best
            threshold = search.best * (1.0 - RESOLUTION) if near else (lower + search.best) / 2.0
            if not search.improve(threshold):
                lower = search.best if near else threshold
    except _OutOfSteps:
        pass
    # Rounding may put a bound above what it is the bound of, by less than the resolution.
    return Optimum(search.best, tuple(search.placement), min(lower, search.best))


def simple_bound(fleet: Fleet) -> float:
    """A pressure that no placement beats: that of divisible models, and that of each model alone."""
    alone = max(model.demand / (fleet.memory - model.size) for model in fleet.models)
    return max(alone, fleet.fractional_pressure)


class _Search:
    """Looks for placements within a threshold that are better than the best one so far."""

    def __init__(self, fleet: Fleet, most_steps: int) -> None:
        self.best = math.inf
        self.placement: list[int] = []
        self._fleet = fleet
        self._steps_left = most_steps
        self._capacity = 0.0
        self._order: list[int] = []
        self._weights: list[float] = []
        self._slack = 0.0
        self._bins: list[tuple[int, ...]] = []
        self._failed: set[tuple[int, tuple[int, ...]]] = set()

    def start(self) -> None:
        """Begin with the models in descending order of weight, each on the GPU it leaves least pressed."""
        fleet = self._fleet
        scale = fleet.fractional_pressure
        demand, size = [0.0] * fleet.gpus, [0.0] * fleet.gpus
        placement = [0] * len(fleet.models)
        models = fleet.models
        for number in sorted(range(len(models)), key=lambda n: -(models[n].demand + scale * models[n].size)):
            model = models[number]
            gpu = min(
                range(fleet.gpus),
                key=lambda g: demand[g] + model.demand + scale * (size[g] + model.size),
            )
            placement[number] = gpu
            demand[gpu] += model.demand
            size[gpu] += model.size
        self._offer(placement)
        if math.isinf(self.best) and len(models) <= _MOST_MODELS:
            self._any_placement()

    def _any_placement(self) -> None:
        """Where memory is scarce: the larger the threshold, the more only sizes count."""
        threshold = self._fleet.fractional_pressure
        for _ in range(_SCARCE):
            threshold *= 10.0
            if self.improve(threshold):
                return

    def improve(self, threshold: float) -> bool:
        """Find a better placement; False proves that none is within the threshold.

        Raises:
            _OutOfSteps: The search was given up.
        """
        models = self._fleet.models
        weights = [model.demand + threshold * model.size for model in models]
        self._order = sorted(range(len(models)), key=lambda number: -weights[number])
        self._weights = [weights[number] for number in self._order]
        self._capacity = threshold * self._fleet.memory
        # Comparisons lean by more than rounding can amount to towards searching on.
        self._slack = _ROUNDING * len(models) * self._capacity
        self._bins = []
        self._failed = set()
        if self._weights[0] > self._capacity + self._slack:
            return False
        waste = self._fleet.gpus * self._capacity - math.fsum(weights)
        return self._complete(tuple(range(len(models))), waste)

    def _offer(self, placement: list[int]) -> bool:
        """Keep a placement if it is better than the best one so far."""
        pressure = max_pressure(self._fleet, placement)
        if not pressure < self.best:
            return False
        self.best, self.placement = pressure, placement
        return True

    def _complete(self, items: tuple[int, ...], waste: float) -> bool:
        """Fill the next bin around the heaviest item that is left, in all ways that can matter.

        `waste` is how much room may stay empty in this and all further bins together.
        """
        if not items:
            return self._offer(self._as_placement())
        if len(self._bins) == self._fleet.gpus:
            return False
        state = (len(self._bins), items)
        if state in self._failed or self._least_waste(items) > waste + self._slack:
            return False
        room = self._capacity - self._weights[items[0]]
        for empty, chosen in self._completions(items[1:], room, waste):
            self._bins.append((items[0], *chosen))
            if self._complete(tuple(item for item in items[1:] if item not in chosen), waste - empty):
                return True
            self._bins.pop()
        self._failed.add(state)
        return False

    def _least_waste(self, items: tuple[int, ...]) -> float:
        """Room that stays empty in any packing of these items.

        As Martello and Toth, Lower bounds and reduction procedures for the bin packing problem, 1990. The
        heaviest items that do not fit together have a bin each. What is left beside such an item can
        only take items that fit there; these are given to it as if they could be divided.
        """
        weights, slack = self._weights, self._slack
        wasted = spare = 0.0
        heavy, light = 0, len(items) - 1
        while heavy <= light:
            room = self._capacity - weights[items[heavy]]
            heavy += 1
            while light >= heavy and weights[items[light]] <= room + slack:
                spare += weights[items[light]]
                light -= 1
            if spare < room:
                wasted, spare = wasted + room - spare, 0.0
            else:
                spare -= room
        return wasted

    def _completions(
        self, items: tuple[int, ...], room: float, waste: float
    ) -> list[tuple[float, tuple[int, ...]]]:
        """What a bin with so much room can be filled with, the fullest first; items are in descending order.

        Left out are fillings that leave more room than may be wasted, and those that leave room for an
        item that was passed over: moving that item here from wherever it ends up does no harm there.
        """
        weights, slack = self._weights, self._slack
        found: list[tuple[float, tuple[int, ...]]] = []
        left = [0.0] * (len(items) + 1)
        for at in range(len(items) - 1, -1, -1):
            left[at] = left[at + 1] + weights[items[at]]

        def fill(at: int, room: float, chosen: tuple[int, ...], passed: float) -> None:
            self._steps_left -= 1
            if self._steps_left < 0:
                raise _OutOfSteps
            if room - left[at] > waste + slack:
                return
            while at < len(items) and weights[items[at]] > room + slack:
                at += 1
            if at == len(items):
                if room <= waste + slack and room - slack < passed:
                    found.append((room, chosen))
                return
            weight = weights[items[at]]
            fill(at + 1, room - weight, (*chosen, items[at]), passed)
            # Passing over an item passes over all of the same weight.
            while at < len(items) and weights[items[at]] == weight:
                at += 1
            fill(at, room, chosen, weight)

        fill(0, room, (), math.inf)
        found.sort()
        return found

    def _as_placement(self) -> list[int]:
        placement = [0] * len(self._order)
        for gpu, items in enumerate(self._bins):
            for item in items:
                placement[self._order[item]] = gpu
        return placement
