"""A plain start: always append the transaction with the lowest cost, of those next in line."""

WINDOW = 10


def accesses_of(steps: list[list[int | str] | None]) -> list[tuple[int, bool, int]]:
    """What a transaction accesses: (tick, whether it writes, key), ticks from 1."""
    return [(tick, step[0] == "w", int(step[1])) for tick, step in enumerate(steps, 1) if step is not None]


def earliest_start(
    accesses: list[tuple[int, bool, int]], latest_access: dict[int, int], latest_write: dict[int, int]
) -> int:
    """The first tick in which a transaction can start, from the latest access and write of each key."""
    start = 1
    for position, writes, key in accesses:
        before = (latest_access if writes else latest_write).get(key, -position)
        start = max(start, before + 2 - position)
    return start


def occupy(
    accesses: list[tuple[int, bool, int]],
    start: int,
    latest_access: dict[int, int],
    latest_write: dict[int, int],
) -> None:
    """Enter the accesses of a transaction that starts in this tick."""
    for position, writes, key in accesses:
        tick = start + position - 1
        latest_access[key] = max(tick, latest_access.get(key, 0))
        if writes:
            latest_write[key] = max(tick, latest_write.get(key, 0))


def makespan(transactions: list[list[list[int | str] | None]], order: list[int]) -> int:
    """The makespan of an order, or of the beginning of one, as the evaluator computes it."""
    latest_access: dict[int, int] = {}
    latest_write: dict[int, int] = {}
    end = 0
    for number in order:
        accesses = accesses_of(transactions[number])
        start = earliest_start(accesses, latest_access, latest_write)
        occupy(accesses, start, latest_access, latest_write)
        end = max(end, start + len(transactions[number]) - 1)
    return end


# EVOLVE-BLOCK-START
def cost(growth: int, delay: int, length: int, writes: int, reads: int) -> float:
    """What it costs to append a transaction now: by how much the makespan grows, and what else counts."""
    return growth


def schedule(transactions):
    accesses = [accesses_of(steps) for steps in transactions]
    left = list(range(len(transactions)))
    latest_access: dict[int, int] = {}
    latest_write: dict[int, int] = {}
    end = 0
    order = []
    while left:
        best, best_cost = left[0], float("inf")
        for number in left[:WINDOW]:
            start = earliest_start(accesses[number], latest_access, latest_write)
            length = len(transactions[number])
            growth = max(0, start + length - 1 - end)
            writes = sum(access[1] for access in accesses[number])
            value = cost(growth, start - 1, length, writes, len(accesses[number]) - writes)
            if value < best_cost:
                best, best_cost = number, value
        left.remove(best)
        order.append(best)
        start = earliest_start(accesses[best], latest_access, latest_write)
        occupy(accesses[best], start, latest_access, latest_write)
        end = max(end, start + len(transactions[best]) - 1)
    return order


# EVOLVE-BLOCK-END
