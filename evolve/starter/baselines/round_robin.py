"""Machines take turns."""


def assign(durations: list[float], machines: int) -> list[int]:
    """The machine of each job."""
    return [job % machines for job in range(len(durations))]
