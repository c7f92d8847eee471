"""Whole programs: what is taken of them, what is restored, and what is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolve.operators.editing.blocks import EditError
from evolve.operators.restoring import file_child
from evolve.operators.whole import child_of_answer
from evolve.program import Program, SourceFile, bundle, check_outside_unchanged, files
from tests.evolve.operators.programs import rules

PARENT = '''\
"""Packs."""

import numpy as np  # for speed

# EVOLVE-BLOCK-START
def plan(loads, count):
    return [0] * count


# EVOLVE-BLOCK-END


def check(packs):
    return len(packs)
'''
BODY = "import heapq\n\n\ndef plan(loads, count):\n    return heapq.nlargest(count, loads)\n"
CHILD = PARENT.replace("def plan(loads, count):\n    return [0] * count\n\n\n", BODY)
INNER = '''\
def priority(operation, state):
    """A rule."""
    # EVOLVE-BLOCK-START
    return operation.duration
    # EVOLVE-BLOCK-END
'''


def child(answer: str, parent: str = PARENT, *, needs_markers: bool = False) -> str:
    def check(source: str) -> None:
        try:
            Program.parse(source)
        except ValueError as error:
            raise EditError(str(error)) from error

    made = child_of_answer(parent, answer, check, needs_markers=needs_markers)
    check_outside_unchanged(made, parent)
    return made


def refusal(answer: str, parent: str = PARENT, *, needs_markers: bool = False) -> str:
    with pytest.raises(EditError) as error:
        child(answer, parent, needs_markers=needs_markers)
    return str(error.value)


def code(text: str, info: str = "python") -> str:
    return f"```{info}\n{text}```\n"


def test_the_last_program_is_taken() -> None:
    first = code("def plan(loads, count):\n    return 1\n")
    answer = f"IDEA: x\nFirst I thought of\n{first}but\n{code(CHILD)}Done."
    assert child(answer) == CHILD


def test_what_is_no_program_is_passed_over() -> None:
    assert child(code(CHILD) + "Run it with\n" + code("$ python x.py --fast\n", "bash")) == CHILD
    assert child(code(CHILD) + "It had\n" + code("def (broken\n")) == CHILD


def test_an_answer_without_fences_may_be_a_program() -> None:
    assert child(f"IDEA: a heap\n{CHILD}") == CHILD


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"""Packs."""', '"""Packs, with a heap."""'),
        ('"""Packs."""\n\n', ""),
        ("  # for speed", ""),
        ("return len(packs)", "return   len( packs )  # as before"),
        ("\n\n\ndef check", "\ndef check"),
        ("import numpy as np  # for speed\n", ""),
        ("def check(packs):\n    return len(packs)\n", ""),
        ("# EVOLVE-BLOCK-START", "#EVOLVE-BLOCK-START"),
    ],
)
def test_text_outside_is_restored_where_it_means_the_same(old: str, new: str) -> None:
    assert CHILD.count(old) == 1
    made = child(code(CHILD.replace(old, new)))
    assert made.replace("\n", "") == CHILD.replace("\n", "")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            "import numpy as np",
            "import numpy",
            "line 3 of your program is 'import numpy  # for speed', where",
        ),
        (
            "import numpy as np",
            "import heapq\nimport numpy as np",
            "line 3 of your program is 'import heapq'",
        ),
        ("return len(packs)", "return 7", "'return len(packs)' was"),
        ("return len(packs)\n", "return len(packs)\n\nx = 1\n", "'x = 1', is new"),
        ("    return len(packs)\n", "", "line 14 of the program, 'return len(packs)', is left out"),
        ("# EVOLVE-BLOCK-END\n", "", "EVOLVE-BLOCK-START has no EVOLVE-BLOCK-END"),
        ("# EVOLVE-BLOCK-START\n", "", "has no counterpart"),
    ],
)
def test_text_outside_that_differs_is_refused_with_its_line(old: str, new: str, said: str) -> None:
    assert said in refusal(code(CHILD.replace(old, new)))


def test_regions_are_not_added() -> None:
    more = CHILD + "# EVOLVE-BLOCK-START\n# EVOLVE-BLOCK-END\n"
    assert "has 1 EVOLVE-BLOCK regions and yours has 2" in refusal(code(more))


def test_only_the_body_of_the_region_is_enough() -> None:
    made = child(code(BODY))
    assert made == CHILD
    assert child(code(f"# EVOLVE-BLOCK-START\n{BODY}# EVOLVE-BLOCK-END\n")) == CHILD


def test_a_whole_program_without_markers_is_enough_where_it_is_plain() -> None:
    plain = "".join(line for line in CHILD.splitlines(True) if "EVOLVE" not in line)
    assert Program.parse(child(code(plain))).id == Program.parse(CHILD).id
    assert "defines 'check', which is outside" in refusal(
        code(BODY + "\n\ndef check(packs):\n    return 0\n")
    )
    assert "lacks the lines" in refusal(code(plain), needs_markers=True)


def test_a_body_is_indented_as_its_region() -> None:
    answer = code("slack = operation.duration\nif slack > 1:\n    slack = 2\nreturn slack\n")
    assert child(answer, INNER) == INNER.replace(
        "    return operation.duration\n",
        "    slack = operation.duration\n    if slack > 1:\n        slack = 2\n    return slack\n",
    )
    assert "all of it, with them" in refusal(code('x = """a\nb"""\nreturn len(x)\n'), INNER)
    whole = INNER.replace("operation.duration", "-operation.duration")
    assert child(code(whole), INNER) == whole
    plain = "".join(line for line in whole.splitlines(True) if "EVOLVE" not in line)
    assert child(code(plain), INNER) == whole


def test_two_regions_need_their_markers() -> None:
    parent = PARENT.replace("def check", "# EVOLVE-BLOCK-START\nX = 1\n# EVOLVE-BLOCK-END\n\n\ndef check")
    assert "no markers to tell them apart" in refusal(code(BODY), parent)


def test_a_program_without_markers_may_change_altogether() -> None:
    free = "def plan(loads, count):\n    return []\n"
    assert child(code(BODY), free) == BODY
    assert child(code(f"# EVOLVE-BLOCK-START\n{BODY}# EVOLVE-BLOCK-END\n"), free) == BODY


@pytest.mark.parametrize("answer", ["", "I cannot help with that.", code("$ ls\n", "bash")])
def test_an_answer_without_a_program(answer: str) -> None:
    assert "no program in the answer" in refusal(answer)


def test_the_longest_program_says_what_is_wrong() -> None:
    answer = code(CHILD.replace("return heapq", "return heapq heapq")) + code("plan(1) + \n")
    assert "invalid syntax" in refusal(answer)


MAIN = (
    "from packing import fit\n\n# EVOLVE-BLOCK-START\ndef plan(x):\n    return fit(x)\n# EVOLVE-BLOCK-END\n"
)
PACKING = "# EVOLVE-BLOCK-START\ndef fit(x):\n    return x\n# EVOLVE-BLOCK-END\n"
FIXED = "LIMIT = 3\n"
BUNDLE = bundle(
    [SourceFile("main.py", MAIN), SourceFile("packing.py", PACKING), SourceFile("fixed.py", FIXED)]
)
NEW = PACKING.replace("return x", "return [x]")


@pytest.mark.parametrize(
    "answer",
    [
        code(f"# ==== FILE: packing.py ====\n{NEW}"),
        code(
            f"# ==== FILE: main.py ====\n{MAIN}# ==== FILE: packing.py ====\n{NEW}"
            f"# ==== FILE: fixed.py ====\n{FIXED}"
        ),
        f"### `packing.py`\n\n{code(NEW)}",
        code(NEW, "python packing.py"),
        code(f"# ==== FILE: packing.py ====\n{PACKING}") + code(f"# === FILE: ./packing.py\n{NEW}"),
        code("# ==== FILE: packing.py ====\ndef fit(x):\n    return [x]\n"),
    ],
)
def test_files_that_are_given_replace_those_of_the_bundle(answer: str) -> None:
    made = {file.name: file.source for file in files(child(answer, BUNDLE))}
    assert made == {"main.py": MAIN, "packing.py": NEW, "fixed.py": FIXED}


def test_files_are_told_by_name() -> None:
    assert "has the files main.py, packing.py, fixed.py" in refusal(code(NEW), BUNDLE)
    assert "no file 'other.py'" in refusal(code("# ==== FILE: other.py ====\nx = 1\n"), BUNDLE)
    assert "fixed.py: line 1 of your program" in refusal(
        code("# ==== FILE: fixed.py ====\nLIMIT = 4\n"), BUNDLE
    )


@given(rules(), rules())
def test_whatever_is_written_the_text_outside_is_the_parents(parent: str, written: str) -> None:
    try:
        made = file_child(parent, written)
    except EditError:
        return
    check_outside_unchanged(made, parent)


@given(rules(), st.sampled_from(["# more\n", "\n\n", '"""Text."""\n']))
def test_a_program_that_is_repeated_makes_itself(parent: str, before: str) -> None:
    made = file_child(parent, before + parent)
    assert Program.parse(made).id == Program.parse(parent).id
