import json
from pathlib import Path

import numpy as np
import pytest

from evaluators.moe.history import read_load_history
from evolve.problem import InstanceFileError


def _write(path: Path, steps: list[object]) -> Path:
    file = path / "history.json"
    file.write_text(json.dumps({"load_history": steps, "more": {"model": "any"}}))
    return file


def _step(load: object) -> dict[str, object]:
    return {"logical_expert_load": load, "step": 1}


def test_steps_are_summed_in_windows_and_the_last_may_be_short(tmp_path: Path) -> None:
    steps: list[object] = [_step([[step, 1], [0, 2.5]]) for step in range(7)]
    loads = read_load_history(_write(tmp_path, steps), steps_per_window=3)
    assert loads.windows.tolist() == [
        [[3, 3], [0, 7.5]],
        [[12, 3], [0, 7.5]],
        [[6, 1], [0, 2.5]],
    ]


def test_published_windows_have_a_hundred_steps(tmp_path: Path) -> None:
    loads = read_load_history(_write(tmp_path, [_step([[1, 2]])] * 250))
    assert loads.windows.tolist() == [[[100, 200]], [[100, 200]], [[50, 100]]]
    assert loads.windows.dtype == np.float64


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        ([_step([[1, 2]])] * 3, "load_history has 3 steps; at least 4 are needed"),
        ([_step([[1, 2]])] * 4 + [_step([[1, 2, 3]])], "load_history[4] has 1 layers x 3 experts; the"),
        (
            [_step([[1, 2]])] * 4 + [_step([[1, 2], [1]])],
            "load_history[4].logical_expert_load: layer 1 has 1",
        ),
        ([_step([[1, 2]])] * 4 + [_step([])], "load_history[4].logical_expert_load: there are no layers"),
        ([_step([[1, 2]])] * 4 + [_step([[]])], "load_history[4].logical_expert_load: layer 0 has 0"),
        ([_step([[1, 2]])] * 4 + [_step([[1, -2]])], "load_history[4].logical_expert_load[0][1] is -2"),
        ([_step([[1, 2]])] * 4 + [_step([[1, "2"]])], "Expected `float`, got `str` - at `$.logical_expert"),
        ([_step([[1, 2]])] * 4 + [_step([[1, None]])], "load_history[4]: Expected `float`, got `null`"),
        ([_step([[1, 2]])] * 4 + [{"load": [[1, 2]]}], "load_history[4]: Object missing required field"),
        ([_step([[1, 2]])] * 4 + [[1, 2]], "load_history[4]: Expected `object`, got `array`"),
        ([_step([[1, 2]])] * 3 + [_step([[0, 0]])] * 3, "window 1 has no load at all"),
    ],
)
def test_refuses_what_is_no_history(tmp_path: Path, steps: list[object], message: str) -> None:
    file = _write(tmp_path, steps)
    with pytest.raises(InstanceFileError) as error:
        read_load_history(file, steps_per_window=3)
    assert message in str(error.value)
    assert str(error.value).startswith(str(file))


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b"not json", b'{"load_history": 3}', b"\xff\xfe"])
def test_refuses_other_files(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "file.json"
    file.write_bytes(content)
    with pytest.raises(InstanceFileError, match=r"not a load history: .*; expected is \{"):
        read_load_history(file)


def test_a_missing_file_is_an_error_of_the_system(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_load_history(tmp_path / "absent.json")
