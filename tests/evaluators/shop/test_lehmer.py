import pytest

from evaluators.shop.lehmer import MODULUS, LehmerGenerator


def test_the_stream_is_that_of_park_and_miller() -> None:
    # S. K. Park, K. W. Miller, CACM 31 (1988), p. 1195: from seed 1 the 10,000th successor is 1043618065.
    stream = LehmerGenerator(1)
    states = [stream.uniform(0, MODULUS - 1) for _ in range(10_000)]
    assert states[0] == 16_807
    assert states[-1] == 1_043_618_065


def test_uniform_reaches_both_ends_and_nothing_else() -> None:
    stream = LehmerGenerator(12_345)
    assert sorted({stream.uniform(3, 7) for _ in range(500)}) == [3, 4, 5, 6, 7]


def test_a_permutation_holds_every_number_once() -> None:
    stream = LehmerGenerator(99)
    orders = [tuple(stream.permutation(6)) for _ in range(50)]
    assert all(sorted(order) == list(range(6)) for order in orders)
    assert len(dict.fromkeys(orders)) > 40


@pytest.mark.parametrize("seed", [0, -1, MODULUS])
def test_a_seed_outside_the_states_is_refused(seed: int) -> None:
    with pytest.raises(ValueError, match="expected an integer from 1 to 2147483646"):
        LehmerGenerator(seed)
