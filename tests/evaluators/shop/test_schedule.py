import numpy as np
import pytest

from evaluators.shop.instance import job_shop
from evaluators.shop.schedule import InvalidScheduleError, makespan

SHOP = job_shop([[3, 2], [2, 4]], [[0, 1], [1, 0]])


def test_the_makespan_of_a_valid_schedule() -> None:
    assert makespan(SHOP, np.array([[0, 3], [0, 3]])) == 7
    assert makespan(SHOP, np.array([[10, 13], [0, 2]])) == 15


@pytest.mark.parametrize(
    ("starts", "message"),
    [
        ([[0, 3]], "starts have shape"),
        ([[-1, 3], [0, 3]], "job 0, operation 0 starts before time 0"),
        ([[0, 2], [0, 3]], "job 0, operation 1 starts before its predecessor ends"),
        ([[0, 3], [0, 2]], "machine 0 works on jobs 0 and 1 at once, from time 2"),
        ([[4, 7], [6, 8]], "machine 1 works on jobs 1 and 0 at once, from time 7"),
    ],
)
def test_an_invalid_schedule_is_refused(starts: list[list[int]], message: str) -> None:
    with pytest.raises(InvalidScheduleError, match=message):
        makespan(SHOP, np.array(starts))


def test_operations_without_duration_need_no_room_of_their_own() -> None:
    shop = job_shop([[0, 1], [3, 1]], [[0, 1], [0, 1]])
    assert makespan(shop, np.array([[0, 0], [0, 3]])) == 4
    assert makespan(shop, np.array([[3, 4], [0, 3]])) == 5
    with pytest.raises(InvalidScheduleError, match="at once"):
        makespan(shop, np.array([[1, 5], [0, 3]]))
