"""A problem with several objectives, one of them a measured time, searched by hypervolume."""

import shutil
from pathlib import Path

from evolve.archive.engine import open_archive
from evolve.archive.runs import get_run
from results.populations import read_populations
from tests.support import curve
from tests.support.command import evolve

OBJECTIVES = """objectives = (
        Objective("distance", "1", Direction.MINIMISE),
        Objective("answer", "1", Direction.MAXIMISE),
        Objective("cpu_seconds", "s", Direction.MINIMISE),
    )"""


def test_several_objectives_steer_and_the_same_run_comes_out_everywhere(tmp_path: Path) -> None:
    problem = tmp_path / "curve"
    shutil.copytree(curve.FOLDER, problem)
    text = (problem / "problem.py").read_text()
    one = 'objectives = (Objective("distance", "1", Direction.MINIMISE),)'
    assert one in text
    (problem / "problem.py").write_text(text.replace(one, OBJECTIVES))

    def digest(archive: str, *evaluations: int, workers: int = 2) -> str:
        for count in evaluations:
            words = ("--strategy", "hypervolume", "--max-evaluations", str(count), "--workers", str(workers))
            done = evolve("run", problem, "--name", "r", *words, "--archive", archive, cwd=tmp_path)
            assert done.code == 0, done.err
        return evolve("digest", "r", "--archive", archive, cwd=tmp_path).out.strip()

    straight = digest("sqlite:///one.db", 40)
    assert digest("sqlite:///two.db", 40, workers=1) == straight
    assert digest("sqlite:///three.db", 15, 40) == straight
    assert straight in evolve("replay", "r", "--archive", "sqlite:///one.db", cwd=tmp_path).out
    archive = open_archive(f"sqlite:///{tmp_path / 'one.db'}", create=False, read_only=True)
    with archive.reading() as connection:
        front = read_populations(connection, get_run(connection, "r").id)[0]
    archive.close()
    assert front.name == "front"
    assert len(front.members) > 1, "programs that answer more and are further off are not dominated"
    assert len({one.score for one in front.members}) > 1
