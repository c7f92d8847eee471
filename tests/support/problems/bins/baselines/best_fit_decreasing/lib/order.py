def decreasing(sizes: list[int]) -> list[int]:
    return sorted(range(len(sizes)), key=lambda item: -sizes[item])
