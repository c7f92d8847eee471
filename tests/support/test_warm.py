import subprocess
from pathlib import Path

import pytest

from tests.support.command import Finished, environment, evolve
from tests.support.warm import WarmServer

WORDS = (
    ["--help"],
    ["bench", "--format", "json"],
    ["nonsense"],
    ["evaluate", "job_shop_dispatching", "no.py"],
)
COLD = {"PYTHONUNBUFFERED": "1"}


@pytest.fixture(scope="module")
def server() -> WarmServer:
    return WarmServer()


@pytest.mark.parametrize("words", WORDS, ids=lambda words: words[0])
def test_warm_command_says_what_a_cold_one_says(server: WarmServer, words: list[str], tmp_path: Path) -> None:
    warm = Finished(*server.run(words, tmp_path, environment(), 60.0))
    assert warm == evolve(*words, cwd=tmp_path, also=COLD)
    assert warm.out or warm.code == 2


def test_commands_see_their_own_folder_and_environment_only(server: WarmServer, tmp_path: Path) -> None:
    archive = environment(EVOLVE_ARCHIVE=f"sqlite:///{tmp_path}/other.db")
    code, _, error = server.run(["runs"], tmp_path, archive, 60.0)
    assert code == 2 and "other.db" in error
    code, _, error = server.run(["runs"], tmp_path, environment(), 60.0)
    assert code == 2 and "evolve.db" in error


def test_command_that_takes_too_long_is_killed_and_the_next_one_works(
    server: WarmServer, tmp_path: Path
) -> None:
    words = ["run", "job_shop_dispatching", "--archive", f"sqlite:///{tmp_path}/one.db"]
    with pytest.raises(subprocess.TimeoutExpired):
        server.run(words, tmp_path, environment(), 1.0)
    assert server.run(["nonsense"], tmp_path, environment(), 60.0)[0] == 2
