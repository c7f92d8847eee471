from lib.order import decreasing  # type: ignore[import-not-found]  # another file of this program


def pack(sizes: list[int], capacity: int) -> list[int]:
    rooms: list[int] = []
    bins = [0] * len(sizes)
    for item in decreasing(sizes):
        fitting = [(room, number) for number, room in enumerate(rooms) if room >= sizes[item]]
        chosen = min(fitting)[1] if fitting else len(rooms)
        if not fitting:
            rooms.append(capacity)
        rooms[chosen] -= sizes[item]
        bins[item] = chosen
    return bins
