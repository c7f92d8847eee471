"""`evolve plot` through the real command line."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import curve
from tests.support.command import evolve

PNG, SVG = b"\x89PNG\r\n", b"<?xml"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("plot")
    done = evolve("run", curve.FOLDER, "--name", "small", "--max-evaluations", "40", cwd=folder)
    assert done.code == 0, done.err
    yield folder


def test_all_pictures_that_there_are_go_to_a_folder(folder: Path, tmp_path: Path) -> None:
    done = evolve("plot", "small", "-o", tmp_path / "new" / "pictures", cwd=folder)
    assert done.code == 0, done.err
    names = sorted(file.name for file in (tmp_path / "new" / "pictures").iterdir())
    assert names == ["anytime.png", "instances.png", "lineage.png", "niches.png", "spending.png"]
    assert all((tmp_path / "new" / "pictures" / name).read_bytes().startswith(PNG) for name in names)
    assert "no picture 'pareto': curve has one objective" in done.err
    assert done.out.count("wrote ") == 5


def test_kinds_may_be_chosen_and_the_latest_run_need_not_be_named(folder: Path, tmp_path: Path) -> None:
    words = ("plot", "lineage", "anytime", "--format", "svg", "-o", tmp_path)
    assert evolve(*words, cwd=folder).code == 0
    assert sorted(file.name for file in tmp_path.iterdir()) == ["anytime.svg", "lineage.svg"]
    assert (tmp_path / "anytime.svg").read_bytes().startswith(SVG)


def test_one_kind_may_go_to_a_file(folder: Path, tmp_path: Path) -> None:
    for name, start in (("curve.png", PNG), ("curve.svg", SVG)):
        assert evolve("plot", "small", "anytime", "-o", tmp_path / name, cwd=folder).code == 0
        assert (tmp_path / name).read_bytes().startswith(start)


def test_the_same_archive_gives_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    for target in ("first", "second"):
        assert evolve("plot", "small", "-o", tmp_path / target, cwd=folder).code == 0
    for file in (tmp_path / "first").iterdir():
        assert file.read_bytes() == (tmp_path / "second" / file.name).read_bytes()


def test_what_is_there_is_kept_unless_told_otherwise(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "niches.png").write_text("mine")
    refused = evolve("plot", "small", "-o", tmp_path, cwd=folder)
    assert refused.code == 2
    assert "--force" in refused.complaint()
    assert [file.name for file in tmp_path.iterdir()] == ["niches.png"]
    assert (tmp_path / "niches.png").read_text() == "mine"
    assert evolve("plot", "small", "niches", "-o", tmp_path, "--force", cwd=folder).code == 0
    assert (tmp_path / "niches.png").read_bytes().startswith(PNG)


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("smell",), "did you mean 'small'?"),
        (("small", "anytim"), "did you mean 'anytime'?"),
        (("small", "pareto", "-o", "x"), "curve has one objective"),
        (("small", "-o", "x.png"), "name one kind"),
        (("small", "anytime", "--format", "svg", "-o", "x.png"), "name one kind, or a folder"),
        (("small", "-o", "/proc/nothing/here"), "cannot write"),
    ],
)
def test_mistakes_are_told_in_one_line(folder: Path, words: tuple[str, ...], complaint: str) -> None:
    done = evolve("plot", *words, cwd=folder)
    assert done.code == 2
    assert complaint in done.complaint()
    assert not (folder / "x").exists()
    assert not (folder / "x.png").exists()


def test_without_matplotlib_it_is_said_what_to_install(folder: Path, tmp_path: Path) -> None:
    hidden = tmp_path / "matplotlib"
    hidden.mkdir()
    (hidden / "__init__.py").write_text("raise ModuleNotFoundError('gone', name='matplotlib')\n")
    path = ":".join([str(tmp_path), *filter(None, sys.path)])
    for words in (("plot", "small"), ("report", "small", "-o", tmp_path / "report")):
        done = evolve(*words, cwd=folder, PYTHONPATH=path)
        assert done.code == 2
        assert "python -m pip install 'evolve-adrs[plot]'" in done.complaint()
    assert evolve("report", "small", "-o", tmp_path / "report.md", cwd=folder, PYTHONPATH=path).code == 0
