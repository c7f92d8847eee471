import shutil
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

import evaluators
from evolve import loading
from evolve.errors import UserError
from evolve.loading import (
    LoadedProblem,
    ProblemReference,
    check_names_differ,
    load_problem,
    problem_names,
    read_instance_files,
)
from evolve.problem import Split
from evolve.program import files

PROBLEM = """
from pathlib import Path

from evolve.problem import (
    Direction, EntryPoint, Instance, InstanceFileError, Objective, Outcome, Problem,
)
{imports}

class Sums(Problem):
    name = "sums"
    summary = "{summary}"
    entry_point = EntryPoint("solve", ("x",))
    objectives = (Objective("cost", "s", Direction.MINIMISE),)
    baselines = {{"A": "baselines/a.py", "B & C": "baselines/b.py"}}

    def instances(self, split):
        return [Instance(f"{{split.value}} {{n}}", n) for n in range(2)]

    def read_instances(self, path: Path):
        lines = path.read_text().split()
        if "bad" in lines:
            raise InstanceFileError(f"{{path}}: line {{lines.index('bad') + 1}} is bad")
        return [Instance(line, 1) for line in lines]

    def instance_files(self, path: Path):
        beside = path.with_suffix(".grid")
        if path.read_text().startswith("grid") and not beside.exists():
            raise InstanceFileError(f"{{beside}} is missing")
        return (path, beside) if beside.exists() else (path,)

    def evaluate(self, instance, candidate):
        return Outcome(instance=instance.name, value=1.0)


problem = Sums()
"""

MakeProblem = Callable[..., Path]


@pytest.fixture
def make_problem(tmp_path: Path) -> MakeProblem:
    """Writes a complete folder; every call a new one, since modules are imported once."""
    made = 0

    def make(imports: str = "", summary: str = "Sums.", name: str = "sums") -> Path:
        nonlocal made
        made += 1
        folder = tmp_path / str(made) / name
        (folder / "baselines").mkdir(parents=True)
        (folder / "problem.py").write_text(PROBLEM.format(imports=imports, summary=summary))
        (folder / "statement.md").write_text("Find the sum.\n")
        (folder / "seed.py").write_text("def solve(x): return x\n")
        (folder / "baselines" / "a.py").write_text("def solve(x): return 1\n")
        (folder / "baselines" / "b.py").write_text("def solve(x): return 2\n")
        return folder

    return make


def _load(folder: Path, **instance_files: tuple[str, ...]) -> LoadedProblem:
    return load_problem(ProblemReference(str(folder), instance_files))


def _copy(folder: Path) -> Path:
    copy = folder.parent / f"copy{len([*folder.parent.iterdir()])}" / folder.name
    shutil.copytree(folder, copy)
    return copy


def test_folder_is_loaded_with_all_that_belongs_to_it(make_problem: MakeProblem) -> None:
    folder = make_problem()
    loaded = _load(folder)
    assert loaded.name == "sums"
    assert loaded.folder == folder
    assert loaded.statement == "Find the sum.\n"
    assert loaded.seed == "def solve(x): return x\n"
    assert loaded.baselines == {"A": "def solve(x): return 1\n", "B & C": "def solve(x): return 2\n"}
    assert [instance.name for instance in loaded.instances(Split.TEST)] == ["test 0", "test 1"]
    assert len(loaded.version) == 16


