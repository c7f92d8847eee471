"""A small search run, commit by commit, as the tests of the archive write it."""

import msgspec
from sqlalchemy import func, select

from evolve.archive.engine import Archive
from evolve.archive.history import History
from evolve.archive.journal import Journal
from evolve.archive.lease import RunLease
from evolve.archive.models import Base, Evaluation, Outcome, Program, Proposal, Run, StrategyState
from evolve.archive.records import Commit, RunRecord, ScoredEvaluation, Selected
from evolve.archive.runs import add_instances, find_or_create_run, instance_ids
from evolve.problem import Outcome as ProblemOutcome
from evolve.problem import Status
from evolve.program import Program as ProgramText

LAG = 3
INSTANCES = {"train": ("a", "b"), "validation": ("c",), "test": ("d", "e")}


class Search(msgspec.Struct, frozen=True):
    """A run in an archive, with the right to work on it."""

    run: RunRecord
    lease: RunLease
    journal: Journal
    history: History


def start_search(archive: Archive, name: str = "search", problem: str = "sums") -> Search:
    """The run of that name, made if it is not there, with what goes before it; its lease is taken."""
    reference = find_or_create_run(
        archive, **_fields(f"{problem}@1", problem, kind="reference", reference_id=None)
    )
    with archive.writing() as connection:
        for split, names in INSTANCES.items():
            keys = add_instances(connection, reference.id, split, [(one, 0.5) for one in names])
            assert list(keys) == list(names)
        train = instance_ids(connection, reference.id, "train")
    run = find_or_create_run(archive, **_fields(name, problem, kind="search", reference_id=reference.id))
    lease = RunLease.take(archive, run.id, run.name)
    return Search(run, lease, Journal(archive, run.id, lease, train), History(archive, run.id))


def split_keys(archive: Archive, search: Search, split: str) -> dict[str, int]:
    """The keys of a split's instances."""
    assert search.run.reference_id is not None
    with archive.reading() as connection:
        return instance_ids(connection, search.run.reference_id, split)


def _fields(name: str, problem: str, **fields: object) -> dict[str, object]:
    return {
        "name": name,
        "problem": problem,
        "problem_version": "1",
        "fingerprint": "f",
        "seed": 0,
        "settings": {"course": {"seed": 0}},
        "problem_reference": {"locator": problem},
        **fields,
    }


def program_of(number: int, padding: int = 0) -> ProgramText:
    """The program that proposal `number` makes."""
    return ProgramText.parse(f"def solve(x):\n    return x + {number}\n" + "#" * padding)


def evaluation_of(score: float | None, split: str = "train", status: Status = Status.OK) -> ScoredEvaluation:
    """An evaluation with an outcome for each instance of the split."""
    names = INSTANCES[split]
    return ScoredEvaluation(
        split=split,
        status=status,
        score=score,
        scores={} if score is None else dict.fromkeys(names, score),
        outcomes=tuple(
            ProblemOutcome(
                instance=name,
                status=status,
                value=None if score is None else 1.0 / score,
                feedback="" if score is not None else "it fell over",
                metrics={} if score is None else {"steps": 3.0},
                cpu_seconds=0.25,
                isolation="compute",
            )
            for name in names
        ),
    )


def selected_of(number: int) -> Selected:
    """What proposal `number` is made from."""
    if number == 0:
        return Selected(0, "seed", (), (), {})
    return Selected(number, "constants", (program_of(0).id,), ("b" * 32,), {"island": number % 3})


def commit_of(number: int) -> Commit:
    """What proposal `number` comes to: by turns accepted, failed, a duplicate, or not better."""
    status = "accepted" if number == 0 else ("not_better", "accepted", "failed", "duplicate")[number % 4]
    new = status != "duplicate"
    failed = status == "failed"
    following = range(1, LAG + 1) if number == 0 else (number + LAG,)
    evaluation = evaluation_of(None, status=Status.CRASHED) if failed else evaluation_of(1.0 + number / 64)
    return Commit(
        number=number,
        status=status,
        operator=selected_of(number).operator,
        program=program_of(number) if new else None,
        evaluation=evaluation if new else None,
        idea=f"add {number}" if number % 2 else None,
        reason="crashed" if failed else None if new else "the same program as proposal 0's",
        improvement=(0.0 if failed else number / 128) if new else None,
        selected=tuple(selected_of(one) for one in following),
        state={"told": number, "members": [{"score": 0.1 * number}]},
        seconds=0.5 * (number + 1),
    )


def go_on(search: Search, until: int) -> None:
    """Commit what is missing up to and with proposal `until`."""
    progress = search.history.progress()
    if progress.committed < 0 and not progress.waiting:
        search.journal.select_first(selected_of(0))
    for number in range(progress.committed + 1, until + 1):
        search.journal.commit(commit_of(number))


def check_whole(archive: Archive, search: Search) -> int:
    """Check that every commit is in the archive whole or not at all; the number of the last one, or -1."""
    progress = search.history.progress()
    last = progress.committed
    run_id = search.run.id
    with archive.reading() as connection:
        proposals = connection.execute(
            select(Proposal.number, Proposal.status, Proposal.program_id)
            .where(Proposal.run_id == run_id)
            .order_by(Proposal.number)
        ).all()
        programs = connection.scalar(
            select(func.count()).select_from(Program).where(Program.run_id == run_id)
        )
        evaluations = connection.scalar(
            select(func.count()).select_from(Evaluation).join(Program).where(Program.run_id == run_id)
        )
        outcomes = connection.scalar(
            select(func.count())
            .select_from(Outcome)
            .join(Evaluation)
            .join(Program)
            .where(Program.run_id == run_id)
        )
        seconds = connection.scalar(select(Run.seconds).where(Run.id == run_id))
        state = connection.scalar(select(StrategyState.state).where(StrategyState.run_id == run_id))
    if last < 0:
        assert [row.status for row in proposals] in ([], ["selected"])
        assert (programs, evaluations, outcomes, seconds, state) == (0, 0, 0, 0.0, None)
        return last
    expected = [commit_of(number) for number in range(last + 1)]
    assert [row.number for row in proposals] == list(range(last + 1 + LAG))
    assert [row.status for row in proposals] == [one.status for one in expected] + ["selected"] * LAG
    new = [one.program is not None for one in expected]
    assert [row.program_id is not None for row in proposals] == new + [False] * LAG
    assert (programs, evaluations, outcomes) == (sum(new), sum(new), 2 * sum(new))
    assert (seconds, state) == (expected[-1].seconds, expected[-1].state)
    return last


def all_rows(archive: Archive) -> dict[str, list[tuple[object, ...]]]:
    """Every row of every table but `lease`."""
    with archive.reading() as connection:
        return {
            table.name: [tuple(row) for row in connection.execute(table.select())]
            for table in Base.metadata.sorted_tables
            if table.name != "lease"
        }
