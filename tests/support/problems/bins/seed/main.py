from packing import fitness  # type: ignore[import-not-found]  # the other file of this program


def pack(sizes: list[int], capacity: int) -> list[int]:
    """Place the most urgent items first, each into the fittest bin; into a new one where none has room."""
    order = sorted(range(len(sizes)), key=lambda item: -urgency(sizes[item], capacity))
    rooms: list[int] = []
    bins = [0] * len(sizes)
    for item in order:
        fitting = [number for number, room in enumerate(rooms) if room >= sizes[item]]
        if fitting:
            chosen = max(fitting, key=lambda number: fitness(sizes[item], rooms[number], capacity))
        else:
            chosen = len(rooms)
            rooms.append(capacity)
        rooms[chosen] -= sizes[item]
        bins[item] = chosen
    return bins


def urgency(size: float, capacity: float) -> float:
    # EVOLVE-BLOCK-START
    return 0.0 * size / capacity
    # EVOLVE-BLOCK-END
