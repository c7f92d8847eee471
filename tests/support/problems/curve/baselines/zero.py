def answer(x: float) -> float:
    return 0.0
