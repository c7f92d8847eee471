"""What worked against other frameworks: rewriting score, clock or result, and reading what is hidden."""

import time
from pathlib import Path

import pytest

from tests.conformance.harness import ENVIRONMENT, Driver

HONEST = """
import math, random, time, json, heapq
def attack(x):
    return [math.sqrt(x), len(json.dumps([x])), heapq.nsmallest(1, [3, 1, 2])[0], random.random(), max(1, 2)]
"""

CONTAMINATIONS = {
    "patched modules": """
import math, time, random, json, heapq, builtins
math.sqrt = lambda x: 1e9
json.dumps = lambda *a, **k: "x" * 1000
heapq.nsmallest = lambda *a: [1e9]
builtins.max = lambda *a: 1e9
random.seed(7)
def attack(x): return 1
""",
    "patched runner": """
import sys
for name, module in list(sys.modules.items()):
    if name.startswith("sandbox_runner"):
        for key, value in list(vars(module).items()):
            if callable(value) and not isinstance(value, type):
                setattr(module, key, lambda *a, **k: 1e9)
def attack(x): return 1
""",
    "patched frames": """
import sys, gc
def attack(x):
    frame = sys._getframe()
    while frame:
        for key in list(frame.f_globals):
            if key[:1] != "_" and key != "attack":
                try: frame.f_globals[key] = None
                except Exception: pass
        frame = frame.f_back
    return 1
""",
    "trace and exit hooks": """
import sys, atexit, threading
sys.settrace(lambda *a: None)
sys.setprofile(lambda *a: None)
atexit.register(lambda: print("late"))
sys.excepthook = lambda *a: None
def attack(x): return 1
""",
}


@pytest.mark.parametrize("name", CONTAMINATIONS)
def test_no_contamination(driver: Driver, name: str) -> None:
    """OpenEvolve and SkyDiscover let one program change the scores of all later ones."""
    before = driver.attempt(HONEST, 16.0).value
    assert before[0] == 4.0
    driver.attempt(CONTAMINATIONS[name], 16.0)
    assert driver.attempt(HONEST, 16.0).value == before


def test_state_does_not_survive(driver: Driver) -> None:
    source = "import sys\ndef attack(): n = getattr(sys, 'n', 0) + 1; sys.n = n; return n"
    assert [driver.attempt(source).value for _ in range(3)] == [1, 1, 1]


SEARCH = """
import gc, os, sys
def attack(words):
    found = []
    seen = set()
    frame = sys._getframe()
    stack = [gc.get_objects(), sys.modules]
    while frame:
        stack += [frame.f_locals, frame.f_globals]
        frame = frame.f_back
    own = id(words)
    while stack and len(seen) < 2_000_000:
        item = stack.pop()
        if id(item) in seen or id(item) == own:
            continue
        seen.add(id(item))
        if isinstance(item, str):
            found += [word for word in words if word in item and item != word]
        elif isinstance(item, dict):
            stack += list(item.keys()) + list(item.values())
        elif isinstance(item, (list, tuple, set, frozenset)):
            stack += list(item)
        elif hasattr(item, "__dict__"):
            stack.append(vars(item)) if isinstance(vars(item), dict) else None
    return [found, dict(os.environ), sorted(m for m in sys.modules if m.split(".")[0] in
            ("evolve", "evaluators", "problems", "msgspec", "sqlalchemy"))]
"""


def test_no_secret_in_reach(driver: Driver) -> None:
    """Neither API keys, nor an earlier program, nor the framework lie in the process."""
    driver.attempt("secret_of_another_program = 'swordfish'\ndef attack(): return 1")
    words = ["swordfish", *ENVIRONMENT, *ENVIRONMENT.values(), "evolve.execution"]
    found, environment, modules = driver.attempt(SEARCH, words, memory_bytes=2**29, cpu_seconds=20.0).value
    assert found == []
    assert environment == {}
    assert modules == []


def test_no_framework_to_import(driver: Driver) -> None:
    source = """
def attack(names):
    found = []
    for name in names:
        try:
            __import__(name)
            found.append(name)
        except ImportError:
            pass
    return found
"""
    names = ["evolve", "evaluators", "problems", "results", "msgspec", "pytest", "numpy", "pip", "prob"]
    assert driver.attempt(source, names).value == []


CLOCKS = """
import time, os
def attack():
    for name in ("time", "perf_counter", "process_time", "monotonic", "thread_time", "clock_gettime",
                 "time_ns", "perf_counter_ns", "process_time_ns", "monotonic_ns"):
        setattr(time, name, lambda *a: 0)
    os.times = lambda: (0, 0, 0, 0, 0)
    total = 0
    for i in range(3_000_000):
        total += i
    return total
"""


def test_clock_is_not_the_programs(driver: Driver) -> None:
    """Patching clocks made others believe in speed; time is taken from outside."""
    begun = time.process_time()
    sum(i for i in range(3_000_000))
    own = time.process_time() - begun
    assert driver.attempt(CLOCKS).cpu > own / 5


def test_no_process_outlives_its_program(driver: Driver) -> None:
    source = """
import os
def attack():
    made = 0
    for _ in range(50):
        try:
            if os.fork() == 0:
                while True: pass
            made += 1
        except OSError:
            pass
    return made
"""
    assert driver.attempt(source).value == 0


def test_standard_streams(driver: Driver) -> None:
    """Input is at its end; the terminal is out of reach."""
    source = """
import os, sys
def attack():
    opened = []
    for n in range(64):
        try:
            os.fstat(n)
            opened.append(n)
        except OSError as error:
            if error.errno == 1:  # not allowed to ask
                try: os.close(os.dup(n)); opened.append(n)
                except OSError: pass
    return [sys.stdin.read(), opened, sys.stdout.isatty()]
"""
    assert driver.attempt(source).value == ["", [0, 1, 2, 3, 4], False]


def test_argument_is_a_copy(driver: Driver) -> None:
    """Changing an argument changes nothing on the trusted side: the next program gets it anew."""
    source = "def attack(x): x.clear(); return len(x)"
    arguments = [list(range(20))]
    assert driver.attempt(source, *arguments).value == 0
    assert driver.attempt("def attack(x): return len(x)", *arguments).value == 20


def test_pickle_is_data(driver: Driver) -> None:
    """A pickle that would run code where it is loaded arrives as the bytes that it is."""
    source = """
import pickle, os
class Bomb:
    def __reduce__(self): return (os.system, ("touch /tmp/bomb",))
def attack(): return pickle.dumps(Bomb())
"""
    found = driver.attempt(source)
    if driver.configuration.level == "compute-preload" and found.status == "crashed":
        assert "No module named" in found.feedback  # pickle is not among what is preloaded
    else:
        assert found.value.startswith("b'\\x80")
    assert not Path("/tmp/bomb").exists()


def test_set_order_and_random_state_repeat(driver: Driver) -> None:
    source = """
import random
def attack():
    own = random.Random()
    return [list({"alpha", "beta", "gamma", "delta"}), random.random(), own.random(), hash("x")]
"""
    assert driver.attempt(source).value == driver.attempt(source).value


def test_numpy_random_state_repeats(numpy_driver: Driver) -> None:
    source = """
import numpy as np
def attack():
    own, legacy = np.random.default_rng(), np.random.RandomState(7)
    return [float(np.random.rand()), float(own.random()), float(legacy.rand())]
"""
    first = numpy_driver.attempt(source).value
    assert numpy_driver.attempt(source).value == first
    assert len(set(first)) == 3
