from collections import Counter

from evaluators.shop.generator import Durations, Routes
from problems.job_shop_dispatching.random_shops import ONE_IN, OTHER_KINDS, TRAIN, VALIDATION, recipes


def test_no_two_shops_have_a_seed_in_common() -> None:
    seeds = [shop.seed for shop in (*TRAIN, *VALIDATION)]
    assert len(seeds) == len(dict.fromkeys(seeds))


def test_one_shop_in_ten_is_of_another_kind_and_all_kinds_take_part() -> None:
    kinds = Counter((shop.durations, shop.routes) for shop in TRAIN)
    uniform = kinds.pop((Durations.UNIFORM, Routes.RANDOM))
    assert uniform == len(TRAIN) - len(TRAIN) // ONE_IN
    assert set(kinds) == set(OTHER_KINDS)


def test_every_shape_comes_in_turn_and_in_other_kinds() -> None:
    shapes = [(10, 5), (12, 6), (9, 9)]
    made = recipes(shapes, 90, 1)
    assert [(shop.jobs, shop.machines) for shop in made] == shapes * 30
    others = [shop for shop in made if (shop.durations, shop.routes) != (Durations.UNIFORM, Routes.RANDOM)]
    assert {(shop.jobs, shop.machines) for shop in others} == set(shapes)
