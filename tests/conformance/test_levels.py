"""Each configuration reaches the level that it should, and what must work in it works."""

from tests.conformance.harness import Driver

BENIGN = """
import math, random, heapq, json, dataclasses

@dataclasses.dataclass
class Job:
    length: float

def attack(numbers):
    jobs = [Job(n) for n in numbers]
    heapq.heapify(numbers)
    return [sum(j.length for j in jobs), math.sqrt(16), random.random(), json.dumps({"a": 1}), numbers[0]]
"""

LAZY = """
def attack():
    import colorsys, graphlib
    return colorsys.rgb_to_hsv(0.5, 0.5, 0.5)[2]
"""


def test_level(driver: Driver) -> None:
    assert driver.state["level"] == driver.configuration.level, driver.state
    allowed = ["stat"] if driver.configuration.level == "compute" else []
    assert driver.state["allowed"] == allowed
    assert bool(driver.state["reasons"]) == (driver.configuration.level != "full")
    assert (driver.state["uid"] == 0) != driver.configuration.as_user


def test_benign_program(driver: Driver) -> None:
    found = driver.attempt(BENIGN, [3.0, 1.0, 2.0])
    assert found.value[:2] + found.value[3:] == [6.0, 4.0, '{"a": 1}', 1.0]
    assert 0 < found.cpu < 0.5
    assert 2**20 < found.memory < 2**28
    assert driver.attempt(BENIGN, [3.0, 1.0, 2.0]).value == found.value, "random state differs"


def test_lazy_import_of_the_standard_library(driver: Driver) -> None:
    found = driver.attempt(LAZY)
    if driver.configuration.level == "compute-preload":
        assert found.status == "crashed"
        assert "ModuleNotFoundError" in found.feedback
    else:
        assert found.value == 0.5
