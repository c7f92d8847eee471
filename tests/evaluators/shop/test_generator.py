import numpy as np
import pytest

from evaluators.shop.generator import Durations, RandomShop, Routes


def test_an_instance_is_known_by_its_recipe() -> None:
    shop = RandomShop(3, 4, 7).generate()
    assert shop.durations.tolist() == RandomShop(3, 4, 7).generate().durations.tolist()
    assert shop.durations.tolist() != RandomShop(3, 4, 8).generate().durations.tolist()
    # Written out, so that a change of the stream cannot pass unseen.
    assert shop.order.tolist() == [[3, 2, 0, 1], [3, 1, 2, 0], [2, 1, 3, 0]]
    assert shop.durations.tolist() == [[92, 80, 13, 51], [92, 69, 64, 58], [91, 90, 37, 34]]


@pytest.mark.parametrize("durations", list(Durations))
@pytest.mark.parametrize("routes", list(Routes))
def test_every_kind_has_the_size_and_range_it_promises(durations: Durations, routes: Routes) -> None:
    shop = RandomShop(12, 7, 5, durations, routes).generate()
    assert shop.durations.shape == (12, 7)
    assert shop.durations.min() >= 1
    assert durations is Durations.GEOMETRIC or shop.durations.max() <= 99


def test_bimodal_durations_leave_the_middle_empty() -> None:
    durations = RandomShop(40, 20, 3, Durations.BIMODAL).generate().durations
    assert not ((durations > 20) & (durations < 60)).any()
    assert 0.7 < (durations <= 20).mean() < 0.8


def test_correlated_durations_lie_close_to_their_centre() -> None:
    by_job = RandomShop(30, 10, 4, Durations.JOB_CORRELATED).generate().durations
    assert np.ptp(by_job, axis=1).max() <= 18
    assert np.ptp(by_job.mean(axis=1)) > 40
    shop = RandomShop(30, 10, 4, Durations.MACHINE_CORRELATED).generate()
    on_machine = [shop.durations[shop.order == machine] for machine in range(10)]
    assert max(int(np.ptp(durations)) for durations in on_machine) <= 18
    assert np.ptp([durations.mean() for durations in on_machine]) > 40


def test_geometric_durations_have_their_mean_and_a_long_tail() -> None:
    durations = RandomShop(60, 30, 6, Durations.GEOMETRIC).generate().durations
    assert 27 < durations.mean() < 33
    assert np.median(durations) < 24
    assert durations.max() > 150


def test_two_sets_are_visited_one_after_the_other() -> None:
    order = RandomShop(20, 7, 2, routes=Routes.TWO_SETS).generate().order
    assert (order[:, :3] < 3).all()
    assert len(np.unique(order, axis=0)) > 15


def test_neighbouring_seeds_have_nothing_in_common() -> None:
    firsts = [int(RandomShop(1, 10, seed).generate().order[0, 0]) for seed in range(1, 101)]
    assert np.bincount(firsts, minlength=10).min() >= 2
