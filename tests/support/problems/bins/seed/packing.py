def fitness(size: float, room: float, capacity: float) -> float:
    # EVOLVE-BLOCK-START
    return room - size
    # EVOLVE-BLOCK-END
