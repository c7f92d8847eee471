import numpy as np
import pytest
from numpy.typing import ArrayLike

from evaluators.shop.instance import job_shop


def test_sizes_and_machine_work() -> None:
    shop = job_shop([[3, 1], [2, 5], [4, 4]], [[0, 1], [1, 0], [1, 0]])
    assert (shop.jobs, shop.machines, shop.operations) == (3, 2, 6)
    assert shop.machine_work.tolist() == [3 + 5 + 4, 1 + 2 + 4]


def test_the_lower_bound_counts_what_comes_before_and_after_a_machine() -> None:
    # Machine 1 has 4 + 5 = 9 to do, nothing reaches it before 2, and at least 3 follow its last operation.
    shop = job_shop([[2, 4, 3], [3, 5, 3]], [[0, 1, 2], [0, 1, 2]])
    assert shop.lower_bound == 2 + 9 + 3
    # A single long job outweighs its machines.
    assert job_shop([[5, 5], [1, 1]], [[0, 1], [1, 0]]).lower_bound == 10


def test_the_bound_is_the_published_one_where_there_is_one() -> None:
    shop = job_shop([[2, 4], [3, 5]], [[0, 1], [0, 1]])
    assert shop.bound == shop.lower_bound
    published = shop.with_bounds(11, 12)
    assert (published.bound, published.best_known_lower) == (12, 11)
    assert shop.best_known_upper is None


def test_arrays_are_copied_and_frozen() -> None:
    durations = np.array([[1, 2]])
    shop = job_shop(durations, [[0, 1]])
    durations[0, 0] = 7
    assert shop.durations[0, 0] == 1
    with pytest.raises(ValueError, match="read-only"):
        shop.durations[0, 0] = 7


@pytest.mark.parametrize(
    ("durations", "order", "message"),
    [
        ([], [], "expected jobs x machines"),
        ([[1, 2]], [[0]], "machine order has shape"),
        ([[1, 2], [3, -1]], [[0, 1], [1, 0]], "job 1, operation 1: duration -1 is not from 0"),
        ([[1, 10**10]], [[0, 1]], "job 0, operation 1: duration 10000000000 is not from 0"),
        ([[1, 2], [3, 4]], [[0, 1], [1, 1]], r"job 1: expected each machine 0 … 1 once, got \[1, 1\]"),
    ],
)
def test_what_is_no_job_shop_is_refused(durations: ArrayLike, order: ArrayLike, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        job_shop(durations, order)
