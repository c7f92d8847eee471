import json
from pathlib import Path

import pytest

from evaluators.cloud.broadcast_files import read_broadcast
from evolve.problem import InstanceFileError
from tests.support.shared_data import shared_data

CONFIGURATION = {
    "source_node": "aws:a",
    "dest_nodes": ["gcp:b"],
    "data_vol": 300,
    "num_partitions": 10,
    "ingress_limit": {"aws": 10, "gcp": 16},
    "egress_limit": {"aws": 5, "gcp": 7},
}
COST = "src,dest,cost\naws:a,gcp:b,0.09\ngcp:b,aws:a,0.12\naws:a,aws:a,0\n"
THROUGHPUT = (
    "src_region,tier,dst_region,throughput_sent\n"
    "aws:a,P,gcp:b,4000000000.0\ngcp:b,P,aws:a,5e9\naws:a,P,aws:a,9e9\ngcp:b,P,azure:c,1e9\n"
)


def _write(
    folder: Path,
    configuration: object = CONFIGURATION,
    cost: str | None = COST,
    throughput: str | None = THROUGHPUT,
    profiles: str = ".",
) -> Path:
    (folder / profiles).mkdir(exist_ok=True, parents=True)
    for name, text in (("cost.csv", cost), ("throughput.csv", throughput)):
        if text is not None:
            (folder / profiles / name).write_text(text)
    file = folder / "mine.json"
    file.write_text(json.dumps(configuration))
    return file


@pytest.mark.parametrize("profiles", [".", "profiles", "../profiles"])
def test_reads_a_configuration_with_its_grids(tmp_path: Path, profiles: str) -> None:
    folder = tmp_path / "config"
    folder.mkdir()
    configuration = CONFIGURATION | {"ingress_limit": {"aws": 10, "gcp": 16, "azure": 16}}
    configuration["egress_limit"] = {"aws": 5, "gcp": 7, "azure": 16}
    broadcast = read_broadcast(_write(folder, configuration, profiles=profiles))
    assert (broadcast.source, broadcast.destinations) == ("aws:a", ("gcp:b",))
    assert (broadcast.data_gb, broadcast.partitions, broadcast.vms) == (300.0, 10, 2)
    # Self-links and links without a price are left out; throughput is that of two machines, in Gbit/s.
    assert {region: list(links) for region, links in broadcast.grid.items()} == {
        "aws:a": ["gcp:b"],
        "gcp:b": ["aws:a"],
        "azure:c": [],
    }
    assert broadcast.grid["aws:a"]["gcp:b"].throughput == 8.0
    assert broadcast.grid["aws:a"]["gcp:b"].cost == 0.09


def test_links_may_stand_in_the_file(tmp_path: Path) -> None:
    links = [["aws:a", "gcp:b", 0.1, 3.0]]
    file = _write(tmp_path, CONFIGURATION | {"links": links, "num_vms": 4}, cost=None, throughput=None)
    broadcast = read_broadcast(file)
    assert broadcast.grid["aws:a"]["gcp:b"].throughput == 12.0


@pytest.mark.parametrize(
    ("configuration", "cost", "throughput", "message"),
    [
        ({"source_node": "aws:a"}, COST, THROUGHPUT, "not a broadcast: Object missing required field"),
        (
            CONFIGURATION | {"data_vol": "x"},
            COST,
            THROUGHPUT,
            "Expected `float`, got `str` - at `$.data_vol`",
        ),
        (CONFIGURATION, None, THROUGHPUT, "no cost.csv in"),
        (CONFIGURATION, COST, None, "no throughput.csv or throughput_slim.csv in"),
        (CONFIGURATION, "src,dst,cost\n", THROUGHPUT, "cost.csv: line 1: there is no column 'dest'"),
        (CONFIGURATION, COST + "aws:a,gcp:b,free\n", THROUGHPUT, "line 5: cost is 'free', not a number"),
        (CONFIGURATION, COST, THROUGHPUT + "aws:a,P,gcp:b\n", "line 6: throughput_sent is None, not a"),
        (CONFIGURATION | {"dest_nodes": ["gcp:z"]}, COST, THROUGHPUT, "region 'gcp:z' is not in the grid"),
        (CONFIGURATION | {"dest_nodes": ["azure:c"]}, COST, THROUGHPUT, "has no ingress limit above 0"),
    ],
)
def test_says_what_is_wrong_with_a_file(
    tmp_path: Path, configuration: object, cost: str | None, throughput: str | None, message: str
) -> None:
    file = _write(tmp_path, configuration, cost, throughput)
    with pytest.raises(InstanceFileError) as error:
        read_broadcast(file)
    assert message in str(error.value)
    assert str(error.value).startswith(str(tmp_path))


@pytest.mark.parametrize("content", [b"", b"[]", b"\xff\xfe", b"not json"])
def test_refuses_other_files(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "file.json"
    file.write_bytes(content)
    with pytest.raises(InstanceFileError, match=r"not a broadcast: .*; expected is \{"):
        read_broadcast(file)
    with pytest.raises(InstanceFileError, match="cannot be read"):
        read_broadcast(tmp_path / "absent.json")


def test_reads_the_published_grids() -> None:
    broadcast = read_broadcast(shared_data("cloudcast/inter_gaz2.json"))
    assert len(broadcast.grid) == 71
    assert sum(len(links) for links in broadcast.grid.values()) == 4970
    assert len(broadcast.destinations) == 7
