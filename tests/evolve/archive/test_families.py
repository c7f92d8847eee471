import msgspec

from evolve.archive.engine import Archive
from evolve.archive.records import Commit, Relation
from evolve.problem import Status
from evolve.program import Program
from tests.evolve.archive.rows import LAG, commit_of, evaluation_of, selected_of, start_search

SKELETON = Program.parse("def solve(x):\n    return x + 0.5\n").skeleton


def commit(number: int) -> Commit:
    """Every third proposal is no relative, every fourth has no score that counts."""
    whole = number % 3 == 0
    source = f"def solve(x):\n    return x + {'' if whole else '-'}{number}{'' if whole else '.0'}\n"
    status = Status.STOPPED if number % 4 == 0 else Status.OK
    return msgspec.structs.replace(
        commit_of(number),
        status="accepted" if number % 5 else "duplicate",
        program=Program.parse(source) if number % 5 else None,
        evaluation=evaluation_of(None if number % 4 == 0 else 1.0 + number, status=status)
        if number % 5
        else None,
    )


def relatives(until: int) -> list[Relation]:
    return [
        Relation(Program.parse(f"def solve(x):\n    return x + -{n}.0\n").id, None if n % 4 == 0 else 1.0 + n)
        for n in range(until + 1)
        if n % 3 and n % 5
    ]


def test_a_family_is_what_was_committed_until_then_in_order(archive: Archive) -> None:
    search = start_search(archive)
    search.journal.select_first(selected_of(0))
    for number in range(40):
        search.journal.commit(commit(number))
        for until in {number - LAG, number}:
            expected = relatives(until)
            assert search.history.family_size(until, SKELETON) == len(expected)
            assert search.history.family(until, SKELETON, 1000) == expected
            assert search.history.family(until, SKELETON, 4) == expected[-4:]
            assert search.history.family(until, SKELETON, 4, 3) == expected[:-3][-4:]
    assert search.history.family_size(39, "another") == 0
    assert search.history.family_size(-1, SKELETON) == 0


def test_families_of_other_runs_are_others(archive: Archive) -> None:
    for name in ("one", "other"):
        search = start_search(archive, name)
        search.journal.select_first(selected_of(0))
        for number in range(8):
            search.journal.commit(commit(number))
    assert search.history.family(7, SKELETON, 1000) == relatives(7)


def test_constants_signs_and_comments_are_no_part_of_a_skeleton() -> None:
    def skeleton(expression: str) -> str:
        return Program.parse(f"def solve(x):\n    return {expression}\n").skeleton

    same = ["0.5 * x", "-0.5 * x", "1e-07 * x  # small", "2.0 * (x)", "1e400 * x"]
    assert len({skeleton(expression) for expression in same}) == 1
    others = ["2 * x", "0.5 + x", "0.5 * y", "x * 0.5", "'0.5' * x", "0.5j * x", "-x * 0.5", "True * x"]
    assert len({skeleton(expression) for expression in [*same, *others]}) == 1 + len(others)
