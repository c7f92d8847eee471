"""Prism's greedy placement, the human design of the published benchmark, written from its description.

Models in descending order of request rate over objective, each to the GPU whose KV-cache pressure is least
before it gets the model, of those that have room for it; the first of equals.
"""


def compute_model_placement(gpu_num: int, models: list[dict[str, float]], gpu_memory: float) -> list[int]:
    demand = [0.0] * gpu_num
    free = [gpu_memory] * gpu_num
    placement = [0] * len(models)
    asked = [model["req_rate"] / model["slo"] for model in models]
    for number in sorted(range(len(models)), key=lambda number: -asked[number]):
        size = models[number]["model_size"]
        gpu = min(
            (gpu for gpu in range(gpu_num) if free[gpu] > size), key=lambda gpu: demand[gpu] / free[gpu]
        )
        demand[gpu] += asked[number]
        free[gpu] -= size
        placement[number] = gpu
    return placement
