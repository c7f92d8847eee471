"""MULTIFIT: bisection on the pressure, with first fit decreasing at each step.

E. G. Coffman, M. R. Garey, D. S. Johnson, "An application of bin-packing to multiprocessor scheduling", SIAM
Journal on Computing 7 (1978). A GPU is within a pressure t if rate / objective + t * size, summed over its
models, is at most t * memory; so models are items of these weights, and GPUs are bins.
"""

DOUBLINGS = 30
STEPS = 40


def first_fit_decreasing(weights: list[float], bins: int, capacity: float) -> list[int] | None:
    room = [capacity] * bins
    placement = [0] * len(weights)
    for item in sorted(range(len(weights)), key=lambda item: -weights[item]):
        fitting = [number for number in range(bins) if weights[item] <= room[number]]
        if not fitting:
            return None
        placement[item] = fitting[0]
        room[fitting[0]] -= weights[item]
    return placement


def compute_model_placement(gpu_num: int, models: list[dict[str, float]], gpu_memory: float) -> list[int]:
    asked = [model["req_rate"] / model["slo"] for model in models]
    sizes = [model["model_size"] for model in models]

    def within(pressure: float) -> list[int] | None:
        weights = [demand + pressure * size for demand, size in zip(asked, sizes, strict=True)]
        return first_fit_decreasing(weights, gpu_num, pressure * gpu_memory)

    low = high = sum(asked) / (gpu_num * gpu_memory - sum(sizes))
    placement = None
    for _ in range(DOUBLINGS):
        high *= 2.0
        placement = within(high)
        if placement is not None:
            break
    else:
        raise ValueError("first fit decreasing finds no room for all models at any pressure")
    for _ in range(STEPS):
        middle = (low + high) / 2.0
        found = within(middle)
        if found is None:
            low = middle
        else:
            high, placement = middle, found
    return placement
