"""Programs of several files in the sandbox."""

from collections.abc import Iterator

import numpy as np
import pytest

from evolve.execution.isolation import IsolationLevel
from evolve.execution.sandbox import Sandbox
from evolve.problem import CandidateFailure, Limits, RecordType, Status, Table
from evolve.program import SourceFile, bundle
from tests.support.bundles import RULE

MAIN = """\
import rules
from lib.packing import Packer as Packer, first_fit

def pack(size):
    return first_fit(size) + rules.OFFSET

def names():
    import lib, sys
    import lib.packing as packing
    modules = [rules, lib, packing]
    paths = [hasattr(m, "__path__") for m in modules]
    files = [getattr(m, "__file__", None) for m in modules]
    found = [[m.__name__, m.__package__] for m in modules]
    return [found, paths, files, __name__, "program" in sys.modules, pack.__module__]

def row(item):
    return first_fit(item.size)

def fails():
    return rules.fails()
"""
RULES = """\
import main

OFFSET = 100


def fails():
    return main.pack(None)
"""
PACKING = """\
from . import sizes
from .sizes import SMALL
from rules import OFFSET

class Packer:
    def __init__(self, start): self.total = start
    def add(self, amount):
        self.total += amount
        return self.total

def first_fit(size):
    if size is None:
        raise ValueError("no size")
    return size + SMALL + sizes.LARGE
"""
SIZES = "SMALL = 1\nLARGE = 10"


def several(**changes: str) -> str:
    sources = {"main.py": MAIN, "rules.py": RULES, "lib/packing.py": PACKING, "lib/sizes.py": SIZES}
    for name, source in changes.items():
        sources[f"{name.replace('__', '/', 1)}.py"] = source
    return bundle(SourceFile(name, source) for name, source in sources.items())


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(needs_numpy=False, minimum=IsolationLevel.LIMITS) as sandbox:
        yield sandbox


def call(sandbox: Sandbox, source: str, function: str, *arguments: int) -> object:
    with sandbox.open(source, Limits()) as candidate:
        return candidate.call(function, *arguments)


def failure(sandbox: Sandbox, source: str, function: str = "pack") -> CandidateFailure:
    with pytest.raises(CandidateFailure) as caught:
        call(sandbox, source, function)
    assert caught.value.status is Status.CRASHED
    return caught.value


def test_files_import_one_another(sandbox: Sandbox) -> None:
    assert call(sandbox, several(), "pack", 5) == 116


def test_modules_are_as_python_makes_them(sandbox: Sandbox) -> None:
    assert call(sandbox, several(), "names") == [
        [["rules", ""], ["lib", "lib"], ["lib.packing", "lib"]],
        [False, True, False],
        ["<rules.py>", None, "<lib/packing.py>"],
        "main",
        False,
        "main",
    ]


def test_a_folder_may_have_a_file_of_its_own(sandbox: Sandbox) -> None:
    source = several(lib____init__="from lib.sizes import *\nfrom . import packing\n").replace(
        "import rules\n",
        "import rules\nimport lib\ndef f(): return [lib.SMALL, lib.packing.first_fit(1)]\n",
        1,
    )
    assert call(sandbox, source, "f") == [1, 12]


def test_create_step_and_lockstep(sandbox: Sandbox) -> None:
    with sandbox.open(several(), Limits()) as candidate:
        candidate.create("Packer", 10)
        assert [candidate.step("add", amount) for amount in (1, 2)] == [11, 13]
        table = Table(RecordType("Item", ("size",)), np.arange(3.0).reshape(3, 1))
        assert candidate.lockstep("row", table).tolist() == [11.0, 12.0, 13.0]


def test_the_first_file_need_not_be_called_main(sandbox: Sandbox) -> None:
    first = SourceFile("lib/start.py", "from .other import x\ndef f(): return x\n")
    assert call(sandbox, bundle([first, SourceFile("lib/other.py", "x = 3")]), "f") == 3


def test_a_bundle_of_one_file(sandbox: Sandbox) -> None:
    assert (
        call(sandbox, "# ==== FILE: program.py ====\nimport program\ndef f(): return program.f is f\n", "f")
        is True
    )


