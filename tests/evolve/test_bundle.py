import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolve.bundle import MAX_NAME, ProgramError, SourceFile, bundle, files, is_bundle, split_lines
from tests.support.bundles import NAMES, PIECES, contents

TWO = "# ==== FILE: main.py ====\nimport lib.a\n# ==== FILE: lib/a.py ====\nx = 1\n"


def test_a_text_without_a_header_is_one_file_without_a_name() -> None:
    for source in ("", "x = 1\n", "\n" + TWO, "#" + TWO, "\ufeffx = 1"):
        assert not is_bundle(source)
        assert files(source) == (SourceFile("", source.removeprefix("\ufeff")),)
        assert bundle(files(source)) == source.removeprefix("\ufeff")


def test_headers_begin_files() -> None:
    assert files(TWO) == (SourceFile("main.py", "import lib.a\n"), SourceFile("lib/a.py", "x = 1\n"))
    assert files("\ufeff" + TWO) == files(TWO)
    assert bundle(files(TWO)) == TWO


@given(st.data(), st.lists(st.sampled_from(NAMES), min_size=1, unique=True))
def test_what_is_put_together_comes_apart_again(data: st.DataObject, names: list[str]) -> None:
    parts = [SourceFile(name, data.draw(contents())) for name in names]
    text = bundle(parts)
    assert is_bundle(text)
    assert bundle(files(text)) == text
    for part, found in zip(parts, files(text), strict=True):
        cut_off = part is not parts[-1] and part.source and not part.source.endswith(("\n", "\r"))
        assert found == SourceFile(part.name, part.source + ("\n" if cut_off else ""))


@given(st.lists(st.sampled_from([*PIECES, "# ==== FILE: a.py ====\n", "# ==== FILE: b/c.py ====\n"])))
def test_what_comes_apart_is_put_together_again(pieces: list[str]) -> None:
    text = "".join(pieces)
    try:
        parts = files(text)
    except ProgramError as error:
        assert "same module" in str(error)
        return
    assert bundle(parts) == text
    headers = [line for line in split_lines(text) if line.startswith("# ==== FILE:")]
    expected = [line.split()[3] for line in headers] if is_bundle(text) else [""]
    assert [file.name for file in parts] == expected


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_line_ends_of_any_kind(newline: str) -> None:
    assert files(TWO.replace("\n", newline)) == (
        SourceFile("main.py", f"import lib.a{newline}"),
        SourceFile("lib/a.py", f"x = 1{newline}"),
    )


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("# ==== FILE: main.py", "# ==== FILE: lib/a.py ===="),
        ("# ==== FILE:main.py ====", "# ==== FILE: lib/a.py ===="),
        ("# ==== FILE: ====", "# ==== FILE: lib/a.py ===="),
        ("# ==== FILE:  ====", "# ==== FILE: lib/a.py ===="),
        ("# ==== FILE: main.py ====", "# ==== FILE: lib/a.py ==== "),
        ("# ==== FILE: main.py ====", "# ==== FILE: lib/a.py"),
    ],
)
def test_a_header_that_is_none(first: str, second: str) -> None:
    with pytest.raises(ProgramError, match=r"a header has to read '# ==== FILE: name\.py ===='") as caught:
        files(f"{first}\nimport lib.a\n\n{second}\nx = 1\n")
    assert caught.value.line == (1 if second.endswith("lib/a.py ====") else 4)
    assert caught.value.file == ""


@pytest.mark.parametrize(
    "name",
    [
        "",
        "a",
        "a.txt",
        "A.py",
        "é.py",
        "/a.py",
        "../a.py",
        "a/../b.py",
        "./a.py",
        "a//b.py",
        "a b.py",
        "a.b.py",
        "1.py",
        "a/1.py",
        "if.py",
        "class/a.py",
        "__main__.py",
        "__init__.py",
        "__init__/a.py",
        "json.py",
        "os/path.py",
        "numpy.py",
        "sandbox_runner/wire.py",
        "a\n.py",
        "a" * MAX_NAME + ".py",
    ],
)
def test_a_name_that_cannot_be(name: str) -> None:
    with pytest.raises(ProgramError, match=r"cannot be the name of a file|header has to read"):
        bundle([SourceFile("main.py", ""), SourceFile(name, "")])
    with pytest.raises(ProgramError, match=r"cannot be the name of a file|header has to read"):
        files(f"# ==== FILE: {name} ====\nx = 1\n")


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (("a.py", "a.py"), "the files a.py and a.py would be the same module"),
        (("a.py", "a/__init__.py"), "the files a.py and a/__init__.py would be the same module"),
        (("a.py", "a/b.py"), "a.py hides the folder that a/b.py is in"),
        (("a/b/c.py", "a/b.py"), "a/b.py hides the folder that a/b/c.py is in"),
    ],
)
def test_names_that_cannot_be_together(names: tuple[str, str], message: str) -> None:
    with pytest.raises(ProgramError, match=message):
        bundle([SourceFile(name, "") for name in names])
    with pytest.raises(ProgramError, match=message):
        files("".join(f"# ==== FILE: {name} ====\n" for name in names))


def test_names_that_can_be_together() -> None:
    names = [
        "main.py",
        "a/__init__.py",
        "a/b.py",
        "a/b_/c.py",
        "ab.py",
        "_x1.py",
        "lib/json.py",
        "program.py",
    ]
    assert [file.name for file in files(bundle(SourceFile(name, "") for name in names))] == names


def test_a_file_may_hold_no_header() -> None:
    inside = "x = '''\n# ==== FILE: b.py\n'''\n"
    with pytest.raises(ProgramError, match=r"^a.py, line 2: a line of a file may not begin with"):
        bundle([SourceFile("a.py", inside)])
    indented = inside.replace("# =", " # =")
    assert files(bundle([SourceFile("a.py", indented)])) == (SourceFile("a.py", indented),)


def test_no_file_at_all() -> None:
    with pytest.raises(ProgramError, match="at least one file"):
        bundle([])


def test_an_error_names_file_and_line() -> None:
    assert str(ProgramError("bad")) == "bad"
    assert str(ProgramError("bad", 3)) == "line 3: bad"
    inside = ProgramError("bad", 3).within("a.py")
    assert (str(inside), inside.file, inside.line, inside.message) == ("a.py, line 3: bad", "a.py", 3, "bad")
    assert str(ProgramError("bad").within("a.py")) == "a.py: bad"
