import asyncio
from pathlib import Path

import msgspec
import numpy as np
import pytest

from evolve.checking import Check, Report, check_problem
from evolve.checking.evaluations import Results, check_time
from evolve.checking.payloads import contents
from evolve.checking.wrapping import CLAIM_FORMS, claiming, misshapen, noisy, with_leaf
from evolve.loading import LoadedProblem, ProblemReference, load_problem, problem_names
from evolve.problem import EntryPoint, Limits, Split, Value
from evolve.program import Program, files
from tests.support.direct_candidate import DirectCandidate
from tests.support.plugins import write_plugin
from tests.support.shared_data import ROOT


def check(folder: Path) -> Report:
    return asyncio.run(check_problem(load_problem(ProblemReference(f"{folder}/"))))


def test_a_sound_plugin_is_told_to_be_sound(tmp_path: Path) -> None:
    asked: list[Check] = []
    loaded = load_problem(ProblemReference(f"{write_plugin(tmp_path)}/"))
    report = asyncio.run(check_problem(loaded, progress=asked.append))
    assert report.findings == () and report.sound and report.unchecked == ()
    assert report.figures.instances == {"train": 3, "validation": 3, "test": 3}
    assert list(report.figures.cpu_seconds) == ["seed", "FIFO", "coarse", "fine"]
    assert report.figures.evaluation_seconds is not None and report.figures.proposals_per_hour is not None
    assert report.figures.proposals_per_hour == pytest.approx(3600 / report.figures.evaluation_seconds)
    assert len(asked) == len(set(asked)) > 5


def test_what_is_done_once_is_no_part_of_the_time_of_an_evaluation(tmp_path: Path) -> None:
    slow = "@cache\ndef slow():\n    sleep(1.0)\n\n\nproblem = Queue()"
    report = check(
        write_plugin(
            tmp_path,
            (PROBLEM, "from random", "from functools import cache\nfrom time import sleep\nfrom random"),
            (PROBLEM, "def bound(self, instance):\n", "def bound(self, instance):\n        slow()\n"),
            (PROBLEM, "problem = Queue()", slow),
        )
    )
    assert report.findings == ()
    assert report.figures.evaluation_seconds is not None and report.figures.evaluation_seconds < 1.0


@pytest.mark.parametrize("name", ["curve", "bins"])
def test_the_examples_that_the_documents_name_are_sound(name: str) -> None:
    assert check(ROOT / "tests" / "support" / "problems" / name).findings == ()


def test_a_word_of_the_workload_may_be_in_its_name(tmp_path: Path) -> None:
    """Files are called after what is in them, and instances after files."""
    with_label = (
        (PROBLEM, '("durations",)', '("durations", "label")'),
        (PROBLEM, "durations = instance.payload\n", "durations, label = instance.payload\n"),
        (PROBLEM, CALL, 'answer = candidate.call("order", list(durations), label)'),
        (PROBLEM, "return waiting(instance.payload,", "return waiting(instance.payload[0],"),
        (PROBLEM, "key=instance.payload.__getitem__", "key=instance.payload[0].__getitem__"),
        (PROBLEM, "jobs(first + number))", "(jobs(first + number), f'{split.value}-{number}{LABEL}'))"),
        (PROBLEM, "problem = Queue()", "LABEL = ' jobs'\nproblem = Queue()"),
        ("seed.py", "order(durations)", "order(durations, label)"),
        *(
            (f"baselines/{name}.py", "(durations):", "(durations, label):")
            for name in ("fifo", "coarse", "fine")
        ),
        ("statement.md", "order(durations)", "order(durations, label)"),
    )
    assert check(write_plugin(tmp_path / "told", *with_label)).findings == ()
    (finding,) = check(write_plugin(tmp_path / "named", *with_label, (PROBLEM, "' jobs'", "''"))).findings
    assert "sends the name of the instance test-0" in finding.what


@pytest.mark.slow
@pytest.mark.parametrize("name", problem_names())
def test_every_problem_in_the_tree_is_sound(name: str) -> None:
    report = asyncio.run(check_problem(load_problem(ProblemReference(name))))
    assert report.findings == ()


