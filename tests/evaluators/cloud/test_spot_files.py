import io
import json
import tarfile
from pathlib import Path

import numpy as np
import pytest

from evaluators.cloud import spot_published as published
from evaluators.cloud.spot import HOUR, Job
from evaluators.cloud.spot_archives import is_archive, read_multi_region, read_single_region
from evaluators.cloud.spot_files import (
    evenly_spaced,
    is_trace,
    parse_trace,
    read_json,
    read_own_market,
    read_public_trace,
)
from evolve.problem import InstanceFileError
from tests.support.shared_data import shared_data

OWN = {
    "gap_seconds": 600,
    "on_demand_price": 3.06,
    "regions": {
        "here": {"available": [1, 0] * 30, "spot_price": 0.97},
        "there": {"available": [0, 1] * 30, "spot_price": [1.0, 1.1] * 30},
    },
    "jobs": [{"duration_hours": 4, "deadline_hours": 6, "overhead_hours": 0.1}],
}


def test_ones_own_market(tmp_path: Path) -> None:
    found = read_own_market(json.loads(json.dumps(OWN)), tmp_path)
    assert found.market.available[:, :3].tolist() == [[True, False, True], [False, True, False]]
    assert found.market.spot_prices[:, :2].tolist() == [[0.97, 0.97], [1.0, 1.1]]
    assert found.jobs == (Job(4 * HOUR, 6 * HOUR, 360),)
    assert not found.loses_tick


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"gap_seconds": "600"}, "Expected `int`, got `str`"),
        ({"jobs": []}, "expected at least one job"),
        (
            {"regions": {}},
            "expected at least one job, and regions with the same number of ticks; found 1 jobs",
        ),
        ({"regions": {"a": {"available": [1] * 60}}}, "missing required field `spot_price`"),
        (
            {"regions": {"a": {"available": [1] * 60, "spot_price": [1.0]}}},
            "regions.a: 1 prices for 60 ticks; expected one price, or one for each tick",
        ),
        ({"on_demand_price": 0.0}, "gap_seconds and all prices have to be positive"),
        (
            {"jobs": [{"duration_hours": 4, "deadline_hours": 4, "overhead_hours": 0.1}]},
            "4 h of work in 4 h, overhead 360 s: it cannot be done in time even on demand",
        ),
        (
            {"jobs": [{"duration_hours": 4, "deadline_hours": 10, "overhead_hours": 0.1}]},
            "availability is known for 10 h only",
        ),
    ],
)
def test_what_is_wrong_with_a_market_is_told(tmp_path: Path, change: dict[str, object], message: str) -> None:
    with pytest.raises(InstanceFileError) as error:
        read_own_market(json.loads(json.dumps(OWN | change)), tmp_path / "mine.json")
    assert str(error.value).startswith(str(tmp_path / "mine.json"))
    assert message in str(error.value)


def test_public_traces_count_instances_and_windows_count_their_lack(tmp_path: Path) -> None:
    trace = {"metadata": {"gap_seconds": 300}, "data": [0, 3, 16]}
    assert is_trace(trace)
    gap, available = read_public_trace(trace, tmp_path)
    assert (gap, available.tolist()) == (300, [False, True, True])
    window = {"metadata": {"gap_seconds": 600, "start_time": 17}, "data": [0, 1, 1]}
    assert read_public_trace(window, tmp_path)[1].tolist() == [True, False, False]


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({"data": [1]}, "missing required field `metadata`"),
        ({"metadata": {"gap_seconds": 5}, "data": ["x"]}, "Expected `int`, got `str`"),
        ({"metadata": {"gap_seconds": 0}, "data": [1]}, "a positive gap_seconds and at least one tick"),
        ({"metadata": {"gap_seconds": 5}, "data": []}, "a positive gap_seconds and at least one tick"),
    ],
)
def test_what_is_no_trace_is_told(document: object, message: str) -> None:
    with pytest.raises(InstanceFileError) as error:
        parse_trace(document, "place")
    assert str(error.value).startswith("place: ")
    assert message in str(error.value)


def test_what_is_not_json_is_told(tmp_path: Path) -> None:
    file = tmp_path / "mine.json"
    with pytest.raises(InstanceFileError, match="cannot be read as text"):
        read_json(file)
    file.write_text('{"a":\n}')
    with pytest.raises(InstanceFileError, match="line 2: not JSON"):
        read_json(file)


