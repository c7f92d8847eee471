import pytest

from evaluators.cloud.broadcast import Broadcast, Link, provider_of
from tests.evaluators.cloud.broadcasts import LIMITS, small

AB = ("aws:a", "gcp:b")
BC = ("gcp:b", "azure:c")


def test_limits_are_those_of_all_vms_of_a_region() -> None:
    broadcast = small({AB: (0.1, 5.0)}, ("gcp:b",), vms=3)
    assert broadcast.ingress_limit("gcp:b") == 48.0
    assert broadcast.egress_limit("aws:a") == 30.0
    assert provider_of("aws:us-east-1") == "aws"


@pytest.mark.parametrize(
    ("links", "destinations", "changes", "message"),
    [
        ({AB: (0.1, 5.0)}, ("azure:c",), {}, "region 'azure:c' is not in the grid"),
        ({AB: (0.1, 5.0)}, (), {}, "destinations have to be at least one"),
        ({AB: (0.1, 5.0)}, ("gcp:b", "gcp:b"), {}, "and different"),
        ({AB: (0.1, 5.0)}, ("aws:a",), {}, "the source 'aws:a' is among the destinations"),
        ({AB: (0.1, 5.0)}, ("gcp:b",), {"partitions": 0}, "have to be positive"),
        ({AB: (0.1, 5.0)}, ("gcp:b",), {"vms": 0}, "have to be positive"),
        ({AB: (0.1, 5.0)}, ("gcp:b",), {"data_gb": float("nan")}, "have to be positive"),
        ({AB: (-0.1, 5.0)}, ("gcp:b",), {}, "link 'aws:a' to 'gcp:b': the price -0.1"),
        ({AB: (0.1, 0.0)}, ("gcp:b",), {}, "link 'aws:a' to 'gcp:b': the throughput 0.0"),
        ({AB: (0.1, 5.0), ("aws:a", "aws:a"): (0.1, 5.0)}, ("gcp:b",), {}, "is not another region"),
        ({AB: (0.1, 5.0), ("azure:c", "gcp:b"): (0.1, 5.0)}, ("azure:c",), {}, "no way from the source"),
        ({("aws:a", "b"): (0.1, 5.0)}, ("b",), {}, "region 'b': expected 'provider:region'"),
        ({("aws:a", "oci:b"): (0.1, 5.0)}, ("oci:b",), {}, "its provider has no ingress limit"),
    ],
)
def test_refuses_what_is_no_broadcast(
    links: dict[tuple[str, str], tuple[float, float]],
    destinations: tuple[str, ...],
    changes: dict[str, float],
    message: str,
) -> None:
    with pytest.raises(ValueError, match=message):
        small(links, destinations, **changes)  # type: ignore[arg-type]  # keyword arguments of one case


def test_refuses_a_link_to_a_region_without_an_entry() -> None:
    with pytest.raises(ValueError, match="is not another region of the grid"):
        Broadcast(
            source="aws:a",
            destinations=("aws:a2",),
            grid={"aws:a": {"gcp:b": Link(0.1, 1.0)}, "aws:a2": {}},
            data_gb=1.0,
            partitions=1,
            vms=1,
            ingress_gbps=LIMITS,
            egress_gbps=LIMITS,
        )