PROBLEM = "problem.py"
CALL = 'answer = candidate.call("order", list(durations))'
VALUE = "value = waiting(durations, chosen)\n"
LEAST = "waiting(instance.payload, sorted(range(12), key=instance.payload.__getitem__))"
CHECKED = 'integer_array(answer, "order", (len(durations),), 0, len(durations), ("position",))'

BROKEN: dict[str, tuple[Check, str, *tuple[tuple[str, str, str], ...]]] = {
    "an entry point that is not there": (
        Check.ENTRY_POINT,
        "defines no function 'order(durations)'",
        ("baselines/fifo.py", "def order(", "def arrange("),
    ),
    "a program twice": (
        Check.ENTRY_POINT,
        "the same program as coarse",
        ("baselines/fine.py", "// 1000", "// 3000"),
    ),
    "a block without an end": (
        Check.ENTRY_POINT,
        "EVOLVE-BLOCK-START without an EVOLVE-BLOCK-END",
        ("seed.py", "# EVOLVE-BLOCK-END", ""),
    ),
    "parameters of one name": (
        Check.ENTRY_POINT,
        "two parameters have one name",
        (PROBLEM, '("durations",)', '("durations", "durations")'),
    ),
    "a feature that is no expression": (
        Check.ENTRY_POINT,
        "invalid syntax",
        (PROBLEM, '"len(durations)"', '"len of durations"'),
    ),
    "a feature of nothing": (
        Check.ENTRY_POINT,
        "it reads none of the parameters durations",
        (PROBLEM, '"len(durations)"', '"len(jobs)"'),
    ),
    "objectives of one metric": (
        Check.ENTRY_POINT,
        "two objectives have one metric",
        (
            PROBLEM,
            "Direction.MINIMISE),)",
            'Direction.MINIMISE), Objective("waiting", "s", Direction.MINIMISE))',
        ),
    ),
    "no CPU time": (Check.LIMITS, "it is 0", (PROBLEM, "cpu_seconds=2.0", "cpu_seconds=0.0")),
    "less wall time than CPU time": (
        Check.LIMITS,
        "it is 1",
        (PROBLEM, "wall_seconds=20.0", "wall_seconds=1.0"),
    ),
    "a statement that does not say what to write": (
        Check.STATEMENT,
        "does not mention the function 'order'",
        (
            "statement.md",
            "`order(durations)`: the numbers of the jobs, in the order in which",
            "a rule by which",
        ),
    ),
    "an empty split": (
        Check.INSTANCES,
        "the split is empty",
        (PROBLEM, "range(3)", "range(3 if split is not Split.VALIDATION else 0)"),
    ),
    "instances without a seed": (
        Check.INSTANCES,
        "two calls of `instances` differ",
        (PROBLEM, "Random(seed)", "Random(seed if seed < 300 else None)"),
    ),
    "instances that cannot be made": (
        Check.INSTANCES,
        "reading them raises ZeroDivisionError",
        (PROBLEM, "first = {", "first = 1 // (split is not Split.TEST) * {"),
    ),
    "a name in two splits": (
        Check.INSTANCES,
        "the name stands in train and validation",
        (PROBLEM, "{split.value}-{number}", "{number}"),
    ),
    "a workload in two splits": (
        Check.HIDDEN,
        "it is the same workload as train-0 of train",
        (PROBLEM, "Split.TEST: 300", "Split.TEST: 100"),
    ),
    "the name of a test instance in the statement": (
        Check.HIDDEN,
        "it holds the name of the test instance test-1",
        ("statement.md", "\n", " The hardest is test-1.\n"),
    ),
    "the numbers of a test instance in the statement": (
        Check.HIDDEN,
        "it holds the numbers 8437, 8034",
        ("statement.md", "\n", " {numbers}\n"),
    ),
    "the name of the instance sent": (
        Check.HIDDEN,
        "`evaluate` sends the name of the instance test-0",
        (PROBLEM, '("durations",)', '("durations", "name")'),
        (PROBLEM, CALL, 'answer = candidate.call("order", list(durations), instance.name)'),
        ("seed.py", "order(durations)", "order(durations, name)"),
        ("baselines/fifo.py", "(durations):", "(durations, name):"),
        ("baselines/coarse.py", "(durations):", "(durations, name):"),
        ("baselines/fine.py", "(durations):", "(durations, name):"),
        ("statement.md", "order(durations)", "order(durations, name)"),
    ),
    "a bound that is none": (Check.BOUND, "it is nan", (PROBLEM, LEAST, "float('nan')")),
    "a bound that fails": (
        Check.BOUND,
        "`bound` raises IndexError",
        (PROBLEM, "sorted(range(12)", "sorted(range(13)"),
    ),
    "a bound that is beaten": (
        Check.BOUND,
        "beats the bound",
        (PROBLEM, LEAST, f"1.0001 * {LEAST}"),
        ("baselines/fine.py", "// 1000", "// 1"),
    ),
    "a baseline that is not valid": (
        Check.PROGRAMS,
        "invalid: a job is missing or stands twice",
        ("baselines/fifo.py", "list(range(len(durations)))", "[0] * len(durations)"),
    ),
    "an evaluator that fails": (
        Check.PROGRAMS,
        "`evaluate` raises ZeroDivisionError",
        (PROBLEM, VALUE, "value = waiting(durations, chosen) / (instance.name != 'test-2')\n"),
    ),
    "a value of 0": (
        Check.PROGRAMS,
        "its value is 0.0, of which no ratio can be formed",
        (PROBLEM, VALUE, "value = waiting(durations, chosen) * (chosen != list(range(12)))\n"),
        (PROBLEM, LEAST, "None"),
    ),
    "an outcome of another name": (
        Check.PROGRAMS,
        "the outcome is called 'train-2'",
        (
            PROBLEM,
            "instance=instance.name,",
            "instance=instance.name if chosen != list(range(12)) else 'train-2',",
        ),
    ),
    "a metric that is not the value": (
        Check.PROGRAMS,
        "and its metric waiting",
        (PROBLEM, 'metrics={"waiting": value}', 'metrics={"waiting": value + (chosen == list(range(12)))}'),
    ),
    "an evaluator with a memory": (
        Check.DETERMINISM,
        "evaluated again, and in reverse order, it differs: value of train-0",
        (PROBLEM, VALUE, "value = waiting(durations, chosen) + len(seen)\n        seen.append(1)\n"),
        (PROBLEM, "problem = Queue()", "seen = []\nproblem = Queue()"),
    ),
    "an evaluator with the order of a set": (
        Check.DETERMINISM,
        "in a process with another PYTHONHASHSEED it differs",
        (PROBLEM, VALUE, "value = waiting(durations, chosen) + float(list(set('abcdefgh')).index('a'))\n"),
    ),
    "test instances that depend on hash()": (
        Check.DETERMINISM,
        "in a process with another PYTHONHASHSEED it differs",
        (PROBLEM, "Random(seed)", "Random(seed + (hash('x') % 999 if seed >= 300 else 0))"),
    ),
    "an evaluator that reads what is printed": (
        Check.CLAIMS,
        "where it prints figures and spoils its arguments, train-0 is suspect with 1e-09",
        (
            PROBLEM,
            VALUE,
            VALUE + "        printed = candidate.close().output.split()\n"
            "        value = min([value, *(float(one) for one in printed if one == '1e-09')])\n",
        ),
    ),
    "an evaluator that asks for the score": (
        Check.CLAIMS,
        "`evaluate` calls 'score', which is not the entry point",
        (PROBLEM, VALUE, VALUE + "        candidate.call('score')\n"),
        ("seed.py", "def worth", "def score(): pass\ndef worth"),
        ("baselines/fifo.py", "def order", "def score(): pass\ndef order"),
        ("baselines/coarse.py", "def order", "def score(): pass\ndef order"),
        ("baselines/fine.py", "def order", "def score(): pass\ndef order"),
    ),
    "an evaluator that believes a claim": (
        Check.CLAIMS,
        "a number that the program puts into its answer (first) becomes its value",
        (
            PROBLEM,
            CALL,
            CALL + "\n        claimed = None\n"
            "        if isinstance(answer, list) and len(answer) == 2:\n"
            "            claimed, answer = answer\n",
        ),
        (PROBLEM, VALUE, "value = claimed or waiting(durations, chosen)\n"),
    ),
    "an evaluator that does not check types": (
        Check.HOSTILE,
        "`evaluate` raises TypeError",
        (PROBLEM, f"{CHECKED}.tolist()", "answer"),
    ),
    "an evaluator that makes do with anything": (
        Check.HOSTILE,
        "it is accepted, with the value",
        (PROBLEM, CALL, CALL + "\n        answer = list(range(12)) if answer is None else answer\n"),
    ),
    "an evaluator that lets a job be left out": (
        Check.HOSTILE,
        "it is accepted, and its value",
        (PROBLEM, f"{CHECKED}.tolist()", "some(answer)"),
        (PROBLEM, "sorted(chosen) != list(range(len(durations)))", "len(set(chosen)) < max(6, len(chosen))"),
        (
            PROBLEM,
            "def jobs(",
            "def some(answer):\n"
            "    count = len(answer) if isinstance(answer, list) else 12\n"
            "    return integer_array(answer, 'order', (count,), 0, 12).tolist()\n\n\ndef jobs(",
        ),
    ),
    "an evaluator that forgives everything": (
        Check.HOSTILE,
        "a program that spins ends",
        (
            PROBLEM,
            "        " + CALL,
            "        try:\n            " + CALL + "\n        except Exception:\n"
            "            answer = list(range(12))",
        ),
    ),
    "a baseline near the limit": (
        Check.TIME,
        "and the limit is 0.4 s",
        (PROBLEM, "cpu_seconds=2.0", "cpu_seconds=0.4"),
        (
            "baselines/fifo.py",
            "    return",
            "    import time\n    while time.process_time() < 0.36:\n        pass\n    return",
        ),
    ),
    "an instance that is too easy": (
        Check.TELLING_APART,
        "all 4 shipped programs get the same value on train-0",
        (PROBLEM, "randint(100, 9999)", "randint(100, 9999 if seed > 100 else 100)"),
    ),
    "baselines that lose to nothing": (
        Check.TRIVIAL,
        "where the best baseline (FIFO) has 1",
        ("baselines/coarse.py", "durations[job] // 3000", "-durations[job] // 3000"),
        ("baselines/fine.py", "durations[job] // 1000", "-durations[job] // 1000"),
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_plugin_is_found_by_the_right_line(name: str, tmp_path: Path) -> None:
    expected, words, *changes = BROKEN[name]
    sound: LoadedProblem = load_problem(ProblemReference(f"{write_plugin(tmp_path / 'sound')}/"))
    numbers = ", ".join(str(number) for number in sound.instances(Split.TEST)[2].payload)
    filled = [(file, old, new.replace("{numbers}", numbers)) for file, old, new in changes]
    report = check(write_plugin(tmp_path / "broken", *filled))
    found = [(finding.check, finding.what) for finding in report.findings]
    assert len(found) == 1, report.findings
    assert found[0][0] is expected
    assert words.replace("8437, 8034", numbers[:10]) in found[0][1]
    assert report.findings[0].fix and report.findings[0].where
    assert not report.sound


def test_an_evaluator_that_is_too_slow_to_search_with(tmp_path: Path) -> None:
    loaded = load_problem(ProblemReference(f"{write_plugin(tmp_path)}/"))
    assert check_time(loaded, Results(), 60.0) == []
    (finding,) = check_time(loaded, Results(), 12.0)
    assert (finding.check, finding.what) == (Check.TIME, "one core evaluates 12 programs an hour")


# --- The parts ---------------------------------------------------------------------------------------------


class Slotted:
    __slots__ = ("a", "b")

    def __init__(self, a: object, b: object) -> None:
        self.a = a
        self.b = b


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ([1, 2], [2, 1]),
        ([[1], [2]], [[1, 2]]),
        ({"a": 1}, {"b": 1}),
        ("ab", ["a", "b"]),
        (np.zeros((2, 3)), np.zeros((3, 2))),
        (Limits(), Limits(cpu_seconds=1.0)),
        (Slotted(1, "x"), Slotted(1, "y")),
        (b"x", b"y"),
        (None, 0),
    ],
)
def test_a_digest_tells_payloads_apart(one: object, other: object) -> None:
    assert contents(one).digest != contents(other).digest
    again = msgspec.json.decode(msgspec.json.encode(one)) if isinstance(one, list | dict | str) else one
    assert contents(one).digest == contents(again).digest


