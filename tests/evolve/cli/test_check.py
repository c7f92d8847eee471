import csv
import io
from pathlib import Path

from tests.support.command import evolve
from tests.support.plugins import write_plugin


def test_a_sound_problem_ends_with_0(tmp_path: Path) -> None:
    done = evolve("check", write_plugin(tmp_path / "queue"), cwd=tmp_path)
    assert done.code == 0, done.err
    lines = done.out.splitlines()
    assert lines[-1].startswith("queue is sound: 13 checks, isolation ")
    assert "proposals an hour on a core" in lines[-2]
    assert not (tmp_path / "evolve.db").exists()


def test_findings_are_lines_with_their_fix_and_end_with_1(tmp_path: Path) -> None:
    changes = (
        ("statement.md", "order(durations)", "nothing"),
        ("statement.md", "order", "row"),
        ("baselines/fifo.py", "def order(", "def arrange("),
    )
    folder = write_plugin(tmp_path / "queue", *changes)
    done = evolve("check", folder, cwd=tmp_path)
    assert done.code == 1, done.err
    assert "evolve: " not in done.err
    assert done.out.splitlines()[-1] == "queue is not sound: 2 findings"
    found = evolve("check", folder, "--format", "json", cwd=tmp_path)
    assert found.code == 1
    report = found.json()
    assert report["problem"] == "queue" and report["sound"] is False
    assert [(one["check"], one["where"]) for one in report["findings"]] == [
        ("entry point", "FIFO"),
        ("statement", "statement.md"),
    ]
    table = evolve("check", folder, "--format", "csv", cwd=tmp_path)
    rows = list(csv.DictReader(io.StringIO(table.out)))
    assert table.code == 1
    assert [dict(row) for row in rows] == report["findings"]


def test_a_mistake_of_the_users_ends_with_2(tmp_path: Path) -> None:
    done = evolve("check", "job_shop_dispaching", cwd=tmp_path)
    assert done.code == 2
    assert "did you mean 'job_shop_dispatching'?" in done.complaint()
    done = evolve("check", write_plugin(tmp_path / "queue"), "--min-isolation", "ful", cwd=tmp_path)
    assert done.code == 2
    assert "did you mean 'full'?" in done.complaint()
