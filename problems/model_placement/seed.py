"""A plain start: busy models first, each to the GPU that is least pressed so far."""


# EVOLVE-BLOCK-START
def urgency(size: float, rate: float, slo: float, gpu_memory: float) -> float:
    """Models are placed in descending order of this."""
    return rate


def gpu_cost(demand: float, free: float, size: float, asked: float, gpu_memory: float) -> float:
    """The next model goes to the GPU with room for which this is least.

    `demand` is what the models there already ask for, in requests/s over the objective; `free` is the memory
    that they leave; `size` and `asked` are those of the model to be placed.
    """
    return demand / free


def compute_model_placement(gpu_num: int, models: list[dict[str, float]], gpu_memory: float) -> list[int]:
    demand = [0.0] * gpu_num
    free = [gpu_memory] * gpu_num
    placement = [0] * len(models)

    def urgency_of(number: int) -> float:
        model = models[number]
        return urgency(model["model_size"], model["req_rate"], model["slo"], gpu_memory)

    for number in sorted(range(len(models)), key=urgency_of, reverse=True):
        model = models[number]
        size, asked = model["model_size"], model["req_rate"] / model["slo"]
        with_room = [gpu for gpu in range(gpu_num) if free[gpu] > size]
        gpu = min(
            with_room or range(gpu_num),
            key=lambda gpu: gpu_cost(demand[gpu], free[gpu], size, asked, gpu_memory),
        )
        demand[gpu] += asked
        free[gpu] -= size
        placement[number] = gpu
    return placement


# EVOLVE-BLOCK-END
