"""What a program computes is the same every time, also where it should not have relied on it."""

import pytest

from evolve.execution.sandbox import Sandbox
from evolve.problem import Limits

PROGRAMS = {
    "memory that was never written": """
import numpy
def main():
    held = [numpy.empty(size, dtype=numpy.int64) for size in range(1, 300) for _ in range(3)]
    return [block.tolist() for block in held]
""",
    "the order of sets": """
def main():
    return [list({"alpha", "beta", "gamma", "delta"}), list({(1, "x"), (2, "y"), (3, "z")})]
""",
    "unseeded random numbers": """
import random
import numpy
def main():
    return [random.random(), float(numpy.random.random()), random.sample(range(100), 5)]
""",
    "hashes": """
def main():
    return [hash("text"), hash((1.5, "x", None is None))]
""",
}


@pytest.mark.parametrize("what", PROGRAMS)
def test_a_program_answers_the_same_in_every_zygote_and_every_candidate(what: str) -> None:
    answers = []
    for _ in range(2):
        with Sandbox(needs_numpy=True) as sandbox:
            for _ in range(3):
                with sandbox.open(PROGRAMS[what], Limits()) as candidate:
                    answers.append(candidate.call("main"))
    assert all(answer == answers[0] for answer in answers), answers
