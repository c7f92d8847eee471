import msgspec
import pytest

from evolve.archive.engine import Archive
from evolve.archive.evaluations import add_evaluation, add_program
from evolve.archive.reading import RankedProgram, best_on_train, find_program, records_on_train, top_programs
from evolve.errors import UserError
from evolve.problem import Split, Status
from tests.evolve.archive.rows import (
    Search,
    commit_of,
    evaluation_of,
    go_on,
    program_of,
    selected_of,
    split_keys,
    start_search,
)


def _add(
    archive: Archive,
    search: Search,
    number: int,
    *,
    padding: int = 0,
    status: Status = Status.OK,
    **scores: float,
) -> None:
    with archive.writing() as connection:
        key = add_program(connection, search.run.id, program_of(number, padding))
        for split, score in scores.items():
            evaluation = evaluation_of(score, split, status)
            add_evaluation(connection, key, evaluation, split_keys(archive, search, split))


def _numbers(found: list[RankedProgram]) -> list[int]:
    return [int(one.source.split("#")[0].split("+")[1]) for one in found]


def _top(archive: Archive, search: Search, count: int = 10) -> list[int]:
    with archive.reading() as connection:
        return _numbers(top_programs(connection, search.run.id, count))


def test_validation_goes_before_train(archive: Archive) -> None:
    search = start_search(archive)
    _add(archive, search, 0, train=9.0)
    _add(archive, search, 1, train=2.0, validation=1.5)
    _add(archive, search, 2, train=1.0, validation=1.75)
    _add(archive, search, 3, train=8.0)
    assert _top(archive, search) == [2, 1, 0, 3]
    assert _top(archive, search, 2) == [2, 1]


def test_of_equals_the_shorter_then_the_older(archive: Archive) -> None:
    search = start_search(archive)
    _add(archive, search, 0, padding=50, train=1.0)
    _add(archive, search, 1, padding=10, train=1.0)
    _add(archive, search, 2, padding=10, train=1.0)
    _add(archive, search, 3, padding=90, train=1.0, validation=1.0)
    _add(archive, search, 4, padding=80, train=1.0, validation=1.0)
    _add(archive, search, 5, padding=99, train=2.0, validation=1.0)
    assert _top(archive, search) == [5, 4, 3, 1, 2, 0]
    with archive.reading() as connection:
        assert _numbers(best_on_train(connection, search.run.id, 5)) == [5, 1, 2, 0, 4]


def test_records_are_better_than_all_before_and_come_in_their_order(archive: Archive) -> None:
    search = start_search(archive)
    search.journal.select_first(selected_of(0))
    scores = {0: 1.0, 1: 1.0, 2: 0.5, 3: 1.25, 4: 9.0, 5: None, 6: 1.125, 7: 1.5}
    for number, score in scores.items():
        status = Status.CRASHED if score is None else Status.SUSPECT if score == 9.0 else Status.OK
        evaluation = evaluation_of(score, status=status)
        commit = msgspec.structs.replace(
            commit_of(number),
            status="accepted",
            program=program_of(number),
            evaluation=evaluation,
            reason=None,
        )
        search.journal.commit(commit)
    _add(archive, search, 10, train=99.0)
    with archive.reading() as connection:
        assert _numbers(records_on_train(connection, search.run.id)) == [0, 3, 7]
        assert records_on_train(connection, search.run.id + 99) == []


def test_suspect_and_failed_programs_are_never_ranked(archive: Archive) -> None:
    search = start_search(archive)
    go_on(search, 4)
    _add(archive, search, 10, train=99.0, status=Status.SUSPECT)
    with archive.reading() as connection:
        for rank in (best_on_train, top_programs):
            assert _numbers(rank(connection, search.run.id, 100)) == [4, 1, 0]


def test_runs_are_ranked_apart(archive: Archive) -> None:
    one, other = start_search(archive, "one"), start_search(archive, "other")
    _add(archive, one, 1, train=1.0)
    _add(archive, other, 2, train=2.0)
    assert _top(archive, one) == [1]
    assert _top(archive, other) == [2]