def test_evenly_spaced() -> None:
    assert evenly_spaced(list(range(10)), 4) == [0, 3, 6, 9]
    assert evenly_spaced(list(range(4)), 3) == [0, 2, 3]
    assert evenly_spaced([1, 2], 3) == [1, 2]


def archive(path: Path, members: dict[str, str]) -> Path:
    with tarfile.open(path, "w:gz") as opened:
        for name, text in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(text)
            opened.addfile(entry, io.BytesIO(text.encode()))
    return path


def test_what_is_wrong_with_an_archive_is_told(tmp_path: Path) -> None:
    file = tmp_path / "traces.tar.gz"
    assert is_archive(file)
    assert not is_archive(tmp_path / "traces.json")
    file.write_text("no archive")
    with pytest.raises(InstanceFileError, match="not an archive that can be read"):
        read_single_region(file)
    archive(file, {"other.json": "{}"})
    with pytest.raises(InstanceFileError, match="no traces of us-west-2a_k80_8"):
        read_single_region(file)
    with pytest.raises(InstanceFileError, match="2_zones_same_region-0: a zone's trace is missing"):
        read_multi_region(file)
    member = "real/ddl=search+task=48+overhead={}/real/us-west-2a_k80_8/traces/random_start/0.json"
    trace = json.dumps({"metadata": {"gap_seconds": 600}, "data": [0] * 500})
    archive(file, {member.format("0.02"): trace, member.format("0.05"): trace})
    with pytest.raises(InstanceFileError, match="expected the same trace in the folders of all overheads"):
        read_single_region(file)
    archive(file, {member.format("0.02"): "{"})
    with pytest.raises(InstanceFileError, match="a trace is not JSON"):
        read_single_region(file)


def test_the_single_region_archive_has_180_traces() -> None:
    found = read_single_region(shared_data("spot_adrs/single_real_traces.tar.gz"))
    assert len(found) == 180
    assert sum(len(workload.jobs) for workload in found.values()) == 1080
    names = [f"{environment}-{number}" for environment in published.ENVIRONMENTS for number in (0, 107)]
    assert all(name in found for name in names)
    assert {workload.market.ticks for workload in found.values()} == {554}
    # Mean unavailability of the selected traces lies near that of all 300 of an environment.
    for environment, unavailable in [("us-west-2b_k80_1", 0.79), ("us-west-2a_v100_1", 0.31)]:
        chosen = [w.market.available.mean() for name, w in found.items() if name.startswith(environment)]
        assert 1.0 - np.mean(chosen) == pytest.approx(unavailable, abs=0.1)


def test_windows_are_slices_of_the_public_traces() -> None:
    """Window 17 of us-west-2a_v100_1 begins at tick 623 of the trace that spot-traces has, inverted."""
    path = shared_data("spot_traces/availability_1-node_aws-10-26-2022_us-west-2a_v100_1.json")
    _, available = read_public_trace(read_json(path), path)
    with tarfile.open(shared_data("spot_adrs/single_real_traces.tar.gz")) as opened:
        wanted = "real/ddl=search+task=48+overhead=0.02/real/us-west-2a_v100_1/traces/random_start/17.json"
        file = opened.extractfile(wanted)
        assert file is not None
        document = json.loads(file.read())
    gap, window = read_public_trace(document, path)
    start = document["metadata"]["start_time"]
    assert (gap, start) == (600, 623)
    assert np.array_equal(window, available[start : start + len(window)])


def test_the_multi_region_archive_has_34_traces() -> None:
    found = read_multi_region(shared_data("spot_adrs/multi_real_traces.tar.gz"))
    assert len(found) == 34
    sizes = {name.rpartition("-")[0]: workload.market.regions for name, workload in found.items()}
    assert sizes == {name: len(zones) for name, (zones, _) in published.SCENARIOS.items()}
    assert {workload.market.ticks for workload in found.values()} == {1107}
    assert {workload.jobs for workload in found.values()} == {(Job(172800, 187200, 720),)}
    first = found["2_zones_same_region-0"].market
    assert 1.0 - first.available[0].mean() == pytest.approx(0.976, abs=5e-4)
    assert first.spot_prices[0, 0] == 1.5521
