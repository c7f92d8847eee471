def answer(x: float) -> float:
    return 2.0 * x + 1.0