def test_relative_path_and_trailing_slash(make_problem: MakeProblem, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = make_problem()
    monkeypatch.chdir(folder.parent)
    versions = [
        load_problem(ProblemReference(locator)).version
        for locator in ("sums", "./sums", "sums/", str(folder))
    ]
    assert versions == [versions[0]] * 4


@pytest.mark.parametrize("name", problem_names())
def test_shipped_problem_is_the_same_by_name_and_by_path(name: str) -> None:
    by_name = load_problem(ProblemReference(name))
    by_path = load_problem(ProblemReference(str(by_name.folder)))
    assert by_name.name == name
    assert by_name.version == by_path.version
    assert by_name.baselines == by_path.baselines


def test_folder_in_the_way_does_not_hide_a_shipped_problem(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = problem_names()[0]
    (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path)
    assert load_problem(ProblemReference(name)).name == name
    with pytest.raises(UserError, match=f"{name} is not the folder of a problem"):
        load_problem(ProblemReference(f"./{name}"))


def test_installed_problem_is_found_by_its_name(
    make_problem: MakeProblem, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make_problem(name="installed_for_a_test")
    (folder / "__init__.py").touch()
    monkeypatch.syspath_prepend(str(folder.parent))
    point = EntryPoint("from_afar", "installed_for_a_test.problem:problem", "evolve.problems")
    monkeypatch.setattr(loading, "installed_plugins", lambda group: {point.name: point})
    assert "from_afar" in problem_names()
    assert load_problem(ProblemReference("from_afar")).folder == folder


def test_misspelt_name_gets_the_nearest_one() -> None:
    name = problem_names()[0]
    with pytest.raises(UserError, match=rf"unknown problem '{name[:-1]}'; did you mean '{name}'\?"):
        load_problem(ProblemReference(name[:-1]))


def test_path_that_is_no_problem(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"absent is not the folder of a problem: it has no problem\.py"):
        _load(tmp_path / "absent")
    with pytest.raises(UserError, match=r"it has no problem\.py"):
        _load(tmp_path)


@pytest.mark.parametrize("file", ["statement.md", "seed.py", "baselines/a.py"])
def test_missing_file_is_named(make_problem: MakeProblem, file: str) -> None:
    folder = make_problem()
    (folder / file).unlink()
    with pytest.raises(UserError, match=rf"not complete: there is no .*{file}"):
        _load(folder)


def test_text_that_is_not_utf8_is_named(make_problem: MakeProblem) -> None:
    folder = make_problem()
    (folder / "baselines" / "a.py").write_bytes(b"# caf\xe9\n")
    with pytest.raises(UserError, match=r"a\.py is not UTF-8 text: .* at byte 5"):
        _load(folder)


def _several(folder: Path, *, baseline: bool = False) -> Path:
    """Make the seed program, or the baseline A, one of several files."""
    old = folder / ("baselines/a.py" if baseline else "seed.py")
    new = old.with_suffix("")
    (new / "lib").mkdir(parents=True)
    old.rename(new / "main.py")
    (new / "helper.py").write_text("K = 1\n")
    (new / "lib" / "more.py").write_text("")
    if baseline:
        code = folder / "problem.py"
        code.write_text(code.read_text().replace("baselines/a.py", "baselines/a"))
    return folder


def test_seed_and_baselines_may_be_folders(make_problem: MakeProblem) -> None:
    loaded = _load(_several(_several(make_problem()), baseline=True))
    seed, baseline = files(loaded.seed), files(loaded.baselines["A"])
    assert [file.name for file in seed] == [file.name for file in baseline]
    assert [file.name for file in seed] == ["main.py", "helper.py", "lib/more.py"]
    assert seed[0].source == "def solve(x): return x\n"
    assert baseline[0].source == "def solve(x): return 1\n"
    assert loaded.baselines["B & C"] == "def solve(x): return 2\n"


def test_seed_is_a_file_or_a_folder(make_problem: MakeProblem) -> None:
    folder = _several(make_problem())
    (folder / "seed.py").write_text("def solve(x): return x\n")
    with pytest.raises(UserError, match=r"both .*/seed\.py and the folder .*/seed; a problem has one"):
        _load(folder)


def test_folder_that_holds_no_program_is_named(make_problem: MakeProblem) -> None:
    folder = _several(make_problem())
    (folder / "seed" / "json.py").touch()
    with pytest.raises(UserError, match=r"/seed holds no program: 'json\.py' cannot be the name of a file"):
        _load(folder)


@pytest.mark.parametrize("file", ["main.py", "helper.py", "lib/more.py", "lib/new.py"])
def test_version_changes_with_every_file_of_a_baseline(make_problem: MakeProblem, file: str) -> None:
    folder = _several(make_problem(), baseline=True)
    changed = _copy(folder)
    with (changed / "baselines" / "a" / file).open("a") as out:
        out.write("\n# changed\n")
    assert _load(changed).version != _load(folder).version


def test_version_changes_with_the_name_of_a_baselines_file(make_problem: MakeProblem) -> None:
    folder = _several(make_problem(), baseline=True)
    changed = _copy(folder)
    (changed / "baselines" / "a" / "helper.py").rename(changed / "baselines" / "a" / "help.py")
    assert _load(changed).version != _load(folder).version


def test_version_does_not_change_with_the_files_of_the_seed(make_problem: MakeProblem) -> None:
    folder = make_problem()
    changed = _several(_copy(folder))
    assert _load(changed).version == _load(folder).version


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("", r"problem\.py has no attribute 'problem'"),
        ("problem = 3", r"problem\.py has no attribute 'problem' that is an evolve\.problem\.Problem"),
        ("problem = (", r"the problem .*sums cannot be imported: .*problem\.py, line 1"),
        ("import no_such_module_anywhere", "cannot be imported: No module named 'no_such_module_anywhere'"),
        (
            "from evolve.problem import Problem\nclass P(Problem):\n"
            "    name = 'p'\n    objectives = ()\n    instances = evaluate = None\nproblem = P()",
            "does not define summary, entry_point, baselines",
        ),
    ],
)
def test_module_that_is_no_problem(make_problem: MakeProblem, code: str, message: str) -> None:
    folder = make_problem()
    (folder / "problem.py").write_text(code)
    with pytest.raises(UserError, match=message):
        _load(folder)


def test_two_folders_of_the_same_name_do_not_clash(make_problem: MakeProblem) -> None:
    here = make_problem(summary="Here.", imports="from .helper import WHERE")
    there = make_problem(summary="There.", imports="from .helper import WHERE")
    for folder in (here, there):
        (folder / "helper.py").write_text(f"WHERE = {str(folder)!r}\n")
    first, second = _load(here), _load(there)
    assert (first.problem.summary, second.problem.summary) == ("Here.", "There.")
    wheres = [sys.modules[type(one.problem).__module__].WHERE for one in (first, second)]
    assert wheres == [str(here), str(there)]


def test_version_is_that_of_the_content_wherever_the_folder_is(make_problem: MakeProblem) -> None:
    assert _load(make_problem()).version == _load(make_problem(name="elsewhere")).version


@pytest.mark.parametrize(
    "file", ["problem.py", "baselines/a.py", "helper.py", "nested/helper.py", "baselines/common.py"]
)
def test_version_changes_with_code_and_baselines(make_problem: MakeProblem, file: str) -> None:
    folder = make_problem()
    changed = _copy(folder)
    (changed / file).parent.mkdir(exist_ok=True)
    with (changed / file).open("a") as out:
        out.write("\n# changed\n")
    assert _load(changed).version != _load(folder).version


@pytest.mark.parametrize("file", ["seed.py", "statement.md", "notes.txt"])
def test_version_does_not_change_with_what_cannot_change_a_score(
    make_problem: MakeProblem, file: str
) -> None:
    folder = make_problem()
    changed = _copy(folder)
    with (changed / file).open("a") as out:
        out.write("\n# changed\n")
    assert _load(changed).version == _load(folder).version


def test_version_changes_when_two_baselines_change_places(make_problem: MakeProblem) -> None:
    folder = make_problem()
    swapped = _copy(folder)
    shutil.copy(folder / "baselines" / "a.py", swapped / "baselines" / "b.py")
    shutil.copy(folder / "baselines" / "b.py", swapped / "baselines" / "a.py")
    assert _load(swapped).version != _load(folder).version


def test_draft_that_does_not_parse_lies_in_nobodys_way(make_problem: MakeProblem) -> None:
    folder = make_problem()
    (folder / "draft.py").write_text("def (:\n")
    (folder / "nul.py").write_bytes(b"\0")
    assert _load(folder).name == "sums"


@pytest.fixture
def evaluator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The package `evaluators.of_a_test`, in which `simulator` uses `clock` and `queues` from its package."""
    package = tmp_path / "evaluators" / "of_a_test"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "simulator.py").write_text("from . import clock\nfrom .queues import Queue\n")
    (package / "clock.py").write_text("def tick():\n    from evaluators.of_a_test import units\n")
    (package / "queues.py").write_text("class Queue: ...\n")
    (package / "units.py").write_text("SECOND = 1.0\n")
    (package / "unused.py").write_text("")
    monkeypatch.setattr(evaluators, "__path__", [*evaluators.__path__, str(package.parent)])
    yield package
    for name in [name for name in sys.modules if name.startswith("evaluators.of_a_test")]:
        del sys.modules[name]


@pytest.mark.parametrize(
    "imports", ["from evaluators.of_a_test.simulator import clock", "import evaluators.of_a_test.simulator"]
)
@pytest.mark.parametrize(
    ("file", "matters"),
    [
        ("simulator.py", True),
        ("clock.py", True),
        ("queues.py", True),
        ("units.py", True),
        ("__init__.py", True),
        ("unused.py", False),
    ],
)
def test_version_changes_with_the_evaluators_that_are_used(
    make_problem: MakeProblem, evaluator: Path, imports: str, file: str, matters: bool
) -> None:
    folder = make_problem(imports=imports)
    before = _load(folder).version
    with (evaluator / file).open("a") as out:
        out.write("\n# changed\n")
    assert (_load(folder).version != before) is matters


def test_version_changes_with_files_that_belong_to_an_instance_file(
    make_problem: MakeProblem, tmp_path: Path
) -> None:
    folder, file, grid = make_problem(), tmp_path / "one.txt", tmp_path / "one.grid"
    file.write_text("grid\n")
    with pytest.raises(UserError, match=r"one\.grid is missing"):
        _load(folder, train=(str(file),))
    versions = []
    for prices in ("1 2", "1 3"):
        grid.write_text(prices)
        versions.append(_load(folder, train=(str(file),)).version)
    assert versions[0] != versions[1]


def test_instance_files_take_the_place_of_a_split(make_problem: MakeProblem, tmp_path: Path) -> None:
    file, more = tmp_path / "one.txt", tmp_path / "two.txt"
    file.write_text("x y\n")
    more.write_text("z\n")
    loaded = _load(make_problem(), train=(str(file), str(more)))
    assert [instance.name for instance in loaded.instances(Split.TRAIN)] == ["x", "y", "z"]
    assert [instance.name for instance in loaded.instances(Split.TEST)] == ["test 0", "test 1"]


def test_version_changes_with_instance_files_and_not_with_their_names(
    make_problem: MakeProblem, tmp_path: Path
) -> None:
    folder = make_problem()
    file, same, other = tmp_path / "one.txt", tmp_path / "same.txt", tmp_path / "two.txt"
    file.write_text("x y\n")
    same.write_text("x y\n")
    other.write_text("z\n")
    version = _load(folder, train=(str(file),)).version
    assert version == _load(folder, train=(str(same),)).version
    others = [
        _load(folder),
        _load(folder, train=(str(other),)),
        _load(folder, test=(str(file),)),
        _load(folder, train=(str(file), str(other))),
        _load(folder, train=(str(other), str(file))),
    ]
    versions = [version, *(one.version for one in others)]
    assert len({*versions}) == len(versions)


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["x bad"], r"file0\.txt: line 2 is bad"),
        (["x y", "z x"], "two instances are called 'x'"),
        ([""], r"no instance in .*file0\.txt"),
        ([None], r"cannot read instances from .*file0\.txt: No such file"),
    ],
)
def test_faulty_instance_files(
    make_problem: MakeProblem, tmp_path: Path, texts: list[str | None], message: str
) -> None:
    files = []
    for number, text in enumerate(texts):
        files.append(tmp_path / f"file{number}.txt")
        if text is not None:
            files[-1].write_text(text)
    with pytest.raises(UserError, match=message):
        read_instance_files(_load(make_problem()).problem, [str(file) for file in files])


def test_absent_instance_file_is_found_when_the_problem_is_loaded(
    make_problem: MakeProblem, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=r"cannot read instances from .*absent\.txt"):
        _load(make_problem(), train=(str(tmp_path / "absent.txt"),))


def test_problem_that_reads_no_files_says_so(make_problem: MakeProblem, tmp_path: Path) -> None:
    folder = make_problem()
    code = (folder / "problem.py").read_text().replace("def read_instances", "def _read")
    (folder / "problem.py").write_text(code)
    file = tmp_path / "one.txt"
    file.write_text("x")
    with pytest.raises(UserError, match="sums does not read instances from files"):
        _load(folder, train=(str(file),)).instances(Split.TRAIN)


def test_names_that_stand_in_two_splits_are_told_before_anything_runs(tmp_path: Path) -> None:
    file = tmp_path / "s.txt"
    file.write_text("2 2\n0 3 1 2\n1 2 0 4\n")
    files: dict[str, tuple[str, ...]] = {"train": (str(file),), "test": (str(file),)}
    with pytest.raises(UserError, match="'s' is in the splits train and test"):
        check_names_differ(load_problem(ProblemReference("job_shop_dispatching", files)))
    check_names_differ(load_problem(ProblemReference("job_shop_dispatching", {"test": (str(file),)})))
