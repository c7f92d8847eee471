from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from evolve.archive.digest import run_digest
from evolve.archive.engine import Archive, open_archive
from evolve.archive.evaluations import add_evaluation
from evolve.archive.models import Base, Evaluation, Instance, Outcome, Program, Proposal, Run, StrategyState
from tests.evolve.archive.rows import Search, evaluation_of, go_on, program_of, split_keys, start_search


def _digest(archive: Archive, search: Search) -> str:
    with archive.reading() as connection:
        return run_digest(connection, search.run.id)


def _filled(archive: Archive, name: str = "search") -> Search:
    search = start_search(archive, name)
    go_on(search, 6)
    return search


def test_digest_is_the_same_in_another_archive_under_other_keys_and_names(
    archive: Archive, tmp_path: Path
) -> None:
    search = _filled(archive)
    other_archive = open_archive(f"sqlite:///{tmp_path}/other.db")
    go_on(start_search(other_archive, "before", problem="other"), 3)
    go_on(start_search(other_archive, "between"), 9)
    other = _filled(other_archive, "another name")
    assert other.run.id != search.run.id
    assert _digest(other_archive, other) == _digest(archive, search)
    assert len(_digest(archive, search)) == 64
    other_archive.close()


@pytest.mark.parametrize(
    ("model", "values"),
    [
        (Run, {"name": "renamed", "seconds": 99.0, "status": "interrupted", "reason": "max_time"}),
        (Run, {"settings": {"budget": {"max_evaluations": 7}}}),
        (Proposal, {"committed_at": None}),
        (Evaluation, {"cpu_seconds": 99.0, "isolation": "none"}),
        (Outcome, {"cpu_seconds": 99.0}),
    ],
)
def test_digest_leaves_out_times_names_and_machines(
    archive: Archive, model: type[Base], values: dict[str, Any]
) -> None:
    search = _filled(archive)
    before = _digest(archive, search)
    change = update(model).values(**values)
    with archive.writing() as connection:
        changed = connection.execute(change.where(Run.id == search.run.id) if model is Run else change)
        assert changed.rowcount > 0
    assert _digest(archive, search) == before


def test_digest_leaves_out_what_is_selected_only(archive: Archive) -> None:
    search = _filled(archive)
    before = _digest(archive, search)
    with archive.writing() as connection:
        connection.execute(update(Proposal).where(Proposal.status == "selected").values(operator="other"))
    assert _digest(archive, search) == before


@pytest.mark.parametrize(
    ("model", "values"),
    [
        (Proposal, {"status": "rejected"}),
        (Proposal, {"operator": "other"}),
        (Proposal, {"parents": ["f" * 32]}),
        (Proposal, {"inspirations": []}),
        (Proposal, {"context": {"island": 9}}),
        (Proposal, {"improvement": 0.5}),
        (Proposal, {"program_id": None}),
        (Program, {"hash": "f" * 32}),
        (Program, {"source": "def solve(x): return 0\n"}),
        (Evaluation, {"split": "validation"}),
        (Evaluation, {"status": "suspect"}),
        (Evaluation, {"score": 1.0000000000000002}),
        (Outcome, {"status": "timeout"}),
        (Outcome, {"value": 0.1}),
        (Outcome, {"score": None}),
        (Instance, {"name": "renamed"}),
        (StrategyState, {"state": {"told": 6, "members": [{"score": 0.7}]}}),
    ],
)
def test_digest_changes_with_every_decided_fact(
    archive: Archive, model: type[Base], values: dict[str, Any]
) -> None:
    search = _filled(archive)
    before = _digest(archive, search)
    key = {
        Proposal: Proposal.number == 1,
        Program: Program.hash == program_of(1).id,
        Evaluation: Evaluation.program_id
        == select(Program.id).where(Program.hash == program_of(1).id).scalar_subquery(),
        Outcome: Outcome.instance_id == select(Instance.id).where(Instance.name == "b").scalar_subquery(),
        Instance: Instance.name == "b",
        StrategyState: StrategyState.run_id == search.run.id,
    }[model]
    with archive.writing() as connection:
        assert connection.execute(update(model).where(key).values(**values)).rowcount > 0
    assert _digest(archive, search) != before


def test_digest_changes_with_every_commit(archive: Archive) -> None:
    search = start_search(archive)
    digests = [_digest(archive, search)]
    for number in range(6):
        go_on(search, number)
        digests.append(_digest(archive, search))
    assert len({*digests}) == len(digests)


def test_other_runs_do_not_matter(archive: Archive) -> None:
    search = _filled(archive)
    before = _digest(archive, search)
    _filled(archive, "another")
    assert _digest(archive, search) == before


def test_evaluations_on_validation_and_test_do_not_matter(archive: Archive) -> None:
    """Which programs have them depends on how often the run was continued."""
    search = _filled(archive)
    before = _digest(archive, search)
    with archive.writing() as connection:
        key = connection.scalar(select(Program.id).where(Program.hash == program_of(1).id))
        assert key is not None
        for split in ("validation", "test"):
            add_evaluation(connection, key, evaluation_of(1.5, split), split_keys(archive, search, split))
    assert _digest(archive, search) == before
