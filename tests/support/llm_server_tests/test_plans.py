import random

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from tests.support.llm_server import (
    TRANSIENT,
    Behaviour,
    Kind,
    Latency,
    Rule,
    Rules,
    Script,
    Seeded,
    ServerConfig,
    evenly,
)

SEEDED = Seeded(7, evenly(0.2, *TRANSIENT), Latency(0.1, sigma=0.6))


def test_a_script_goes_by_the_order_of_arrival() -> None:
    script = Script((Behaviour(Kind.EMPTY), Behaviour(Kind.HANG)), then=Behaviour(Kind.DRIP))
    assert [script.decide("a", "", 9, index).kind for index in range(4)] == ["empty", "hang", "drip", "drip"]


def test_rules_go_by_the_text_and_by_how_often_it_has_come() -> None:
    steps = (Behaviour(Kind.RATE_LIMITED), Behaviour(Kind.MALFORMED))
    rules = Rules((Rule("one", steps), Rule("two", (Behaviour(Kind.LENGTH),))))
    assert [rules.decide("a", "one and two", seen, 0).kind for seen in range(3)] == [
        "rate_limited",
        "malformed",
        "ok",
    ]
    assert rules.decide("a", "two", 0, 0).kind is Kind.LENGTH
    assert rules.decide("a", "three", 0, 0).kind is Kind.OK


@given(st.text(), st.integers(0, 99), st.integers(0, 10**6), st.integers(0, 10**6))
def test_a_seeded_plan_depends_on_body_and_count_alone(digest: str, seen: int, one: int, other: int) -> None:
    random.seed(one)
    first = SEEDED.decide(digest, "text", seen, one)
    random.seed(other)
    assert SEEDED.decide(digest, "other", seen, other) == first


def test_a_seeded_plan_keeps_its_shares_and_its_latency() -> None:
    found = [SEEDED.decide(f"body {number}", "", 0, 0) for number in range(8000)]
    counts = {kind: sum(one.kind is kind for one in found) for kind in TRANSIENT}
    assert abs(sum(counts.values()) / 8000 - 0.2) < 0.02
    assert all(abs(count - 8000 * 0.2 / len(TRANSIENT)) < 60 for count in counts.values())
    delays = sorted(one.delay_s for one in found)
    assert abs(delays[4000] - 0.1) < 0.01
    assert delays[7900] > 0.25
    again = [
        Seeded(8, SEEDED.faults, SEEDED.latency).decide(f"body {number}", "", 0, 0) for number in range(9)
    ]
    assert again != found[:9]
    assert {SEEDED.decide("body", "", seen, 0).kind for seen in range(400)} == {Kind.OK, *TRANSIENT}


def test_a_configuration_survives_the_way_to_another_process() -> None:
    for plan in (SEEDED, Script((Behaviour(Kind.HANG),)), Rules((Rule("x", (Behaviour(),)),))):
        config = ServerConfig(plan=plan, keys=("a",))
        assert msgspec.json.decode(msgspec.json.encode(config), type=ServerConfig) == config
