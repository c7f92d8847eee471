"""Round robin: models in turn to the GPUs, skipping those that would have no memory left.

What the published leaderboard calls the baseline; on its instances nothing is ever skipped.
"""


def compute_model_placement(gpu_num: int, models: list[dict[str, float]], gpu_memory: float) -> list[int]:
    free = [gpu_memory] * gpu_num
    placement = []
    for number, model in enumerate(models):
        turns = [(number + step) % gpu_num for step in range(gpu_num)]
        gpu = next(gpu for gpu in turns if free[gpu] > model["model_size"])
        free[gpu] -= model["model_size"]
        placement.append(gpu)
    return placement
