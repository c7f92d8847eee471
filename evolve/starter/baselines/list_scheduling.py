"""Each job, as it comes, to the machine that is least loaded (Graham 1966)."""


def assign(durations: list[float], machines: int) -> list[int]:
    """The machine of each job."""
    loads = [0.0] * machines
    machine_of = []
    for duration in durations:
        machine = loads.index(min(loads))
        loads[machine] += duration
        machine_of.append(machine)
    return machine_of
