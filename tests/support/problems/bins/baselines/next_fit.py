def pack(sizes: list[int], capacity: int) -> list[int]:
    bins, current, room = [], 0, capacity
    for size in sizes:
        if size > room:
            current, room = current + 1, capacity
        room -= size
        bins.append(current)
    return bins
