import random
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluators.telemetry.faults import Fault, report
from evaluators.telemetry.published import leaderboard_score, read_snapshots
from evaluators.telemetry.repair import RepairQuality, checked_repair, repair_quality
from evaluators.telemetry.snapshot import Interface, Rates, Snapshot
from evaluators.telemetry.traffic import ABILENE, random_links, route
from evolve.problem import InstanceFileError, InvalidDecision

PAIR = (Interface("a_to_b", "b_to_a", "a", "b"), Interface("b_to_a", "a_to_b", "b", "a"))
GOOD = {"rx_rate": (0.0, 10.0, 0.9), "tx_rate": (0.0, 20.0, 0.9), "interface_status": ("up", "up", 1.0)}


def snapshot(*rates: tuple[float, float]) -> Snapshot:
    true = tuple(Rates(*pair) for pair in rates)
    return Snapshot(PAIR, true, true)


def answered(*entries: dict[str, Any]) -> dict[str, Any]:
    return dict(zip(("a_to_b", "b_to_a"), entries, strict=True))


def test_quality_by_hand() -> None:
    """Errors 0, 0.5, at most 1, and a true rate of 0 that is not counted; one status of two is wrong."""
    repaired = checked_repair(
        answered(
            {"rx_rate": (0, 10, 0.8), "tx_rate": (0, 10, 0.1), "interface_status": ("up", "up", 1)},
            {"rx_rate": [0, 90, 0.5], "tx_rate": [0, 0, 0.5], "interface_status": ["up", "down", 1]},
        ),
        PAIR,
    )
    quality = repair_quality(snapshot((10.0, 20.0), (20.0, 0.0)), repaired)
    assert quality.counters == pytest.approx(1.0 - (0.0 + 0.5 + 1.0) / 3)
    assert quality.status == 0.5
    # Right and sure; wrong and unsure; wrong (70 / 90) and half sure; right (0 is 0) and half sure.
    expected = (1.0 + 0.8 + (0.8 - 2 * 0.5 * 70 / 90) + (0.5 + 0.2 * 1.25)) / 4
    assert quality.calibration == pytest.approx(expected)
    assert quality.combined == pytest.approx(0.75 * 0.5 + 0.05 * 0.5 + 0.2 * expected)


def test_a_perfect_repair_is_1_and_nothing_is_more() -> None:
    repaired = checked_repair(answered(GOOD, GOOD), PAIR)
    assert repair_quality(snapshot((10.0, 20.0), (10.0, 20.0)), repaired) == RepairQuality(1.0, 1.0, 1.0)


@given(
    st.lists(st.tuples(st.floats(0, 1e6), st.floats(0, 1e6)), min_size=2, max_size=2),
    st.lists(st.floats(0, 1e12), min_size=4, max_size=4),
    st.lists(st.floats(0, 1), min_size=4, max_size=4),
)
def test_every_part_is_from_0_to_1(
    true: list[tuple[float, float]], rates: list[float], sure: list[float]
) -> None:
    triples = [(0, rate, confidence) for rate, confidence in zip(rates, sure, strict=True)]
    entries = [
        {"rx_rate": triples[at], "tx_rate": triples[at + 1], "interface_status": ("up", "down", 0.5)}
        for at in (0, 2)
    ]
    quality = repair_quality(snapshot(*true), checked_repair(answered(*entries), PAIR))
    for part in (quality.counters, quality.status, quality.calibration, quality.combined):
        assert 0.0 <= part <= 1.0