def test_ranked_program_tells_where_it_came_from(archive: Archive) -> None:
    search = start_search(archive)
    go_on(search, 5)
    with archive.writing() as connection:
        found = find_program(connection, program_of(5).id)
        add_evaluation(connection, found.id, evaluation_of(0.5, "test"), split_keys(archive, search, "test"))
        found = find_program(connection, program_of(5).id)
    assert (found.number, found.operator, found.parents) == (5, "constants", selected_of(5).parents)
    assert (found.run, found.problem, found.baseline, found.status) == ("search", "sums", None, "ok")
    assert (found.train, found.validation, found.test) == (1.0 + 5 / 64, None, 0.5)
    assert found.score == found.train


@pytest.fixture
def hashes(archive: Archive, search: Search) -> list[str]:
    """The hashes of programs, two of which start alike, in an archive with baselines."""
    go_on(search, 6)
    reference = search.run.reference_id
    assert reference is not None
    with archive.writing() as connection:
        add_program(connection, reference, program_of(100), baseline="SPT")
        add_program(connection, reference, program_of(101), baseline="FDD/MWKR")
    return [program_of(number).id for number in (0, 1, 2)]


def test_program_is_found_by_the_start_of_its_hash(archive: Archive, hashes: list[str]) -> None:
    with archive.reading() as connection:
        for one in hashes:
            for length in (8, 31, 32):
                assert find_program(connection, one[:length]).hash == one
            assert find_program(connection, one.upper()).hash == one


def test_baseline_is_found_by_its_name(archive: Archive, hashes: list[str]) -> None:
    with archive.reading() as connection:
        assert find_program(connection, "SPT").hash == program_of(100).id
        assert find_program(connection, "FDD/MWKR").baseline == "FDD/MWKR"
        assert find_program(connection, program_of(100).id[:10]).baseline == "SPT"


def test_name_of_a_baseline_goes_before_hashes(archive: Archive, search: Search, hashes: list[str]) -> None:
    assert search.run.reference_id is not None
    name = hashes[0][:2]
    with archive.writing() as connection:
        add_program(connection, search.run.reference_id, program_of(102), baseline=name)
        assert find_program(connection, name).baseline == name


def test_start_that_fits_several_programs(archive: Archive, search: Search, hashes: list[str]) -> None:
    alike: dict[str, int] = {}
    number = 1000
    while (twin := alike.setdefault(program_of(number).id[:4], number)) == number:
        number += 1
    _add(archive, search, twin)
    _add(archive, search, number)
    start = program_of(number).id[:4]
    with archive.reading() as connection:
        with pytest.raises(UserError, match=rf"'{start}' fits several programs: {start}.*, {start}"):
            find_program(connection, start)
        assert find_program(connection, program_of(number).id).hash == program_of(number).id


def test_same_program_in_several_runs_is_the_latest(archive: Archive) -> None:
    for name in ("one", "other"):
        go_on(start_search(archive, name), 0)
    with archive.reading() as connection:
        assert find_program(connection, program_of(0).id[:8]).run == "other"


@pytest.mark.parametrize("start", ["", "a", "abc", "spt"])
def test_start_that_is_too_short(archive: Archive, hashes: list[str], start: str) -> None:
    with archive.reading() as connection, pytest.raises(UserError, match=rf"'{start}' is too short"):
        find_program(connection, start)


@pytest.mark.parametrize("start", ["%%%%", "____", "0' OR '1'='1", "zzzz", "é" * 4, "0" * 33, "????", "SPT "])
def test_odd_characters_find_nothing(archive: Archive, hashes: list[str], start: str) -> None:
    with archive.reading() as connection, pytest.raises(UserError, match="no program in the archive starts"):
        find_program(connection, start)


def test_every_split_has_its_column() -> None:
    assert {split.value for split in Split} <= {*RankedProgram.__struct_fields__}
