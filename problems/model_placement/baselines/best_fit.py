"""Best fit decreasing: the largest model first, each to the fullest GPU that has room for it.

The bin packing rule by which schedulers keep machines free (D. S. Johnson, Near-optimal bin packing
algorithms, 1973). It looks at memory only.
"""


def compute_model_placement(gpu_num: int, models: list[dict[str, float]], gpu_memory: float) -> list[int]:
    free = [gpu_memory] * gpu_num
    placement = [0] * len(models)
    for number in sorted(range(len(models)), key=lambda number: -models[number]["model_size"]):
        size = models[number]["model_size"]
        gpu = min((gpu for gpu in range(gpu_num) if free[gpu] > size), key=lambda gpu: free[gpu])
        free[gpu] -= size
        placement[number] = gpu
    return placement
