import numpy as np
import pytest

from evaluators.moe.loads import ExpertLoads
from evaluators.moe.placement import Deployment
from evaluators.moe.replay import diagnosis, replay
from evolve.problem import InvalidDecision
from tests.support.direct_candidate import DirectCandidate

DEPLOYMENT = Deployment(num_replicas=4, num_groups=1, num_nodes=1, num_gpus=2)
LOADS = ExpertLoads.of(
    np.array(
        [
            [[6.0, 2.0, 4.0], [1.0, 1.0, 2.0]],
            [[2.0, 6.0, 4.0], [2.0, 1.0, 1.0]],
            [[0.0, 9.0, 3.0], [4.0, 0.0, 0.0]],
        ]
    )
)


def test_each_window_is_placed_by_the_one_before() -> None:
    # Answers [0, 0, 1, 2] as long as expert 0 of layer 0 is the heaviest, then [1, 0, 1, 2].
    source = """
def f(weight, num_replicas, num_groups, num_nodes, num_gpus):
    assert (num_replicas, num_groups, num_nodes, num_gpus) == (4, 1, 1, 2)
    return [[int(weight[0].argmax()), 0, 1, 2], [0, 0, 1, 2]]
"""
    first, second = replay(LOADS, DEPLOYMENT, DirectCandidate(source), "f")
    assert (first.window, second.window) == (1, 2)
    # Layer 0: GPUs carry 2 and 10, mean 6; layer 1: 2 and 2.
    assert first.gpu == pytest.approx((6 + 2) / (10 + 2))
    assert first.expert == pytest.approx((3 + 1) / (6 + 1))
    assert first.gpu_seen == pytest.approx((6 + 2) / (6 + 3))
    # Layer 0: expert 1 has two replicas of 4.5; GPUs carry 4.5 and 7.5. Layer 1: 4 and 0.
    assert second.gpu == pytest.approx((6 + 2) / (7.5 + 4))
    assert second.expert == pytest.approx((3 + 1) / (4.5 + 2))


def test_windows_arrive_in_order_and_the_last_is_never_shown() -> None:
    source = """
seen = []
def f(weight, *deployment):
    seen.append(weight.tolist())
    return [[0, 0, 1, 2], [0, 0, 1, 2]]
def dump():
    return seen
"""
    candidate = DirectCandidate(source)
    replay(LOADS, DEPLOYMENT, candidate, "f")
    assert candidate.call("dump") == LOADS.windows[:-1].tolist()


def test_what_a_candidate_does_to_its_arguments_changes_nothing() -> None:
    honest = "def f(weight, *deployment):\n    return [[0, 0, 1, 2], [0, 0, 1, 2]]\n"
    vandal = "def f(weight, *deployment):\n    weight[:] = 1.0\n    return [[0, 0, 1, 2], [0, 0, 1, 2]]\n"
    before = LOADS.windows.copy()
    outcomes = [replay(LOADS, DEPLOYMENT, DirectCandidate(source), "f") for source in (honest, vandal)]
    assert [one.gpu for one in outcomes[0]] == [one.gpu for one in outcomes[1]]
    np.testing.assert_array_equal(LOADS.windows, before)


def test_a_mapping_changed_after_it_was_returned_changes_nothing() -> None:
    source = """
import numpy as np
kept = np.array([[0, 0, 1, 2], [0, 0, 1, 2]])
def f(weight, *deployment):
    kept[:] = kept[:, ::-1]
    return kept
"""
    first, second = replay(LOADS, DEPLOYMENT, DirectCandidate(source), "f")
    assert first.phy2log.tolist() == [[2, 1, 0, 0]] * 2
    assert second.phy2log.tolist() == [[0, 0, 1, 2]] * 2


def test_forged_tables_beside_the_mapping_earn_nothing() -> None:
    # The published evaluators believe log2phy and logcnt, with which load can be made to vanish.
    honest = "def f(weight, *deployment):\n    return [[0, 0, 1, 2], [0, 0, 1, 2]]\n"
    forged = """
import numpy as np
def f(weight, *deployment):
    log2phy = np.array([[[0, 0], [0, -1], [0, -1]]] * 2)
    logcnt = np.array([[10**6, 10**6, 10**6]] * 2)
    return np.array([[0, 0, 1, 2], [0, 0, 1, 2]]), log2phy, logcnt
"""
    outcomes = [replay(LOADS, DEPLOYMENT, DirectCandidate(source), "f") for source in (honest, forged)]
    assert [(one.gpu, one.expert) for one in outcomes[0]] == [(one.gpu, one.expert) for one in outcomes[1]]


def test_an_invalid_mapping_is_told_with_its_window() -> None:
    source = """
calls = []
def f(weight, *deployment):
    calls.append(1)
    return [[0, 0, 1, 2], [0, 0, 1, 2 if len(calls) < 2 else 3]]
"""
    with pytest.raises(InvalidDecision) as failure:
        replay(LOADS, DEPLOYMENT, DirectCandidate(source), "f")
    assert failure.value.feedback == ("answer to window 1: phy2log[1][3] is 3; must be an integer in 0..2")


def test_diagnosis_names_the_bottleneck() -> None:
    source = "def f(weight, *deployment):\n    return [[0, 0, 1, 2], [0, 0, 1, 2]]\n"
    rebalances = replay(LOADS, DEPLOYMENT, DirectCandidate(source), "f")
    # The last window has 0 and 12 in layer 0, of which expert 1 is 9, and 4 and 0 in layer 1.
    assert diagnosis(LOADS, DEPLOYMENT, rebalances).splitlines() == [
        "GPU balance 0.5833 on the windows that followed,"
        " 0.7778 on the windows that the placements were made from.",
        "Worst: window 2 (0.500); in layer 0 GPU 1 carries 2.00 x the mean, of which expert 1"
        " (1 replica in the layer) is 75%.",
    ]