def test_imports_from_the_future_hold_for_their_file(sandbox: Sandbox) -> None:
    future = "from __future__ import annotations\ndef g(x: Unknown): return 2\n"
    source = several(rules=future + "OFFSET = g(1)\n")
    assert call(sandbox, source, "pack", 5) == 18
    words = str(failure(sandbox, several(rules=future, lib__packing="def first_fit(x: Unknown): ...\n")))
    assert "name 'Unknown' is not defined" in words
    assert "lib/packing.py, line 1, in <module>" in words


def test_traceback_names_files(sandbox: Sandbox) -> None:
    assert failure(sandbox, several(), "fails").feedback.splitlines() == [
        "ValueError: no size",
        "  main.py, line 20, in fails: return rules.fails()",
        "  rules.py, line 7, in fails: return main.pack(None)",
        "  main.py, line 5, in pack: return first_fit(size) + rules.OFFSET",
        '  lib/packing.py, line 13, in first_fit: raise ValueError("no size")',
    ]


def test_failure_while_loading_names_the_file(sandbox: Sandbox) -> None:
    words = failure(sandbox, several(lib__sizes="SMALL = 1\nLARGE = (1\n")).feedback.splitlines()
    assert words[:2] == ["SyntaxError: '(' was never closed", "  lib/sizes.py, line 2: LARGE = (1"]
    words = failure(sandbox, several(lib__sizes="SMALL = 1\n\n1 / 0\n")).feedback.splitlines()
    assert (words[0], words[-1]) == (
        "ZeroDivisionError: division by zero",
        "  lib/sizes.py, line 3, in <module>: 1 / 0",
    )


def test_a_cycle_that_python_does_not_allow(sandbox: Sandbox) -> None:
    words = failure(sandbox, several(rules="from main import pack\nOFFSET = 1\n")).feedback
    assert "ImportError: cannot import name 'pack' from partially initialized module 'main'" in words


@pytest.mark.parametrize("name", ["[]", "'<rules.py>'", "type('S', (str,), {'__hash__': None})('x')"])
def test_an_error_with_the_name_of_any_file(sandbox: Sandbox, name: str) -> None:
    raising = f"error = SyntaxError('made up'); error.filename = {name}; error.lineno = 9; raise error"
    words = failure(sandbox, several(main=f"def pack():\n    {raising}\n")).feedback.splitlines()
    assert words[0].startswith("SyntaxError: made up")
    assert words[-1].startswith("  main.py, line 2, in pack: error = ")


@pytest.mark.parametrize(
    "line", ["import nothing", "from lib import nothing", "import main.rules", "from . import rules"]
)
def test_what_is_no_file_is_not_found(sandbox: Sandbox, line: str) -> None:
    assert (
        "Error" in failure(sandbox, several(main=f"{line}\ndef pack(): return 1\n")).feedback.splitlines()[0]
    )


def test_missing_function(sandbox: Sandbox) -> None:
    assert "defines no 'first'" in str(failure(sandbox, several(), "first"))


def test_nothing_is_left_for_the_next_program(sandbox: Sandbox) -> None:
    call(sandbox, several(), "pack", 5)
    assert "No module named 'rules'" in str(failure(sandbox, "import rules\ndef pack(): return 1\n"))
    assert call(sandbox, "import sys\ndef f(): return [__name__, 'rules' in sys.modules]", "f") == [
        "program",
        False,
    ]


def test_lines_are_counted_as_python_does(sandbox: Sandbox) -> None:
    source = several(rules="x = '\x0c\u2028'\r\nOFFSET = 1\r\ndef fails():\r\n    return 1 / 0\r\n")
    assert failure(sandbox, source, "fails").feedback.endswith("rules.py, line 4, in fails: return 1 / 0")
    plain = "x = '\x0c\u2028'\ndef fails():\n    return 1 / 0\n"
    assert failure(sandbox, plain, "fails").feedback.endswith("  line 3, in fails: return 1 / 0")


def test_the_program_of_the_other_tests_runs(sandbox: Sandbox) -> None:
    fields = ("remaining_work", "duration")
    jobs = Table(RecordType("Job", fields), np.array([[5.0, 2.0], [50.0, 2.0]]))
    states = Table(RecordType("State", ("now",)), np.zeros((2, 1)))
    with sandbox.open(RULE, Limits()) as candidate:
        assert candidate.lockstep("priority", jobs, states).tolist() == [3.5, 35.0]
