"""Programs that use too much of something end with the right word, and the next program is served."""

import signal

import pytest

from tests.conformance.harness import Driver

HONEST = "def attack(): return 42"
MEMORY = 64 * 2**20

BOMBS = {
    "list": "x = []\n    while True: x.append(bytearray(1 << 20))",
    "string": "x = 'a'\n    while True: x += x",
    "integer": "x = 1\n    while True: x <<= 1 << 26",
    "mmap": "import mmap\n    x = []\n    while True: x.append(mmap.mmap(-1, 1 << 24))",
    "small pieces": "global x\n    x = []\n    while True: x.append([0])",
    "chain": "global x\n    x = ()\n    while True: x = (x,)",
    "many attributes": "global x\n    x = {}\n    while True: x[len(x)] = str(len(x))",
    "huge request": "x = bytearray(1 << 40)",
    "caught and repeated": """x = []
    while True:
        try: x.append(bytearray(1 << 20))
        except MemoryError: break
    raise MemoryError""",
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_memory(driver: Driver, bomb: str) -> None:
    found = driver.attempt(f"def attack():\n    {BOMBS[bomb]}", memory_bytes=MEMORY)
    expected = ("out_of_memory", "crashed") if bomb == "mmap" else ("out_of_memory",)
    assert found.status in expected, found.feedback
    assert found.memory < MEMORY + 2**27
    assert driver.attempt(HONEST).value == 42


def test_memory_limit_is_what_it_says(driver: Driver) -> None:
    fits = "def attack(): return len(bytearray(48 << 20))"
    assert driver.attempt(fits, memory_bytes=MEMORY).value == 48 << 20
    assert driver.attempt(fits, memory_bytes=MEMORY // 2).status == "out_of_memory"


def test_numpy_memory(numpy_driver: Driver) -> None:
    source = "import numpy\ndef attack(): return float(numpy.ones(1 << 27).sum())"
    assert numpy_driver.attempt(source, memory_bytes=2 * MEMORY).status == "out_of_memory"


ENDLESS = {
    "loop": "while True: pass",
    "one long call": "sum(range(1 << 60))",
    "ignoring signals": """import signal
    for number in range(1, 65):
        try: signal.signal(number, signal.SIG_IGN)
        except (OSError, ValueError): pass
    while True: pass""",
    "catching everything": """while True:
        try:
            while True: pass
        except BaseException: pass""",
    "regular expression": "import re\n    re.match('(a+)+b', 'a' * 40)",
}


@pytest.mark.parametrize("loop", ENDLESS)
def test_cpu_time(driver: Driver, loop: str) -> None:
    found = driver.attempt(f"def attack():\n    {ENDLESS[loop]}", cpu_seconds=0.15)
    assert found.status == "timeout"
    assert 0.14 < found.cpu < 0.18
    assert driver.attempt(HONEST).value == 42


def test_cpu_time_while_loading(driver: Driver) -> None:
    found = driver.attempt("while True: pass", cpu_seconds=0.1)
    assert found.status == "timeout"


def test_sleep(driver: Driver) -> None:
    found = driver.attempt("import time\ndef attack(): time.sleep(60)", wall_seconds=0.3)
    assert found.status == "timeout"
    assert found.wall < 2
    assert found.cpu < 0.1
    assert driver.attempt(HONEST).value == 42


def test_evaluators_own_time_is_not_charged(one_driver: Driver) -> None:
    source = "def attack(): return 1"
    calls = [["call", "attack", []]] * 20
    assert one_driver.attempt(source, calls=calls, wall_seconds=2.0).status == "ok"


FLOODS = {
    "stdout": "while True: print('x' * 1000)",
    "stderr": "import sys\n    while True: sys.stderr.write('x' * 1000)",
    "by descriptor": "import os\n    while True: os.write(1, b'x' * 4096)",
    "one write": "print('x' * 200_000_000)",
    "no line": "import sys\n    while True: sys.stdout.write('x')",
}


@pytest.mark.parametrize("flood", FLOODS)
def test_output(driver: Driver, flood: str) -> None:
    found = driver.attempt(f"def attack():\n    {FLOODS[flood]}", output_bytes=10_000)
    assert found.status == "output_limit"
    assert 0 < len(found.output) <= 10_000
    assert driver.attempt(HONEST).value == 42


def test_output_just_beyond_the_limit_before_the_reply(driver: Driver) -> None:
    source = "def attack(n): print('x' * n)"
    assert driver.attempt(source, 999, output_bytes=1000).output == "x" * 999 + "\n"
    assert driver.attempt(source, 1000, output_bytes=1000).status == "output_limit"


def test_output_does_not_leak_into_the_next_program(driver: Driver) -> None:
    assert driver.attempt("def attack(): print('first')").output == "first\n"
    assert driver.attempt("def attack(): print('second')").output == "second\n"


ENDS = {
    "os._exit(0)": ("import os\n    os._exit(0)", "exit code 0"),
    "os._exit(7)": ("import os\n    os._exit(7)", "exit code 7"),
    "exit code of the runner": ("import os\n    os._exit(70)", "exit code 70"),
    "sys.exit": ("import sys\n    sys.exit(0)", "sys.exit"),
    "quit": ("raise SystemExit('bye')", "sys.exit"),
    "interrupt": ("raise KeyboardInterrupt", "KeyboardInterrupt"),
    "generator exit": ("raise GeneratorExit", "GeneratorExit"),
    "end of file": ("raise EOFError", "EOFError"),
    "segmentation fault": ("import ctypes\n    ctypes.string_at(1)", "SIGSEGV"),
    "abort": ("import ctypes\n    ctypes.CDLL(None).abort()", "SIG"),
    "recursion": ("attack()", "RecursionError"),
    "unprintable": (
        "class E(Exception):\n        def __str__(self): raise ValueError\n    raise E",
        "cannot be printed",
    ),
    "deep recursion": (
        "import sys\n    sys.setrecursionlimit(10**8)\n    f = lambda: f()\n    [f for _ in iter(f, 0)]",
        "",
    ),
    "closed pipes": (
        "import os\n    os.close(3); os.close(4)\n    while True: pass",
        "closed its connection",
    ),
    "closed reply": ("import os\n    os.close(4)\n    while True: pass", "closed its connection"),
}


@pytest.mark.parametrize("end", ENDS)
def test_end(driver: Driver, end: str) -> None:
    body, words = ENDS[end]
    found = driver.attempt(f"def attack():\n    {body}", memory_bytes=MEMORY)
    assert found.status in ("crashed", "out_of_memory"), found
    assert words in found.feedback
    assert driver.attempt(HONEST).value == 42


@pytest.mark.parametrize("end", ["os._exit(0)", "segmentation fault", "closed pipes"])
def test_end_before_the_first_call(driver: Driver, end: str) -> None:
    """It is gone when the evaluator turns to it, and still it is the program's doing."""
    body = ENDS[end][0].replace("\n    ", "\n").replace("while True: pass", "import time; time.sleep(9)")
    found = driver.attempt(body, calls=[["pause", "", [0.05]], ["call", "attack", []]])
    assert found.status == "crashed", found
    assert ENDS[end][1] in found.feedback


def test_traceback_is_of_the_program(driver: Driver) -> None:
    found = driver.attempt("def inner():\n    return {}['key']\n\ndef attack():\n    return inner()\n")
    assert found.status == "crashed"
    assert found.feedback.splitlines() == [
        "KeyError: 'key'",
        "  line 5, in attack: return inner()",
        "  line 2, in inner: return {}['key']",
    ]


def test_failure_while_loading(driver: Driver) -> None:
    found = driver.attempt("def attack(:\n    pass")
    assert (found.status, "SyntaxError" in found.feedback, "line 1" in found.feedback) == (
        "crashed",
        True,
        True,
    )
    found = driver.attempt("import nothing_of_that_name")
    assert (found.status, "ModuleNotFoundError" in found.feedback) == ("crashed", True)


def test_missing_function(driver: Driver) -> None:
    found = driver.attempt("x = 1")
    assert found.status == "crashed"
    assert "defines no 'attack'" in found.feedback


def test_kernel_limits_stand_behind(driver: Driver) -> None:
    source = """
import resource
def attack():
    names = ("CORE", "FSIZE", "MEMLOCK", "MSGQUEUE", "NOFILE", "CPU")
    return [resource.getrlimit(getattr(resource, "RLIMIT_" + name))[1] for name in names]
"""
    assert driver.attempt(source).value == [0, 0, 0, 0, 64, 12]


def test_signals_are_those_of_a_fresh_process(driver: Driver) -> None:
    source = "import signal\ndef attack(): return [int(signal.getsignal(n)) for n in (15, 24, 14)]"
    assert driver.attempt(source).value == [int(signal.SIG_DFL)] * 3