def test_contents_are_numbers_and_texts_in_order() -> None:
    found = contents({"name": [1, 2.5], "rest": (np.array([[3, 4]]), Slotted("deep", {5}), True)})
    assert found.numbers.tolist() == [1.0, 2.5, 3.0, 4.0, 1.0]
    assert found.texts == ("name", "rest", "deep", "5")
    loop: list[object] = []
    loop.append(loop)
    with pytest.raises(ValueError, match="holds itself"):
        contents(loop)


ENTRY = EntryPoint("f", ("x",))
PROGRAM = "def f(x):\n    x.append(4)\n    return {'a': [x[0], 2], 'b': 3}\n"


def test_a_noisy_program_answers_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    given: list[Value] = [7, [1, 2]]
    candidate = DirectCandidate(noisy(PROGRAM, ENTRY, ["cost"], 0.5))
    assert candidate.call("f", given) == {"a": [7, 2], "b": 3}
    assert given == []
    printed = capsys.readouterr().out
    assert '"cost": 0.5' in printed and "\n0.5\n" in printed
    candidate.call("f", [7])
    assert capsys.readouterr().out == ""


def test_answers_are_spoilt_in_one_place() -> None:
    def answer(source: str) -> object:
        return DirectCandidate(source).call("f", [7])

    assert answer(with_leaf(PROGRAM, ENTRY, "[leaf, -1]")) == {"a": [[7, -1], 2], "b": 3}
    assert answer(misshapen(PROGRAM, ENTRY, "short")) == {"b": 3}
    assert answer(misshapen(PROGRAM, ENTRY, "long")) == {"a": [7, 2], "b": 3, "one more": [7, 2]}
    pair = "def f(x): return (x[0], 2)\n"
    assert answer(misshapen(pair, ENTRY, "short")) == (2,)
    assert answer(misshapen(pair, ENTRY, "twice")) == [2, 2]
    claims = [answer(claiming(pair, ENTRY, form, 0.5, ["cost"])) for form in CLAIM_FORMS]
    assert claims[:3] == [0.5, [0.5, (7, 2)], [(7, 2), 0.5]]
    assert isinstance(claims[3], dict) and claims[3]["cost"] == 0.5 and claims[3]["answer"] == (7, 2)
    assert claims[4] == [0.5, 0.5]


def test_objects_that_are_asked_step_by_step_are_spoilt_too() -> None:
    source = "class C:\n    def step(self, y): return y\n\ndef f(x): return C()\n"
    candidate = DirectCandidate(with_leaf(source, ENTRY, "leaf + 1"))
    candidate.create("f", [1])
    assert candidate.step("step", [1, 5]) == [2, 5]


def test_programs_of_several_files_stay_programs() -> None:
    source = "# ==== FILE: main.py ====\nfrom other import g\ndef f(x):\n    return g(x)\n"
    source += "# ==== FILE: other.py ====\ndef g(x):\n    return x\n"
    changed = with_leaf(source, ENTRY, "0")
    assert [one.name for one in files(Program.parse(changed).source)] == ["main.py", "other.py"]
    assert files(changed)[1] == files(source)[1]
