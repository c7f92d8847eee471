# EVOLVE-BLOCK-START
def worth(duration: float, mean: float) -> float:
    """Jobs with the highest worth are assigned first."""
    return 1.0 if duration > mean else 0.0


def assign(durations: list[float], machines: int) -> list[int]:
    """The machine of each job."""
    mean = sum(durations) / len(durations)
    loads = [0.0] * machines
    machine_of = [0] * len(durations)
    for job in sorted(range(len(durations)), key=lambda job: -worth(durations[job], mean)):
        machine_of[job] = loads.index(min(loads))
        loads[machine_of[job]] += durations[job]
    return machine_of


# EVOLVE-BLOCK-END
