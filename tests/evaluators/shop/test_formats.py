import json
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluators.shop.formats import format_text, parse_text, read_instances
from evaluators.shop.instance import JobShopInstance, job_shop
from evolve.problem import InstanceFileError
from tests.evaluators.shop.shops import job_shops
from tests.support.shared_data import shared_data

TWO_BY_THREE = job_shop([[4, 5, 6], [7, 8, 9]], [[0, 1, 2], [2, 0, 1]])


def same(one: JobShopInstance, other: JobShopInstance) -> bool:
    return np.array_equal(one.durations, other.durations) and np.array_equal(one.order, other.order)


def read(folder: Path, text: str, name: str = "shop.txt") -> dict[str, JobShopInstance]:
    path = folder / name
    path.write_text(text)
    return read_instances(path)


@settings(deadline=None)
@given(job_shops())
def test_what_is_written_as_text_is_read_back(shop: JobShopInstance) -> None:
    assert same(parse_text(format_text(shop, "again"), "again"), shop)


@settings(deadline=None)
@given(st.lists(job_shops(), min_size=1, max_size=4))
def test_a_file_may_hold_many_instances(
    tmp_path_factory: pytest.TempPathFactory, shops: list[JobShopInstance]
) -> None:
    named = {f"shop-{number}": shop for number, shop in enumerate(shops)}
    text = "\n +++++++ \n".join(format_text(shop, name) for name, shop in named.items())
    found = read(tmp_path_factory.mktemp("shops"), text)
    assert list(found) == list(named)
    assert all(same(found[name], named[name]) for name in named)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("2 3\n0 4 1 5 2 6\n2 7 0 8 1 9\n", "shop"),
        ("# from a benchmark\n#+++++\n\n 2   3 \n\n0 4  1 5  2 6\n\n2\t7\t0 8 1 9", "shop"),
        ("+++\n instance tiny\n +++\n a 2x3 instance (Table 1)\n 2 3\n 0 4 1 5 2 6\n 2 7 0 8 1 9\n", "tiny"),
        ("2 3  # jobs machines\n1 4 2 5 3 6  // machines from 1\n3 7 1 8 2 9\n", "shop"),
        ("Name: tiny\n2, 3\n0, 4, 1, 5, 2, 6\n2, 7, 0, 8, 1, 9\n", "tiny"),
    ],
)  # fmt: skip
def test_the_usual_headers_and_comments_are_understood(tmp_path: Path, text: str, name: str) -> None:
    found = read(tmp_path, text)
    assert list(found) == [name]
    assert same(found[name], TWO_BY_THREE)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no instance found; expected a line"),
        ("just prose\n", "no instance found; expected a line"),
        ("2\n", 'line 1: expected "jobs machines", two numbers from 1, got "2"'),
        ("0 3\n", 'line 1: expected "jobs machines"'),
        ("# c\n1 2\n0 4 1\n", 'line 3: job 0: expected 2 pairs "machine duration", got 3 numbers'),
        ("2 2\n0 4 1 2\n", 'line 2: job 1: expected 2 pairs "machine duration", got the end of the file'),
        ("1 2\n0 4 1 x\n", 'line 2: job 0: expected 2 pairs "machine duration", got "0 4 1 x"'),
        ("1 2\n0 4 1 2.5\n", "line 2: job 0"),
        ("1 2\n0 4 0 2\n", "line 1: the instance that starts here: job 0: expected each machine 0 … 1 once"),
        ("1 1\n0 -4\n", "line 1: the instance that starts here: job 0, operation 0: duration -4"),
        ("instance a\n1 1\n0 4\ninstance a\n1 1\n0 4\n", 'line 5: a second instance is named "a"'),
    ],
)
def test_a_bad_text_file_is_refused_by_file_and_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InstanceFileError, match=re.escape(message)) as caught:
        read(tmp_path, text)
    assert str(caught.value).startswith(str(tmp_path / "shop.txt"))


def test_json_with_and_without_names_and_bounds(tmp_path: Path) -> None:
    entry = {"duration_matrix": [[4, 5, 6], [7, 8, 9]], "machines_matrix": [[0, 1, 2], [2, 0, 1]]}
    bounded = {**entry, "name": "b", "metadata": {"optimum": None, "lower_bound": 20, "upper_bound": 24}}
    solved = {**entry, "metadata": {"optimum": 23}}
    found = read(tmp_path, json.dumps({"a": entry, "b": bounded, "c": solved}), "shops.json")
    assert all(same(shop, TWO_BY_THREE) for shop in found.values())
    bounds = {name: (shop.best_known_lower, shop.best_known_upper) for name, shop in found.items()}
    assert bounds == {"a": (None, None), "b": (20, 24), "c": (23, 23)}
    assert list(read(tmp_path, json.dumps(bounded), "alone.json")) == ["b"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"a": \n oops', "line 2: not JSON"),
        ("[1, 2]", "Expected `object`, got `array`; expected {name:"),
        ('{"a": {"duration_matrix": [[1]]}}', "missing required field `machines_matrix` - at `$[...]`"),
        ('{"a": {"duration_matrix": [["x"]], "machines_matrix": [[0]]}}', "Expected `int`, got `str`"),
        ('{"a": {"duration_matrix": [[1], [2, 3]], "machines_matrix": [[0]]}}', "$.a: "),
        ('{"a": {"duration_matrix": [[1]], "machines_matrix": [[1]]}}', "$.a: job 0: expected each machine"),
        ("{}", "no instance found"),
    ],
)
def test_a_bad_json_file_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InstanceFileError, match=re.escape(message)) as caught:
        read(tmp_path, text, "shops.json")
    assert str(caught.value).startswith(str(tmp_path / "shops.json"))


def test_a_missing_or_binary_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InstanceFileError, match="cannot be read as text"):
        read_instances(tmp_path / "nowhere.txt")
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(InstanceFileError, match="cannot be read as text"):
        read_instances(tmp_path / "binary")


def test_every_published_instance_survives_the_way_through_text() -> None:
    found = read_instances(shared_data("jobshop/benchmark_instances.json"))
    assert len(found) == 162
    assert all(same(parse_text(format_text(shop, name), name), shop) for name, shop in found.items())
    assert (found["ta41"].best_known_lower, found["ta41"].best_known_upper) == (1906, 2005)
