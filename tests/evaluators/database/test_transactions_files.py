import json
from pathlib import Path

import pytest

from evaluators.database.transactions import Access, Transaction
from evaluators.database.transactions_files import read_workloads
from evolve.problem import InstanceFileError


def test_several_workloads_or_one(tmp_path: Path) -> None:
    file = tmp_path / "mine.json"
    one = {"a": "r-17 * w-4", "b": "w-17"}
    file.write_text(json.dumps({"first": one, "second": {"c": "r-1 *"}}))
    found = read_workloads(file)
    assert list(found) == ["first", "second"]
    assert found["first"].transactions[0] == Transaction(3, (Access(1, 17, False), Access(3, 4, True)))
    assert found["second"].longest == 2
    file.write_text(json.dumps(one))
    assert read_workloads(file) == {"mine": found["first"]}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "line 1: not JSON"),
        ("[]", "expected {workload: {transaction:"),
        ("{}", "expected {workload: {transaction:"),
        ('{"w": {}}', "w: expected"),
        ('{"w": {"t": 3}}', "w: t: expected"),
        ('{"w": {"t": "r-1 x-2"}}', 'w: t: operation 2 is "x-2"; expected r-KEY, w-KEY or *'),
        ('{"w": {"t": "r-1 w-one"}}', 'w: t: operation 2 is "w-one"; expected r-KEY, w-KEY or *'),
        ('{"w": {"t": "* *"}}', "w: t: it accesses no key"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "mine.json"
    file.write_text(text)
    with pytest.raises(InstanceFileError) as error:
        read_workloads(file)
    assert str(error.value).startswith(f"{file}: ")
    assert message in str(error.value)


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(InstanceFileError, match="cannot be read as text"):
        read_workloads(tmp_path / "none.json")
