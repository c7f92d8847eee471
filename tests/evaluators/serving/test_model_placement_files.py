import json
from pathlib import Path

import pytest

from evaluators.serving.model_placement_files import read_fleets
from evolve.problem import InstanceFileError

MODEL = {"model_name": "m", "model_size": 14, "req_rate": 3, "slo": 5, "cur_gpu_id": 0}
FLEET = {"gpu_num": 2, "models": [MODEL, MODEL]}


def _write(folder: Path, content: object) -> Path:
    file = folder / "mine.json"
    file.write_text(json.dumps(content))
    return file


def test_one_fleet_is_named_after_the_file(tmp_path: Path) -> None:
    fleets = read_fleets(_write(tmp_path, FLEET))
    assert list(fleets) == ["mine"]
    assert (fleets["mine"].gpus, fleets["mine"].memory, len(fleets["mine"].models)) == (2, 80.0, 2)
    assert fleets["mine"].models[0].demand == 3 / 5


def test_of_several_each_has_a_name(tmp_path: Path) -> None:
    fleets = read_fleets(_write(tmp_path, [FLEET, FLEET | {"name": "large", "gpu_memory": 141}]))
    assert list(fleets) == ["mine-01", "large"]
    assert fleets["large"].memory == 141.0


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"gpu_num": 2}, "not a fleet: Object missing required field `models`"),
        (
            {"gpu_num": 2, "models": [{"model_size": 1}]},
            "missing required field `req_rate` - at `$.models[0]`",
        ),
        ({"gpu_num": "2", "models": []}, "Expected `int`, got `str` - at `$.gpu_num`; expected is {"),
        ([], "the list of fleets is empty"),
        ([FLEET | {"name": "a"}, FLEET | {"name": "a"}], "two fleets are called 'a'"),
        ({"gpu_num": 1, "models": [MODEL | {"model_size": 99}]}, "fleet 'mine': model 0: its size 99 GB"),
        ({"gpu_num": 1, "models": []}, "fleet 'mine': there are no models"),
    ],
)
def test_says_what_is_wrong_with_a_file(tmp_path: Path, content: object, message: str) -> None:
    file = _write(tmp_path, content)
    with pytest.raises(InstanceFileError) as error:
        read_fleets(file)
    assert message in str(error.value)
    assert str(error.value).startswith(str(file))


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"not json", b"3"])
def test_refuses_other_files(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "file.json"
    file.write_bytes(content)
    with pytest.raises(InstanceFileError, match="not a fleet"):
        read_fleets(file)
    with pytest.raises(InstanceFileError, match="cannot be read"):
        read_fleets(tmp_path / "absent.json")
