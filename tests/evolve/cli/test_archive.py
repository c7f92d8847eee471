"""The commands for archives: moving and removing runs, named queries, SQL from files, the schema."""

import csv
import io
from collections.abc import Iterator
from pathlib import Path

import pytest

from evolve.archive.description import schema_markdown
from tests.support import curve
from tests.support.command import evolve

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("archives")
    for seed, name in (("1", "one"), ("2", "two")):
        done = evolve(
            "run", curve.FOLDER, "--name", name, "--max-evaluations", "15", "--seed", seed, cwd=folder
        )
        assert done.code == 0, done.err
    yield folder


def _digest(name: str, archive: str, cwd: Path) -> str:
    done = evolve("digest", name, "--archive", archive, cwd=cwd)
    assert done.code == 0, done.err
    return done.out


def _names(archive: str, cwd: Path) -> list[str]:
    return [row["run"] for row in evolve("runs", "--archive", archive, "--format", "json", cwd=cwd).json()]


def test_copy_merge_and_prune(folder: Path, tmp_path: Path) -> None:
    source, copied, merged = f"sqlite:///{folder}/evolve.db", "sqlite:///copied.db", "sqlite:///merged.db"
    done = evolve("archive", "copy", "one", "--to", copied, "--archive", source, cwd=tmp_path)
    assert done.code == 0, done.err
    assert "one: copied with" in done.out
    assert _digest("one", copied, tmp_path) == _digest("one", source, tmp_path)
    again = evolve("archive", "copy", "one", "--to", copied, "--archive", source, cwd=tmp_path)
    assert "one: is there already" in again.out
    done = evolve("archive", "merge", copied, source, "--archive", merged, cwd=tmp_path)
    assert done.code == 0, done.err
    assert _names(merged, tmp_path) == ["one", "two"]
    asked = evolve("archive", "prune", "one", "--archive", merged, cwd=tmp_path)
    assert asked.code == 2
    assert "this would remove one (" in asked.complaint()
    assert "add --yes" in asked.complaint()
    assert _names(merged, tmp_path) == ["one", "two"]
    size = (tmp_path / "merged.db").stat().st_size
    assert evolve("archive", "prune", "one", "--yes", "--archive", merged, cwd=tmp_path).code == 0
    assert _names(merged, tmp_path) == ["two"]
    assert (tmp_path / "merged.db").stat().st_size < size
    assert _digest("two", merged, tmp_path) == _digest("two", source, tmp_path)


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("archive", "copy", "--to", "sqlite:///x.db"), "name the runs, or say --all"),
        (("archive", "copy", "thrie", "--to", "sqlite:///x.db"), "unknown run 'thrie'"),
        (
            ("archive", "copy", "--all", "--to", "sqlite:///evolve.db"),
            "both archives are sqlite:///evolve.db",
        ),
        (("archive", "copy", "--all", "--as", "x", "--to", "sqlite:///x.db"), "--as is for one run"),
        (("archive", "merge", "sqlite:///absent.db"), "there is no archive absent.db"),
        (("archive", "prune"), "name the runs that are to be removed, or say --prompts"),
        (("archive", "prune", "--prompts"), "characters of prompts from one, two; add --yes"),
        (("archive", "downgrade", "--to", "0815"), "unknown revision '0815'"),
        (("archive", "upgrade", "--archive", "sqlite:///absent.db"), "there is no archive absent.db"),
        (("query", "linage"), "did you mean 'lineage'"),
        (("query", "lineage", "-p", "program"), "a parameter is given as NAME=VALUE"),
        (("query", "runs", "one"), "the query runs is not about one run; leave 'one' out"),
        (("query", "lineage", "thrie"), "unknown run 'thrie'"),
        (("sql",), "give either a query or --file"),
        (("sql", "SELECT 1", "--file", "x.sql"), "No such file or directory"),
        (("sql", "SELECT :x"), "has the parameter :x; give it with -p x=VALUE"),
        (("sql", "SELECT 1", "--timeout", "0"), "is not in the range"),
        (("schema", "runn"), "did you mean 'run'"),
    ],
)
def test_mistakes_are_one_line(folder: Path, words: tuple[str, ...], complaint: str) -> None:
    done = evolve(*words, cwd=folder)
    assert done.code == 2
    assert complaint in done.complaint()


