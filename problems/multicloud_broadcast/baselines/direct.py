"""Direct: the source sends every partition straight to every destination, as a plain copy does."""

Graph = dict[str, dict[str, dict[str, float]]]


def search_algorithm(
    src: str, dsts: list[str], graph: Graph, num_partitions: int, config: dict[str, object]
) -> dict[str, list[list[str]]]:
    return {dst: [[src, dst]] * num_partitions for dst in dsts}
