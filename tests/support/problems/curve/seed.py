def answer(x: float) -> float:
    # EVOLVE-BLOCK-START
    return 1.0 * x
    # EVOLVE-BLOCK-END
