"""Streams of random numbers that depend on nothing but their names."""

import hashlib
import random


def stream(seed: int, purpose: str, number: int) -> random.Random:
    """The generator named by (seed, purpose, number), freshly started.

    Streams of different names are independent. One name gives the same numbers in every process, on every
    platform and under every PYTHONHASHSEED: the generator is seeded with an integer taken from the SHA-256
    of the name, and `random.Random` documents its sequence for integer seeds.

    Args:
        seed: The seed of the run; any integer.
        purpose: What the numbers are for; any text.
        number: The number of the proposal, or of whatever else is counted; any integer.
    """
    name = f"{seed}\0{number}\0{purpose}".encode("utf-8", "surrogatepass")
    return random.Random(int.from_bytes(hashlib.sha256(name).digest(), "big"))
