from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolve.errors import UserError
from evolve.folders import read_program, write_program
from evolve.problem import EntryPoint
from evolve.program import Program, SourceFile, bundle, files
from tests.support.bundles import NAMES, RULE, RULE_FILES, contents

ENTRY = EntryPoint("priority", ("operation", "state"))


def write(folder: Path, **sources: str) -> Path:
    for name, source in sources.items():
        target = folder / f"{name.replace('__', '/')}.py"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(source)
    return folder


def names(source: str) -> list[str]:
    return [part.name for part in files(source)]


def test_a_file_is_read_as_it_stands(tmp_path: Path) -> None:
    file = write(tmp_path, a="x = 1") / "a.py"
    assert read_program(file, ENTRY) == read_program(file) == "x = 1"
    file.write_text(RULE)
    assert read_program(file, ENTRY) == RULE


def test_a_byte_order_mark_is_no_part_of_a_program(tmp_path: Path) -> None:
    file = write(tmp_path, main="\ufeff" + RULE_FILES[0].source) / "main.py"
    assert read_program(file) == RULE_FILES[0].source
    assert files(read_program(tmp_path, ENTRY)) == (RULE_FILES[0],)
    file.write_text("\ufeff" + RULE)
    assert read_program(file, ENTRY) == RULE


def test_the_file_with_the_entry_point_comes_first(tmp_path: Path) -> None:
    rule = "def priority(operation, state): ...\n"
    folder = write(tmp_path, b="", a__z="", c=rule, a__b="def f():\n    def priority(): ...\n")
    (folder / "notes.txt").write_text("none of a program's")
    assert names(read_program(folder, ENTRY)) == ["c.py", "a/b.py", "a/z.py", "b.py"]
    assert names(read_program(folder)) == ["a/b.py", "a/z.py", "b.py", "c.py"]
    write(tmp_path, main=rule)
    assert names(read_program(folder, ENTRY)) == ["main.py", "a/b.py", "a/z.py", "b.py", "c.py"]


def test_two_entry_points(tmp_path: Path) -> None:
    rule = "def priority(operation, state): ...\n"
    with pytest.raises(UserError, match=r"a.py and b.py define priority; call the file .* main.py"):
        read_program(write(tmp_path, a=rule, b=rule), ENTRY)


def test_what_is_no_program_is_left_to_be_told_when_it_is_parsed(tmp_path: Path) -> None:
    source = read_program(write(tmp_path, a="def f(:\n", b="x = '\0'"), ENTRY)
    assert names(source) == ["a.py", "b.py"]


@pytest.mark.parametrize(
    ("sources", "message"),
    [
        ({}, "there is no Python file in it"),
        ({"Main": ""}, "'Main.py' cannot be the name of a file"),
        ({"json": ""}, "'json.py' cannot be the name"),
        ({"a": "", "a__b": ""}, "a.py hides the folder"),
        ({"a": "# ==== FILE: b.py ====\n"}, "a.py, line 1: a line of a file may not begin"),
    ],
)
def test_a_folder_that_holds_no_program(tmp_path: Path, sources: dict[str, str], message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        read_program(write(tmp_path, **sources), ENTRY)
    assert str(caught.value).startswith(f"{tmp_path} holds no program: ")


def test_what_is_not_there_or_no_text(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"cannot read .*none: No such file"):
        read_program(tmp_path / "none", ENTRY)
    (tmp_path / "a.py").write_bytes(b"\xff")
    with pytest.raises(UserError, match=r"a.py is not UTF-8"):
        read_program(tmp_path, ENTRY)


def test_written_and_read_again_it_is_the_same(tmp_path: Path) -> None:
    write_program(tmp_path / "new" / "rule", RULE, force=False)
    again = read_program(tmp_path / "new" / "rule", ENTRY)
    assert Program.parse(again).id == Program.parse(RULE).id
    assert {*files(again)} == {*RULE_FILES}
    write_program(tmp_path / "rule.py", RULE, force=False)
    assert read_program(tmp_path / "rule.py", ENTRY) == RULE


@given(st.lists(st.tuples(st.sampled_from(NAMES), contents()), min_size=1, unique_by=lambda part: part[0]))
def test_any_program_is_the_same_after_writing(
    tmp_path_factory: pytest.TempPathFactory, parts: list[tuple[str, str]]
) -> None:
    source = bundle(SourceFile(*part) for part in sorted(parts))
    folder = tmp_path_factory.mktemp("any")
    write_program(folder, source, force=False)
    assert Program.parse(read_program(folder)).id == Program.parse(source).id


def test_what_is_there_is_not_replaced_unasked(tmp_path: Path) -> None:
    folder = write(tmp_path / "rule", main="mine")
    with pytest.raises(UserError, match=r"rule is not empty; --force"):
        write_program(folder, RULE, force=False)
    assert (folder / "main.py").read_text() == "mine"
    assert len([*folder.iterdir()]) == 1
    write_program(folder, RULE, force=True)
    assert Program.parse(read_program(folder, ENTRY)).id == Program.parse(RULE).id


def test_a_stranger_never_joins_the_program(tmp_path: Path) -> None:
    folder = write(tmp_path / "rule", lib__other="mine")
    with pytest.raises(UserError, match=r"rule/lib/other.py would become a file of the program"):
        write_program(folder, RULE, force=True)
    assert not (folder / "main.py").exists()


def test_files_and_folders_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(UserError, match="file is a file"):
        write_program(tmp_path / "file", RULE, force=True)
    with pytest.raises(UserError, match=r"is a folder; the program is one file"):
        write_program(tmp_path, "x = 1\n", force=True)
    with pytest.raises(UserError, match=r"--force replaces"):
        write_program(tmp_path / "file", "x = 1\n", force=False)
    with pytest.raises(UserError, match=r"cannot write .*file/rule"):
        write_program(tmp_path / "file" / "rule", RULE, force=False)
    write_program(tmp_path / "file", "x = 1\n", force=True)
    assert (tmp_path / "file").read_text() == "x = 1\n"
