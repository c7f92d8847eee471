"""Longest processing time first: list scheduling of the jobs by falling duration (Graham 1969)."""


def assign(durations: list[float], machines: int) -> list[int]:
    """The machine of each job."""
    loads = [0.0] * machines
    machine_of = [0] * len(durations)
    for job in sorted(range(len(durations)), key=lambda job: -durations[job]):
        machine_of[job] = loads.index(min(loads))
        loads[machine_of[job]] += durations[job]
    return machine_of
