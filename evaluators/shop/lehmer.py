"""The random stream of Taillard's benchmark generator, in exact integer arithmetic."""

MULTIPLIER = 16_807
MODULUS = 2**31 - 1
_QUOTIENT = 127_773
"""b = MODULUS // MULTIPLIER, in the notation of the paper."""
_REMAINDER = 2_836
"""c = MODULUS % MULTIPLIER, in the notation of the paper."""


class LehmerGenerator:
    """The linear congruential generator of Taillard (1993), "Benchmarks for basic scheduling problems".

    The successor of a state x is 16807 x mod (2**31 - 1), computed by Schrage's method as in the paper. Only
    integers are involved, so a seed gives the same stream on every platform and in every version of Python.

    Args:
        seed: The first state, from 1 to 2**31 - 2.

    Raises:
        ValueError: The seed is outside that range.
    """

    def __init__(self, seed: int) -> None:
        if not 0 < seed < MODULUS:
            raise ValueError(f"seed {seed}: expected an integer from 1 to {MODULUS - 1}")
        self._state = seed

    def uniform(self, low: int, high: int) -> int:
        """Draw an integer from low to high, both included: U[low, high] of the paper."""
        quotient, rest = divmod(self._state, _QUOTIENT)
        state = MULTIPLIER * rest - _REMAINDER * quotient
        self._state = state if state > 0 else state + MODULUS
        return low + self._state * (high - low + 1) // MODULUS

    def permutation(self, length: int) -> list[int]:
        """Draw an order of 0 … length - 1 by the paper's swaps: place i with one of i … length - 1."""
        order = list(range(length))
        for i in range(length):
            j = self.uniform(i, length - 1)
            order[i], order[j] = order[j], order[i]
        return order
