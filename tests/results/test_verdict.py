"""Words that say what was shown and no more."""

import pytest

from evolve.archive.records import ScoredEvaluation
from evolve.problem import Outcome, Status
from results.statistics import Interval, Method, paired_difference
from results.verdict import Verdict, interval_in_words, no_score, report_sentence, sentence, verdict_of

NAMES = [f"i{n}" for n in range(12)]
ONE = dict.fromkeys(NAMES, 1.0)
BETTER = {name: 1.02 + 0.001 * n for n, name in enumerate(NAMES)}
MIXED = {name: 1.1 if n % 2 else 0.9 for n, name in enumerate(NAMES)}


@pytest.mark.parametrize(
    ("first", "second", "verdict"),
    [
        (BETTER, ONE, Verdict.BETTER),
        (ONE, BETTER, Verdict.WORSE),
        (MIXED, ONE, Verdict.UNDECIDED),
        (ONE, ONE, Verdict.SAME),
        ({"a": 2.0}, {"a": 1.0}, Verdict.UNDECIDED),
        ({"a": 1.0}, {"a": 1.0}, Verdict.SAME),
    ],
)
def test_a_verdict_needs_the_whole_interval_on_one_side(
    first: dict[str, float], second: dict[str, float], verdict: Verdict
) -> None:
    assert verdict_of(paired_difference(first, second)) is verdict


def test_sentences_say_which_program_is_better_and_how_sure_that_is() -> None:
    text = sentence(paired_difference(BETTER, ONE), "new", "old", "test")
    assert text.startswith("new is 2.5 % better than old on test, 95 % interval 2.3 to 2.8 % better")
    assert "12 instances: won 12, lost 0, tied 0" in text
    swapped = sentence(paired_difference(ONE, BETTER, 90.0), "old", "new", "test")
    assert swapped.startswith("old is 2.5 % worse than new on test, 90 % interval")


def test_sentences_admit_what_cannot_be_told() -> None:
    text = sentence(paired_difference(MIXED, ONE), "new", "old", "test")
    assert text.startswith("no difference between new and old that these instances of test can show")
    only = sentence(paired_difference({"a": 2.0}, {"a": 1.0}), "new", "old", "train")
    assert "100 % better" in only
    assert "one instance gives no interval" in only
    assert "equally good on all 12 instances" in sentence(paired_difference(ONE, ONE), "new", "old", "test")


@pytest.mark.parametrize(
    ("first", "second", "words"),
    [
        (BETTER, ONE, "beats LPT, the best baseline on test, beyond the interval"),
        (ONE, BETTER, "is worse than LPT"),
        (MIXED, ONE, "cannot be told from LPT"),
        (ONE, ONE, "exactly as good as LPT"),
        ({"a": 2.0}, {"a": 1.0}, "cannot be told from LPT"),
    ],
)
def test_a_report_has_one_sentence_for_each_verdict(
    first: dict[str, float], second: dict[str, float], words: str
) -> None:
    text = report_sentence(paired_difference(first, second), "LPT", "test")
    assert words in text
    assert text.endswith(".")


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [
        (1.021, 1.044, "2.1 to 4.4 % better"),
        (0.95, 0.98, "2.0 to 5.0 % worse"),
        (0.99, 1.003, "1.0 % worse to 0.3 % better"),
        (1.0004, 3.0, "0.04 to 200 % better"),
    ],
)
def test_intervals_in_words(low: float, high: float, words: str) -> None:
    assert interval_in_words(Interval(low, high, Method.BOOTSTRAP)) == words


def test_a_missing_score_is_explained_by_its_instance_and_the_first_line_of_feedback() -> None:
    crash = Outcome(instance="x3", status=Status.CRASHED, feedback="ZeroDivisionError: x\n  line 2\n")
    failed = ScoredEvaluation("test", Status.CRASHED, None, {"x1": 1.0}, (Outcome(instance="x1"), crash))
    assert no_score("new", failed) == "new is 'crashed' on x3: ZeroDivisionError: x"
    unfinished = ScoredEvaluation("train", Status.STOPPED, None, {"x1": 1.0}, (Outcome(instance="x1"),))
    assert "not evaluated to the end" in no_score("new", unfinished)
