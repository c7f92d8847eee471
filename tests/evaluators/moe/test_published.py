import pytest

from evaluators.moe.published import leaderboard_quality, leaderboard_score, skydiscover_score
from evolve.problem import Outcome


def outcome(gpu: float, expert: float, cpu_seconds: float, rebalances: int = 10) -> Outcome:
    metrics = {"balancedness_gpu": gpu, "balancedness_expert": expert, "rebalances": float(rebalances)}
    return Outcome(instance="one", metrics=metrics, cpu_seconds=cpu_seconds)


def test_the_best_published_program_comes_out() -> None:
    """Published: balancedness 0.7555 at 1.52 ms a call is 68.0 + 6.59 = 74.589."""
    assert leaderboard_quality(0.7555) == pytest.approx(68.0, abs=0.01)
    assert leaderboard_score([outcome(0.7555, 0.2, 0.0152)]) == pytest.approx(74.589, abs=0.02)


def test_speed_pays_up_to_1_ms_and_slowness_costs_from_10_ms() -> None:
    scores = [leaderboard_score([outcome(0.5, 0.2, 10 * ms / 1000)]) for ms in (0, 0.5, 1, 2, 10, 20, 5000)]
    assert scores == pytest.approx([55, 55, 55, 50, 46, 45.1, 25.002])


def test_time_is_that_of_a_call_and_balance_that_of_an_instance() -> None:
    outcomes = [outcome(0.4, 0.1, 0.01, 10), outcome(0.8, 0.3, 0.11, 20)]
    assert leaderboard_score(outcomes) == pytest.approx(90 * 0.6 + 5 * 0.002 / 0.004)
    assert skydiscover_score(outcomes) == pytest.approx((0.2 + 0.5) / 2)