def test_file_that_is_damaged_is_left_as_it_was(folder: Path, tmp_path: Path) -> None:
    damaged = tmp_path / "damaged.db"
    whole = (folder / "evolve.db").read_bytes()
    damaged.write_bytes(whole[: len(whole) // 2])
    before = damaged.read_bytes()
    source = f"sqlite:///{folder}/evolve.db"
    for words in (
        ("archive", "copy", "--all", "--to", "sqlite:///x.db", "--archive", f"sqlite:///{damaged}"),
        ("archive", "merge", source, "--archive", f"sqlite:///{damaged}"),
        ("query", "leaderboard", "--archive", f"sqlite:///{damaged}"),
    ):
        done = evolve(*words, cwd=tmp_path)
        assert done.code in (1, 2), done.out
        assert "damaged" in done.complaint() or "malformed" in done.complaint()
    assert damaged.read_bytes() == before


def test_queries_are_listed_and_answered_in_every_format(folder: Path) -> None:
    listed = evolve("query", "--list", "--format", "json", cwd=folder).json()
    assert {"lineage", "leaderboard", "spending_by_hour"} <= {row["query"] for row in listed}
    for row in listed:
        words = ["-p", "program=line"] if row["query"] == "instances" else []
        assert evolve("query", row["query"], *words, cwd=folder).code == 0
    rows = evolve("query", "lineage", "one", "--format", "json", cwd=folder).json()
    as_csv = list(
        csv.DictReader(io.StringIO(evolve("query", "lineage", "one", "--format", "csv", cwd=folder).out))
    )
    assert [row["program"] for row in as_csv] == [row["program"] for row in rows]
    assert rows[0]["operator"] == "seed"
    latest = evolve("query", "lineage", "--format", "json", cwd=folder).json()
    assert latest == evolve("query", "lineage", "two", "--format", "json", cwd=folder).json()


def test_sql_of_a_query_can_be_taken_and_changed(folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "mine.sql"
    file.write_text(evolve("query", "top", "--sql", cwd=folder).out)
    archive = f"sqlite:///{folder}/evolve.db"
    words: list[str | Path] = [
        "sql",
        "--file",
        file,
        "-p",
        "run=2",
        "-p",
        "limit=3",
        "--format",
        "json",
        "--archive",
        archive,
    ]
    assert (
        evolve(*words, cwd=tmp_path).json()
        == evolve("query", "top", "one", "-p", "limit=3", "--format", "json", cwd=folder).json()
    )


def test_long_table_comes_in_pages(folder: Path) -> None:
    query = "WITH RECURSIVE t AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM t LIMIT 2500) SELECT n FROM t"
    out = evolve("sql", query, cwd=folder).out.split()
    assert [word for word in out if word.isdecimal()] == [str(number) for number in range(1, 2501)]
    assert out.count("n") == 3


def test_columns_of_one_name_are_all_shown(folder: Path) -> None:
    (row,) = evolve("sql", "SELECT 1 AS n, 2 AS n, x'00ff' AS b", "--format", "json", cwd=folder).json()
    assert row == {"n": 1, "n_2": 2, "b": "\\x00ff"}


def test_documented_schema_is_up_to_date() -> None:
    assert (ROOT / "docs" / "schema.md").read_text() == schema_markdown(), (
        "write it again: python -m evolve schema --markdown > docs/schema.md"
    )


def test_schema_is_described(folder: Path) -> None:
    rows = {row["column"]: row for row in evolve("schema", "run", "--format", "json", cwd=folder).json()}
    assert rows["champion_id"]["key"] == "Points to program.id"
    assert rows["id"]["type"] == "integer"
    assert "best_so_far" in evolve("schema", cwd=folder).out
