from pathlib import Path

import pytest

from evolve.loading import AnyProblem, ProblemReference, load_problem
from evolve.problem import Instance, Split
from evolve.scoring import choose_reference
from tests.support.command import evolve
from tests.support.direct_candidate import DirectCandidate


def test_what_is_written_is_sound_and_runs(tmp_path: Path) -> None:
    done = evolve("new", "mine/queue_order", cwd=tmp_path)
    assert done.code == 0, done.err
    written = [line.removeprefix("wrote ") for line in done.out.splitlines() if line.startswith("wrote ")]
    found = sorted(str(file.relative_to(tmp_path)) for file in tmp_path.rglob("*") if file.is_file())
    assert written == found
    assert "mine/queue_order/problem.py" in found
    checked = evolve("check", "mine/queue_order/", cwd=tmp_path)
    assert checked.code == 0, checked.out + checked.err
    assert "queue_order is sound: 13 checks" in checked.out
    run = evolve("run", "mine/queue_order/", "--seed", "1", "--max-evaluations", "12", cwd=tmp_path)
    assert run.code == 0, run.err
    assert "queue_order" in run.out


def _value(problem: AnyProblem, instance: Instance[object], source: str) -> float:
    value = problem.evaluate(instance, DirectCandidate(source)).value
    assert value is not None
    return value


def test_baselines_differ_and_leave_room(tmp_path: Path) -> None:
    assert evolve("new", "own", cwd=tmp_path).code == 0
    loaded = load_problem(ProblemReference(f"{tmp_path / 'own'}/"))
    for split in Split:
        instances = loaded.instances(split)
        values = {
            name: {one.name: _value(loaded.problem, one, source) for one in instances}
            for name, source in {"seed": loaded.seed, **loaded.baselines}.items()
        }
        seed = values.pop("seed")
        reference = choose_reference(values, loaded.problem.objective.direction)
        assert reference.baseline == "LPT"
        assert 0.8 < sum(reference.score(name, value) for name, value in seed.items()) / len(seed) < 1.0
        bounds = {one.name: loaded.problem.bound(one) or 0.0 for one in instances}
        assert sum(reference.values[name] / bound for name, bound in bounds.items()) / len(bounds) > 1.02


@pytest.mark.parametrize("name", ["problem", "workload", "split", "my_problem"])
def test_no_name_clashes_with_one_of_the_file(name: str, tmp_path: Path) -> None:
    assert evolve("new", name, cwd=tmp_path).code == 0
    loaded = load_problem(ProblemReference(f"{tmp_path / name}/"))
    assert loaded.name == name
    instance = loaded.instances(Split.TRAIN)[0]
    assert loaded.problem.evaluate(instance, DirectCandidate(loaded.seed)).value is not None


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("there", "is there already, and is not an empty folder"),
        ("there/file", "is there already, and is not an empty folder"),
        ("there/file/below", "cannot write"),
        ("Queue-Order", "'Queue-Order' cannot be the name of a problem"),
        ("class", "'class' cannot be the name of a problem"),
        ("model_placement", "there is a problem 'model_placement' already"),
    ],
)
def test_a_folder_that_cannot_be_is_told_in_one_line(path: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "file").write_text("kept")
    done = evolve("new", path, cwd=tmp_path)
    assert done.code == 2
    assert message in done.complaint()
    assert (tmp_path / "there" / "file").read_text() == "kept"
    assert [one.name for one in tmp_path.iterdir()] == ["there"]


def test_an_empty_folder_is_filled(tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    assert evolve("new", "own", cwd=tmp_path).code == 0
    assert (tmp_path / "own" / "problem.py").is_file()