@pytest.mark.parametrize(
    ("answer", "complaint"),
    [
        (None, "the answer has to be a dictionary"),
        ([GOOD, GOOD], "the answer has to be a dictionary"),
        ({}, "interface a_to_b is missing (and 1 more); all 2 have to be answered"),
        ({"a_to_b": GOOD}, "interface b_to_a is missing; all 2"),
        ({**answered(GOOD, GOOD), "c": GOOD}, "there is no interface 'c'"),
        (answered(GOOD, 3), "b_to_a is 3; it has to be a dictionary"),  # type: ignore[arg-type]  # wrong on purpose
        (answered(GOOD, {**GOOD, "rx_rate": 3.0}), "b_to_a: rx_rate is 3; it has to be a triple"),
        (
            answered(GOOD, {**GOOD, "rx_rate": (1, 2)}),
            "b_to_a: rx_rate is a tuple of 2; it has to be a triple",
        ),
        (answered({**GOOD, "tx_rate": (0, -1, 0.5)}, GOOD), "a_to_b: repaired tx_rate is -1;"),
        (answered({**GOOD, "tx_rate": (0, True, 0.5)}, GOOD), "a_to_b: repaired tx_rate is True;"),
        (answered({**GOOD, "tx_rate": (0, float("nan"), 0.5)}, GOOD), "a_to_b: repaired tx_rate is nan;"),
        (
            answered({**GOOD, "tx_rate": (0, 10**400, 0.5)}, GOOD),
            "a_to_b: repaired tx_rate is a number beyond",
        ),
        (answered({**GOOD, "tx_rate": (0, 1, 1.5)}, GOOD), "a_to_b: confidence of tx_rate is 1.5;"),
        (answered({**GOOD, "interface_status": (0, 1, 1)}, GOOD), "a_to_b: interface_status is 1;"),
        (answered({**GOOD, "interface_status": None}, GOOD), "a_to_b: interface_status is None;"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(answer: object, complaint: str) -> None:
    with pytest.raises(InvalidDecision) as caught:
        checked_repair(answer, PAIR)
    assert complaint in caught.value.feedback


# --- Faults -----------------------------------------------------------------------------------------------


def published_report(
    rates: dict[str, tuple[float, float]], routers: dict[str, list[str]]
) -> tuple[str, dict[str, tuple[float, float]]]:
    """The published fault model, as its description has it, on Python's global generator."""
    kind = random.choice(["dropped", "scaled", "correlated_dropped", "correlated_scaled"])

    def scaled(rx: float, tx: float) -> tuple[float, float]:
        rx *= random.choice([random.uniform(0.5, 0.8), random.uniform(1.2, 1.5)])
        tx *= random.choice([random.uniform(0.5, 0.8), random.uniform(1.2, 1.5)])
        return rx, tx

    told = {}
    for name, (true_rx, true_tx) in rates.items():
        rx, tx = true_rx * random.uniform(0.98, 1.02), true_tx * random.uniform(0.98, 1.02)
        if kind == "dropped" and random.random() < 0.2:
            rx, tx = 0.0, 0.0
        elif kind == "scaled" and random.random() < 0.2:
            rx, tx = scaled(rx, tx)
        told[name] = rx, tx
    for names in routers.values():
        if random.random() < 0.8:
            continue
        for name in names:
            if kind == "correlated_dropped":
                told[name] = 0.0, 0.0
            elif kind == "correlated_scaled":
                told[name] = scaled(*rates[name])
    return kind, told


@pytest.mark.parametrize("seed", range(12))
def test_faults_are_drawn_in_the_published_order(seed: int) -> None:
    network = route(ABILENE)
    rates = network.rates(range(1, 13), Random(seed))
    names = [interface.name for interface in network.interfaces]
    plain = {name: (one.rx, one.tx) for name, one in zip(names, rates, strict=True)}
    stream = Random(seed)
    fault = stream.choice(list(Fault))
    mine = report(fault, network.interfaces, rates, stream)
    random.seed(seed)
    kind, theirs = published_report(plain, Snapshot(network.interfaces, rates, rates).topology())
    assert fault.value == kind
    assert {name: (one.rx, one.tx) for name, one in zip(names, mine, strict=True)} == theirs


def test_a_published_file_gives_the_published_snapshots(tmp_path: Path) -> None:
    rates = {
        (row, a, b): 1.0 + 7 * row + len(a) * 3 + ord(b) / 10 for row in range(40) for a, b in ("xy", "yx")
    }
    lines = [
        "timestamp,low_x_egress_to_y,low_y_ingress_from_x,low_y_egress_to_x,low_x_ingress_from_y,low_x_origin"
    ]
    for row in range(40):
        cells = [
            f"\"{{'ground_truth': {rates[row, *pair]}, 'perturbed': {extra}}}\""
            for pair, extra in (("xy", None), ("xy", None), ("yx", 3.5 if row % 2 else None), ("yx", None))
        ]
        lines.append(",".join([str(row), *cells, "{}"]))
    file = tmp_path / "evaluation_data.csv"
    file.write_text("\n".join(lines))

    random.seed(42)
    sampled = random.sample(list(range(40)), 30)
    expected = []
    for row in sampled:
        xy, yx = rates[row, "x", "y"], rates[row, "y", "x"]
        seen = {"x_to_y": (yx, xy), "y_to_x": (xy, 3.5 if row % 2 else yx)}
        expected.append(published_report(seen, {"x": ["x_to_y"], "y": ["y_to_x"]})[1])

    found = read_snapshots(file)
    assert [
        {name: (t["rx_rate"], t["tx_rate"]) for name, t in s.telemetry().items()} for s in found
    ] == expected
    first = found[0]
    xy, yx = rates[sampled[0], "x", "y"], rates[sampled[0], "y", "x"]
    assert first.true == (Rates(yx, xy), Rates(xy, yx))
    assert first.interfaces[1] == Interface("y_to_x", "x_to_y", "y", "x")


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("a,b\n1,2\n", "no row has a rate"),
        ("low_x_egress_to_y\n\"{'ground_truth': -1}\"\n", "row 1, column low_x_egress_to_y"),
        ("low_x_egress_to_y\n\"{'ground_truth': 'much'}\"\n", "no rate in Mbps"),
        ("low_x_egress_to_y\n\"{'ground_truth': 1e999}\"\n", "no rate in Mbps"),
        (b"\xff\xfe", "not a CSV file in UTF-8"),
    ],
)
def test_a_file_that_is_not_published_data_is_refused(
    tmp_path: Path, content: str | bytes, complaint: str
) -> None:
    file = tmp_path / "mine.csv"
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(InstanceFileError, match=complaint):
        read_snapshots(file)


def test_the_published_scale() -> None:
    """Its three anchors, and clipping."""
    found = [leaderboard_score(combined) for combined in (0.7, 0.80, 0.82, 0.91, 1.0)]
    assert found == pytest.approx([0.0, 0.0, 50.0, 75.0, 100.0])


# --- Networks ---------------------------------------------------------------------------------------------


@given(st.integers(2, 12), st.integers(0, 3), st.integers(0, 1000))
def test_both_ends_of_a_link_count_the_same(routers: int, extra: int, seed: int) -> None:
    stream = Random(seed)
    links = random_links(routers, min(extra, (routers - 1) * (routers - 2) // 2), stream)
    network = route(links)
    rates = dict(zip(network.interfaces, network.rates([1] * routers, stream), strict=True))
    by_name = {interface.name: one for interface, one in rates.items()}
    assert len(by_name) == 2 * len(links) == 2 * len(set(links))
    for interface, one in rates.items():
        assert one.rx == by_name[interface.connected_to].tx
    assert len(network.paths) == routers * (routers - 1)
    assert all(path for path in network.paths)


def test_links_that_are_down_carry_nothing() -> None:
    down = ABILENE[3]
    network = route(ABILENE, [down])
    for interface, one in zip(network.interfaces, network.rates([1] * 12, Random(1)), strict=True):
        is_down = {interface.local_router, interface.remote_router} == set(down)
        assert interface.status == ("down" if is_down else "up")
        assert (one == Rates(0.0, 0.0)) == is_down
