import asyncio
import re
from collections.abc import Callable

import pytest

from evolve.problem import Split
from evolve.program import Program
from evolve.simplifying import TOLERANCE, Simplified, simplify
from tests.evolve.operators.programs import RULE_BRIEF

RULE = """\
import math


def priority(operation, state):
    spare = state.now * 2.0
    weight = 0.48731 * operation.remaining_work
    if state.now > 1e9:
        weight = weight + 1.0
    return (weight - 1.0 * operation.duration) / max(operation.duration, 0.9123) + 0.001 * state.now * 1.0
"""
Score = Callable[[str, Split], float | None]


def simplified(
    source: str, score: Score, max_programs: int = 300
) -> tuple[Simplified, list[tuple[str, Split]]]:
    asked: list[tuple[str, Split]] = []

    async def evaluate(program: str, split: Split) -> float | None:
        asked.append((program, split))
        return score(program, split)

    return asyncio.run(simplify(source, RULE_BRIEF, evaluate, max_programs)), asked


def needs(*parts: str) -> Score:
    """A score that falls a lot with each of some parts that is missing."""

    def score(source: str, split: Split) -> float | None:
        return 1.2 * 0.5 ** sum(re.search(part, source) is None for part in parts)

    return score


def test_what_the_score_can_do_without_goes() -> None:
    made, asked = simplified(RULE, needs(r"remaining_work", r"operation\.duration\)? */", r"0\.4[89]"))
    assert "spare" not in made.source and "math" not in made.source
    assert "1e9" not in made.source and "state" not in made.source.split("\n", 1)[1]
    assert "0.49" in made.source
    assert (made.train, made.validation) == (1.2, 1.2)
    assert made.programs <= len(asked)
    assert Split.TEST not in {split for _, split in asked}


def test_a_program_that_needs_everything_is_only_cleaned() -> None:
    kept = Program.parse(RULE.replace("import math\n\n\n", "").replace("    spare = state.now * 2.0\n", ""))

    def score(source: str, split: Split) -> float | None:
        return 1.1 if len(source) > len(kept.source) - 13 else 0.9

    made, _ = simplified(RULE, score)
    assert "import" not in made.source and "spare" not in made.source
    assert "if state.now > " in made.source


@pytest.mark.parametrize("split", [Split.TRAIN, Split.VALIDATION])
def test_small_losses_do_not_add_up(split: Split) -> None:
    """Each digit and each part costs half of what may be lost; the other split gains more."""

    def score(source: str, on: Split) -> float:
        lost = 1.0 - len(source) / len(RULE)
        return 1.0 - 0.05 * lost if on is split else 1.0 + 0.1 * lost

    made, asked = simplified(RULE, score)
    scores = {Split.TRAIN: made.train, Split.VALIDATION: made.validation}
    assert 1.0 > scores[split] >= 1.0 - TOLERANCE
    assert len({source for source, _ in asked}) > 10


def test_over_both_splits_together_nothing_is_lost() -> None:
    def score(source: str, on: Split) -> float:
        lost = 1.0 - len(source) / len(RULE)
        return 1.0 - 0.002 * lost if on is Split.TRAIN else 1.0 + 0.001 * lost

    made, _ = simplified(RULE, score)
    assert made.train == made.validation == 1.0


def test_failures_are_not_allowed() -> None:
    made, _ = simplified(
        RULE, lambda source, split: 1.0 if "priority" in source and "weight" in source else None
    )
    assert "weight" in made.source


def test_the_number_of_programs_is_bounded() -> None:
    score = needs(r"remaining_work", r"operation\.duration\)? */", r"0\.48731", r"now > 1")
    made, asked = simplified(RULE, score, max_programs=7)
    assert made.programs == 7
    assert len({source for source, _ in asked}) == 8


def test_the_same_scores_give_the_same_program() -> None:
    score = needs(r"remaining_work", r"0\.48")
    assert simplified(RULE, score) == simplified(RULE, score)


def test_a_program_without_a_score() -> None:
    with pytest.raises(ValueError, match="without a score"):
        simplified(RULE, lambda source, split: None)
