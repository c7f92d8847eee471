"""Keys of providers, in the environment and in `.env`, reach providers and nothing else."""

import sys
import time
from pathlib import Path

import msgspec
import pytest

from tests.support.command import Running, evolve
from tests.support.direct_candidate import DirectCandidate
from tests.support.llm_server import (
    Behaviour,
    Fixed,
    Kind,
    Latency,
    ProgramAuthor,
    Script,
    Seeded,
    ServerConfig,
    ServerProcess,
)
from tests.support.model_runs import CLAUDE, MODEL, hurried, rows, run_words, started, write_config
from tests.support.processes import tree

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="reads /proc"),
]

IN_ENVIRONMENT = "sk-planted-environment-0123456789"
IN_FILE = "sk-ant-planted-file-9876543210"
OF_ANOTHER = "planted-password-of-another-service"
SECRETS = (IN_ENVIRONMENT, IN_FILE, OF_ANOTHER)
ENVIRONMENT = {
    "OPENAI_API_KEY": IN_ENVIRONMENT,
    "ANTHROPIC_API_KEY": "",
    "DATABASE_PASSWORD": OF_ANOTHER,
    "PYTHONUNBUFFERED": "1",  # so that each controller is a fresh interpreter, with all this in its /proc
}
USUAL = ServerConfig(
    plan=Seeded(1, latency=Latency(0.2)),
    responder=ProgramAuthor(1, 0.2),
    keys=(IN_ENVIRONMENT, IN_FILE),
)
THIEF = """IDEA: look around

```python
def answer(x: float) -> float:
    # EVOLVE-BLOCK-START
    import glob
    import os

    print(dict(os.environ))
    found = [repr(dict(os.environ))]
    for name in [*glob.glob("/proc/*/environ"), ".env", "{folder}/.env", "{folder}/evolve.db"]:
        try:
            with open(name, "rb") as file:
                found.append(repr(file.read()[-100000:]))
        except OSError as error:
            found.append(f"looked into {{name}}: {{error}}")
    text = " ".join(found)
    places = [text.find(word) for word in ("planted-", "sk-")]
    return "thief " + " ".join(text[max(0, place) : place + 40] for place in places) + text[:200]
    # EVOLVE-BLOCK-END
```
"""


def environments(controller: int) -> list[bytes]:
    """Of the processes below a controller, as they were started."""
    found = []
    for process in tree(controller)[1:]:
        try:
            found.append(Path(f"/proc/{process.pid}/environ").read_bytes())
            found.append(Path(f"/proc/{process.pid}/cmdline").read_bytes())
        except OSError:  # it has ended
            continue
    return found


def check_nowhere(folder: Path, *texts: str) -> None:
    """Check that no secret is in any of the texts, or in any file but the one it was planted in."""
    for secret in SECRETS:
        for text in texts:
            assert secret not in text
        for file in folder.rglob("*"):
            if file.is_file() and file.name != ".env":
                assert secret.encode() not in file.read_bytes(), file


def plant(folder: Path) -> None:
    (folder / ".env").write_text(f"ANTHROPIC_API_KEY={IN_FILE}\n")


def finish(process: Running) -> tuple[str, list[bytes]]:
    """Wait for the end and look at all processes meanwhile; what was printed, and environments."""
    seen: dict[bytes, None] = {}
    while process.poll() is None:
        seen |= dict.fromkeys(environments(process.pid))
        time.sleep(0.05)
    out, err = process.communicate()
    assert process.returncode == 0, err
    return out + err, list(seen)


def test_keys_work_and_are_found_nowhere(tmp_path: Path) -> None:
    plant(tmp_path)
    with ServerProcess(USUAL) as server:
        config = write_config(tmp_path, server.url)
        words = run_words(config, "--max-evaluations", "16", models=(MODEL, CLAUDE))
        printed, seen = finish(started("--debug", *words, cwd=tmp_path, **ENVIRONMENT))
        report = server.report()
    assert {entry.model for entry in report.entries if entry.told} == {"gpt-test", "claude-test"}
    assert len(seen) >= 4, "workers and zygotes have been looked at"
    assert all(secret.encode() not in one for one in seen for secret in SECRETS)
    assert evolve("transcript", "m", "-o", "run.jsonl", "--prompts", cwd=tmp_path, also=ENVIRONMENT).code == 0
    texts = [
        evolve(*words, cwd=tmp_path, also=ENVIRONMENT).out
        for words in (("prompt", "m"), ("sql", "SELECT * FROM llm_call", "--format", "json"), ("replay",))
    ]
    assert all(texts)
    check_nowhere(tmp_path, printed, *texts)


def test_a_file_beside_the_archive_is_looked_at_while_the_run_goes_on(tmp_path: Path) -> None:
    """The write-ahead log is there only as long as somebody writes."""
    plant(tmp_path)
    with ServerProcess(USUAL) as server:
        words = run_words(write_config(tmp_path, server.url), "--max-evaluations", "100000")
        process = started(*words, cwd=tmp_path, **ENVIRONMENT)
        log = tmp_path / "evolve.db-wal"
        while not (log.exists() and len(rows(tmp_path)) > 30):
            assert process.poll() is None
            time.sleep(0.1)
        process.kill()
        out, err = process.communicate()
    assert log.stat().st_size > 0
    check_nowhere(tmp_path, out, err)


@pytest.mark.parametrize("model", [MODEL, CLAUDE])
def test_an_error_that_quotes_the_key_is_told_without_it(tmp_path: Path, model: str) -> None:
    plant(tmp_path)
    wrong = Script(then=Behaviour(Kind.BAD_KEY, echo_key=True))
    with ServerProcess(msgspec.structs.replace(USUAL, plan=wrong)) as server:
        words = run_words(write_config(tmp_path, server.url), models=(model,))
        done = hurried("--debug", *words, cwd=tmp_path, also=ENVIRONMENT)
    assert done.code == 2
    assert "HTTP 401" in done.err
    assert "Traceback" in done.err, "with --debug"
    assert [row["error"] for row in rows(tmp_path) if row["status"] == "denied"]
    check_nowhere(tmp_path, done.out, done.err)


def test_a_program_that_looks_for_keys_finds_none(tmp_path: Path) -> None:
    plant(tmp_path)
    thief = Fixed(THIEF.format(folder=tmp_path))
    source = thief.text.partition("```python\n")[2].removesuffix("```\n")
    assert IN_FILE[:20] in str(DirectCandidate(source).call("answer", 1.0)), "without a sandbox it finds one"
    with ServerProcess(msgspec.structs.replace(USUAL, responder=thief)) as server:
        config = write_config(tmp_path, server.url, '[models."openai/gpt-test"]', "max_output_tokens = 1000")
        words = run_words(config, "--operators", "rewrite", "--max-cost", "0.06")
        done = hurried(*words, cwd=tmp_path, also=ENVIRONMENT)
    assert done.code == 0, done.err
    found = rows(tmp_path, "SELECT feedback FROM outcome WHERE feedback LIKE '%thief%'")
    assert found, "it ran, and told what it found"
    assert not any("planted-" in row["feedback"] for row in found)
    check_nowhere(tmp_path, done.out, done.err)
