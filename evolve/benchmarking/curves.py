"""How the best score of a search rose."""

import bisect

import msgspec


class Curve(msgspec.Struct, frozen=True):
    """A step function of evaluations."""

    points: tuple[tuple[int, float], ...]
    """Evaluations so far, and the best score then, at each improvement; empty where nothing had a score."""
    evaluations: int

    def at(self, evaluations: int) -> float | None:
        """The best score after so many evaluations; None where there was none yet."""
        place = bisect.bisect_right(self.points, evaluations, key=lambda point: point[0])
        return self.points[place - 1][1] if place else None

    @property
    def final(self) -> float | None:
        """The best score at the end."""
        return self.points[-1][1] if self.points else None
