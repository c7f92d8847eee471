"""Proposals for people, agents and scripts: tickets, and what becomes of what is told."""

import contextlib
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from evolve.archive.engine import open_archive
from evolve.cli import main
from evolve.config import Budget, Course, Resources, Settings
from evolve.running import open_run
from tests.support import bins, curve
from tests.support.command import Finished, arguments, environment, evolve, start
from tests.support.model_runs import check_evaluated_once, digest, replays, rows
from tests.support.processes import wait_until
from tests.support.searches import load_curve

ROOT = Path(__file__).resolve().parents[3]
SOURCE = "def answer(x: float) -> float:\n    # EVOLVE-BLOCK-START\n    return {}\n    # EVOLVE-BLOCK-END\n"
ASKED = [
    *("run", "ticket", "expires_at", "problem", "entry_point"),
    *("parents", "inspirations", "prompt"),
]
TOLD = [
    *("run", "ticket", "program", "proposal", "status"),
    *("reason", "score", "improvement", "outcomes"),
]


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The archive of a run that makes no programs itself, begun."""
    folder = tmp_path_factory.mktemp("begun")
    done = evolve("run", curve.FOLDER, "--operators", "external", "--name", "agents", cwd=folder)
    assert done.code == 0, done.err
    assert "all that was told is committed" in done.out
    return folder / "evolve.db"


@pytest.fixture
def folder(begun: Path, tmp_path: Path) -> Path:
    """A folder with a copy of that archive."""
    shutil.copy(begun, tmp_path / "evolve.db")
    return tmp_path


def here(folder: Path, *words: str | Path) -> Finished:
    """The command line in this process: what takes longest is starting another one."""
    out, err = io.StringIO(), io.StringIO()
    with (
        contextlib.chdir(folder),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        pytest.raises(SystemExit) as ended,
    ):
        main([str(word) for word in words])
    assert isinstance(ended.value.code, int)
    return Finished(ended.value.code, out.getvalue(), err.getvalue())


def search(folder: Path, *words: str | Path) -> Finished:
    """`run` or `resume` in this process."""
    return here(folder, *words, "--workers", "1")


def ask(folder: Path, *words: str, run: str = "agents") -> list[dict[str, Any]]:
    done = here(folder, "ask", run, "--format", "json", *words)
    assert done.code == 0, done.err
    found: list[dict[str, Any]] = done.json()
    return found


def tell(folder: Path, ticket: str, expression: str, *words: str, run: str = "agents") -> Finished:
    path = folder / f"{ticket}.py"
    path.write_text(SOURCE.format(expression))
    return here(folder, "tell", run, ticket, path, "--format", "json", "--workers", "1", *words)


def committed(folder: Path) -> int:
    found = rows(folder, "SELECT max(number) AS n FROM strategy_state")
    return -1 if not found or found[0]["n"] is None else int(found[0]["n"])


def test_the_life_of_a_ticket(folder: Path) -> None:
    first, second = ask(folder, "-n", "2")
    assert list(first) == ASKED
    assert first["ticket"] != second["ticket"]
    assert first["entry_point"] == "answer(x)"
    assert list(first["parents"][0]) == ["program", "baseline", "score", "scores", "source"]
    assert first["parents"][0]["source"] in first["prompt"]
    done = tell(folder, first["ticket"], "x * x + 3.5")
    assert done.code == 0, done.err
    told = done.json()
    assert list(told) == TOLD
    assert (told["status"], told["proposal"], told["reason"]) == ("accepted", 1, None)
    assert told["score"] > 1
    assert told["improvement"] > 0
    assert [one["status"] for one in told["outcomes"]] == ["ok"] * 3
    again = tell(folder, first["ticket"], "x * x + 3.5")
    assert again.code == 0
    assert again.json() == told
    check_evaluated_once(folder)
    other = tell(folder, first["ticket"], "x * x + 3.25")
    assert other.code == 2
    assert "used for another program" in other.complaint()
    same = tell(folder, second["ticket"], "x * x + 3.5")
    assert same.code == 1
    assert same.json()["status"] == "duplicate"
    assert same.json()["proposal"] is None
    assert "proposal 1" in same.json()["reason"]
    open_still = tell(folder, second["ticket"], "x * x + 3.25")
    assert open_still.json()["proposal"] == 2
    later = ask(folder, "-n", "8")
    assert any("x * x + 3" in one["parents"][0]["source"] for one in later), "it is there to build on"
    assert committed(folder) == 2
    assert replays(folder, "agents")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("def answer(x:\n", "line 1"),
        ("def anwser(x):\n    return x\n", "answer(x)"),
        ("import os\n" + SOURCE.format("x"), "EVOLVE-BLOCK"),
    ],
)
def test_what_is_refused_leaves_the_ticket_open(folder: Path, text: str, complaint: str) -> None:
    (asked,) = ask(folder)
    (folder / "bad.py").write_text(text)
    words = ("tell", "agents", asked["ticket"], folder / "bad.py")
    done = here(folder, *words)
    assert done.code == 1
    assert done.out.startswith("rejected: ")
    assert complaint in done.out
    assert committed(folder) == 0
    assert tell(folder, asked["ticket"], "x + 1.5").json()["proposal"] == 1


def test_a_failing_program_is_committed_and_says_what_happened(folder: Path) -> None:
    (asked,) = ask(folder)
    (folder / "bad.py").write_text(SOURCE.format("1 / 0"))
    done = here(folder, "tell", "agents", asked["ticket"], folder / "bad.py", "--workers", "1")
    assert done.code == 0
    assert done.out.startswith("proposal 1: failed: crashed on x1")
    assert "ZeroDivisionError" in done.out


def test_tickets_expire_and_what_was_told_in_time_stays_told(folder: Path) -> None:
    late, used = ask(folder, "-n", "2", "--expires", "4s")
    began = time.monotonic()
    told = tell(folder, used["ticket"], "x * 2.5")
    assert told.code == 0, told.err
    time.sleep(max(0.0, 4.1 - (time.monotonic() - began)))
    done = tell(folder, late["ticket"], "x * 3.5")
    assert done.code == 2
    assert "was good until" in done.complaint()
    assert "evolve ask" in done.complaint()
    assert tell(folder, used["ticket"], "x * 2.5").json() == told.json()


def test_mistakes_are_told_apart(folder: Path) -> None:
    refused = here(folder, "tell", "agents", "no-such-ticket", curve.FOLDER / "seed.py")
    assert refused.code == 2
    assert "no ticket no-such-ticket" in refused.complaint()
    begin = ("run", curve.FOLDER, "--operators", "external", "--name", "others", "--seed", "2")
    assert search(folder, *begin).code == 0
    (asked,) = ask(folder, run="others")
    refused = tell(folder, asked["ticket"], "x + 7.5")
    assert refused.code == 2
    assert f"'agents' has no ticket {asked['ticket']}" in refused.complaint()
    for words, complaint in (
        (("ask", "agents", "-n", "0"), "between 1 and 100"),
        (("ask", "agents", "-n", "101"), "between 1 and 100"),
        (("ask", "agents", "--expires", "0s"), "--expires"),
        (("ask", "agnets"), "agents"),
        (("tell", "agents", asked["ticket"], str(folder / "missing.py")), "missing.py"),
    ):
        refused = here(folder, *words)
        assert refused.code == 2, words
        assert complaint in refused.complaint()


def test_a_run_that_has_not_begun_has_nothing_to_ask_for(tmp_path: Path) -> None:
    archive = open_archive(f"sqlite:///{tmp_path / 'evolve.db'}")
    course = Course(operators={"external": 1.0})
    open_run(archive, load_curve(), Settings(course, Budget(), Resources()), "new")
    archive.close()
    for words in (("ask", "new"), ("tell", "new", "ticket", str(curve.FOLDER / "seed.py"))):
        refused = here(tmp_path, *words)
        assert refused.code == 2
        assert "committed nothing yet" in refused.complaint()


def test_standard_input_and_a_sentence_for_people(folder: Path) -> None:
    asked = evolve("ask", "agents", cwd=folder)
    assert asked.code == 0
    assert "# Your task" in asked.out
    found = re.search(r"tell agents (\w+) FILE", asked.err)
    assert found is not None
    done = subprocess.run(
        arguments("tell", "agents", found[1], "-"),
        cwd=folder,
        env=environment(),
        input=SOURCE.format("x * x + 2.5"),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("proposal 1: accepted, score ")
    for name in ("x1", "x2", "x3"):
        assert name in done.stdout


def test_a_folder_is_told_as_a_program_of_several_files(tmp_path: Path) -> None:
    words = ("run", bins.FOLDER, "--operators", "external", "--name", "agents")
    assert search(tmp_path, *words).code == 0
    (asked,) = ask(tmp_path)
    mine = tmp_path / "mine"
    shutil.copytree(bins.SEED, mine)
    shutil.rmtree(mine / "__pycache__", ignore_errors=True)
    text = (mine / "packing.py").read_text()
    (mine / "packing.py").write_text(text.replace("return room - size", "return size - room"))
    done = here(tmp_path, "tell", "agents", asked["ticket"], mine, "--format", "json", "--workers", "1")
    assert done.code == 0, done.out + done.err
    assert done.json()["status"] in ("accepted", "not_better")
    assert done.json()["proposal"] == 1


def test_a_budget_that_is_used_up_keeps_what_is_told_for_later(folder: Path) -> None:
    assert search(folder, "resume", "agents", "--max-evaluations", "2").code == 0
    one, two = ask(folder, "-n", "2")
    assert tell(folder, one["ticket"], "x * 2.5").code == 0
    waiting = tell(folder, two["ticket"], "x * 2.75")
    assert waiting.code == 1
    assert waiting.json()["status"] == "waiting"
    assert "--max-evaluations" in waiting.json()["reason"]
    assert search(folder, "resume", "agents", "--max-evaluations", "9").code == 0
    told = tell(folder, two["ticket"], "x * 2.75")
    assert told.code == 0
    assert told.json()["proposal"] == 2


@pytest.mark.slow
def test_killed_at_any_moment_telling_again_gives_the_same_answer(folder: Path) -> None:
    asked = ask(folder, "-n", "4")
    moments = (0.5, 0.9, 1.3, 1.8)
    for number, (one, moment) in enumerate(zip(asked, moments, strict=True)):
        path = folder / f"{number}.py"
        path.write_text(SOURCE.format(f"x * {number}.5"))
        process = start("tell", "agents", one["ticket"], path, cwd=folder)
        time.sleep(moment)
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
    answers = [tell(folder, one["ticket"], f"x * {number}.5") for number, one in enumerate(asked)]
    assert [one.code for one in answers] == [0] * 4, [one.err for one in answers]
    assert sorted(one.json()["proposal"] for one in answers) == [1, 2, 3, 4]
    assert committed(folder) == 4
    check_evaluated_once(folder)
    assert replays(folder, "agents")


def test_told_and_killed_before_the_commit(folder: Path) -> None:
    """The moment between the two: what was told is on record, and nobody has taken it in."""
    assert search(folder, "resume", "agents", "--max-evaluations", "1").code == 0
    (asked,) = ask(folder)
    assert tell(folder, asked["ticket"], "x * 4.5").json()["status"] == "waiting"
    on_record = "SELECT proposal FROM ticket WHERE source IS NOT NULL"
    assert len(rows(folder, on_record)) == 1
    done = search(folder, "resume", "agents", "--max-evaluations", "5", "--format", "json")
    assert done.json()["reason"] == "told"
    told = tell(folder, asked["ticket"], "x * 4.5")
    assert (told.code, told.json()["proposal"], told.json()["status"]) == (0, 1, "accepted")


@pytest.mark.slow
def test_many_at_once(folder: Path) -> None:
    """Nobody works on the run, so whoever tells first commits what all have told."""

    def all_at_once(*commands: tuple[str | Path, ...]) -> list[Any]:
        processes = [start(*words, cwd=folder) for words in commands]
        found = []
        for process in processes:
            out, err = process.communicate(timeout=200)
            assert process.returncode == 0, err
            found.append(json.loads(out))
        return found

    asked = all_at_once(*(("ask", "agents", "--format", "json"),) * 8)
    tickets = [one["ticket"] for (one,) in asked]
    assert len(set(tickets)) == 8
    for number, ticket in enumerate(tickets):
        (folder / f"{ticket}.py").write_text(SOURCE.format(f"x * {number}.5"))
    words = ("--workers", "1", "--format", "json")
    answers = all_at_once(*(("tell", "agents", one, folder / f"{one}.py", *words) for one in tickets))
    assert {one["status"] for one in answers} <= {"accepted", "not_better"}
    assert sorted(one["proposal"] for one in answers) == list(range(1, 9))
    assert [one["ticket"] for one in answers] == tickets
    check_evaluated_once(folder)
    assert replays(folder, "agents")


@pytest.mark.slow
def test_told_to_a_run_that_is_going_on(tmp_path: Path) -> None:
    """Its own operators go on meanwhile; what was told is in its lineage, and the record repeats."""
    words = ("run", curve.FOLDER, "--name", "mixed", "--workers", "1", "--max-evaluations", "100000")
    process = start(*words, cwd=tmp_path)
    wait_until(lambda: committed(tmp_path) >= 3, 60, "commits")
    asked = ask(tmp_path, "-n", "2", run="mixed")
    told = [
        tell(tmp_path, one["ticket"], f"x * x + 3.0{number + 1}", "--wait", "60s", run="mixed")
        for number, one in enumerate(asked)
    ]
    before = committed(tmp_path)
    wait_until(lambda: committed(tmp_path) > before, 60, "another commit")
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, out + err
    assert [one.code for one in told] == [0, 0], [one.err for one in told]
    numbers = {one.json()["proposal"] for one in told}
    assert len(numbers) == 2
    external = rows(tmp_path, "SELECT number, status FROM proposal WHERE operator = 'external'")
    assert {row["number"] for row in external} == numbers
    assert committed(tmp_path) > max(numbers)
    ours = rows(tmp_path, "SELECT 1 FROM proposal WHERE operator != 'external' AND status != 'selected'")
    assert len(ours) > 10
    check_evaluated_once(tmp_path)
    assert replays(tmp_path, "mixed")
    digest_before = digest(tmp_path, "mixed")
    again = tell(tmp_path, asked[0]["ticket"], "x * x + 3.01", run="mixed")
    assert again.json() == told[0].json()
    assert digest(tmp_path, "mixed") == digest_before


def test_told_while_nobody_is_there_waits_for_whoever_goes_on(tmp_path: Path) -> None:
    words = ("run", curve.FOLDER, "--name", "mixed", "--max-evaluations", "10")
    assert search(tmp_path, *words).code == 0
    (asked,) = ask(tmp_path, run="mixed")
    waiting = tell(tmp_path, asked["ticket"], "x * x + 3.01", "--wait", "1s", run="mixed")
    assert waiting.code == 1
    assert waiting.json()["status"] == "waiting"
    assert "evolve resume mixed" in waiting.json()["reason"]
    # Its number comes after those that had been selected before it was told, which are as many as the lag.
    assert search(tmp_path, "resume", "mixed", "--max-evaluations", "40").code == 0
    told = tell(tmp_path, asked["ticket"], "x * x + 3.01", "--wait", "1s", run="mixed")
    assert told.code == 0
    assert told.json()["status"] == "accepted"
    assert replays(tmp_path, "mixed")


def readme_loop() -> Iterator[str]:
    """The lines of the loop that README.md shows."""
    text = (ROOT / "README.md").read_text()
    found = next(block for block in re.findall(r"```sh\n(.*?)```", text, re.DOTALL) if "evolve ask" in block)
    yield from found.splitlines()


@pytest.mark.skipif(shutil.which("jq") is None and not os.environ.get("CI"), reason="needs jq")
@pytest.mark.slow
def test_the_loop_of_the_readme_works(tmp_path: Path) -> None:
    lines = list(readme_loop())
    assert len(lines) <= 10
    tools = tmp_path / "tools"
    tools.mkdir()
    agent = tools / "my-agent"
    agent.write_text(
        "#!/bin/sh\ngrep -q 'Your task' || exit 1\n"
        "n=$(cat turns 2>/dev/null || echo 0); echo $((n + 1)) > turns\n"
        'sed -i "s/return .*/return x * $n.5/" "$2"\n'
    )
    command = tools / "evolve"
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m evolve "$@"\n')
    for tool in (agent, command):
        tool.chmod(0o755)
    script = "\n".join(lines).replace("job_shop_dispatching", str(curve.FOLDER))
    script = script.replace("while true; do", "for turn in 1 2 3; do")
    assert "for turn" in script
    done = subprocess.run(
        ["sh", "-e", "-c", script],
        cwd=tmp_path,
        env=environment(PATH=f"{tools}:{os.environ['PATH']}"),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert [line for line in done.stdout.splitlines() if line.startswith("proposal ")] != []
    assert committed(tmp_path) == 3
