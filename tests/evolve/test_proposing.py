import asyncio
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from evolve.archive.history import History
from evolve.archive.journal import Journal
from evolve.archive.records import Selected
from evolve.assembly import assemble, brief_of
from evolve.config import Budget, Course, Resources, Settings
from evolve.errors import UserError
from evolve.llm.base import BudgetReached
from evolve.operators.base import Draft, NoProposal, Note, Request, Role
from evolve.problem import Split
from evolve.program import Program, ProgramError
from evolve.proposing import ATTEMPTS, Proposer, same_as, screened
from tests.support.searches import (
    Constants,
    InProcessExecutor,
    Search,
    Watcher,
    load_curve,
    opened_search,
    source_of,
)

COURSE = Course(operators={"scripted": 1.0}, lag=4)


class Scripted:
    """An operator that does one thing after the other, and keeps what it was asked with."""

    name = "scripted"
    role = Role.ORDINARY
    needs_model = False

    def __init__(self, *steps: Any) -> None:
        self.requests: list[Request] = []
        self._steps = list(steps)

    async def propose(self, request: Request) -> Draft | Note:
        self.requests.append(request)
        step = self._steps.pop(0)
        if isinstance(step, Exception):
            raise step
        made: Draft | Note = Draft(step, "an idea") if isinstance(step, str) else step
        return made


@pytest.fixture
def search(tmp_path: Path) -> Iterator[Search]:
    """A run of some constants, committed."""
    loaded = load_curve()
    url = f"sqlite:///{tmp_path / 'evolve.db'}"
    with opened_search(url, InProcessExecutor(loaded), loaded, COURSE) as opened:
        asyncio.run(opened.judge.prepare(Split.TRAIN))
        operator = Constants(name="scripted", values=10**6)
        asyncio.run(opened.controller([operator], COURSE, Budget(max_evaluations=5)).run())
        yield opened


def proposer(search: Search, operator: Scripted) -> Proposer:
    return assemble(
        loaded=search.loaded,
        settings=Settings(COURSE, Budget(), Resources()),
        journal=Journal(search.archive, search.run.id, search.lease, {}),
        history=History(search.archive, search.run.id),
        judge=search.judge,
        observer=Watcher(),
        operators={operator.name: operator},
    ).proposer


def selected(search: Search, number: int = 5, operator: str = "scripted", seen: int = 4) -> Selected:
    parent = Program.parse(search.loaded.seed).id
    return Selected(number, operator, (parent,), (), {}, seen=seen)


def made_by(search: Search, number: int) -> str:
    """The source of the program that a proposal made."""
    history = History(search.archive, search.run.id)
    (found,) = [one for one, maker in history.progress().hashes.items() if maker == number]
    return history.program(found).source


def propose(search: Search, *steps: Any, **changes: Any) -> tuple[Any, Scripted]:
    operator = Scripted(*steps)
    found = asyncio.run(proposer(search, operator).propose(selected(search, **changes)))
    return found, operator


def test_a_draft_that_passes(search: Search) -> None:
    found, operator = propose(search, source_of("x + 0.5"))
    assert found.program == Program.parse(source_of("x + 0.5"))
    assert (found.idea, found.status, found.reason, found.cost_usd) == ("an idea", "", None, 0.0)
    (request,) = operator.requests
    assert request.parents[0].source == search.loaded.seed
    assert request.parents[0].score is not None
    assert request.rejections == ()


@pytest.mark.parametrize(
    ("source", "status", "complaint"),
    [
        (lambda _: "def answer(x:\n", "rejected", "line 1"),
        (lambda _: source_of("x").replace("answer", "other"), "rejected", "answer(x)"),
        (lambda _: "import os\n" + source_of("x + 0.5"), "rejected", "EVOLVE-BLOCK"),
        (lambda search: search.loaded.seed, "duplicate", "the same program as proposal 0's"),
        (lambda search: made_by(search, 2) + "\n", "rejected", "EVOLVE-BLOCK"),
        (lambda search: made_by(search, 2), "duplicate", "the same program as proposal 2's"),
        (lambda _: NoProposal("no idea"), "no_proposal", "no idea"),
    ],
)
def test_the_reason_goes_back_and_another_attempt_may_do_better(
    search: Search, source: Callable[[Search], Any], status: str, complaint: str
) -> None:
    bad = source(search)
    found, operator = propose(search, bad, source_of("x + 0.5"))
    assert found.program is not None
    first, second = operator.requests
    assert first.rejections == ()
    assert complaint in second.rejections[0]
    failed, operator = propose(search, *[bad] * ATTEMPTS)
    assert failed.program is None
    assert failed.status == status
    assert complaint in failed.reason
    assert [len(one.rejections) for one in operator.requests] == list(range(ATTEMPTS))


def test_each_attempt_has_its_own_randomness_and_always_the_same(search: Search) -> None:
    def drawn() -> Sequence[float]:
        _, operator = propose(search, NoProposal("1"), NoProposal("2"), NoProposal("3"))
        return [one.random.random() for one in operator.requests]

    first = drawn()
    assert len(set(first)) == ATTEMPTS
    assert drawn() == first


def test_what_is_new_is_decided_as_of_what_was_seen(search: Search) -> None:
    """Else second chances would depend on how far the commits have come."""
    later, _ = propose(search, made_by(search, 3), seen=2)
    assert later.program is not None
    found, _ = propose(search, *[made_by(search, 3)] * ATTEMPTS, seen=3)
    assert found.status == "duplicate"


def test_a_note_is_no_program(search: Search) -> None:
    found, _ = propose(search, Note("larger is better"))
    assert (found.program, found.status, found.idea) == (None, "note", "larger is better")


def test_programs_from_outside_get_one_chance(search: Search) -> None:
    operator = Scripted("def answer(x:\n", source_of("x"))
    operator.name = "external"
    found = asyncio.run(proposer(search, operator).propose(selected(search, operator="external")))
    assert found.status == "rejected"
    assert len(operator.requests) == 1


@pytest.mark.parametrize(
    ("step", "complaint"),
    [
        (ZeroDivisionError("by zero"), "'scripted' failed on proposal 5: ZeroDivisionError: by zero"),
        (42, "'scripted' answered proposal 5 with int"),
        (None, "'scripted' answered proposal 5 with NoneType"),
    ],
)
def test_a_broken_operator_is_named(search: Search, step: Any, complaint: str) -> None:
    with pytest.raises(UserError, match=complaint):
        propose(search, step)


def test_the_end_of_a_budget_passes(search: Search) -> None:
    with pytest.raises(BudgetReached) as reached:
        propose(search, BudgetReached("max_cost"))
    assert reached.value.reason == "max_cost"


def test_the_seed_program_is_screened_like_any_other(search: Search) -> None:
    operator = Scripted()
    seed = asyncio.run(proposer(search, operator).propose(Selected(0, "seed", (), (), {}, seen=-1)))
    assert seed.status == "duplicate", "it has been committed before"
    assert seed.reason == same_as(0)
    assert operator.requests == []


def test_screening_alone(search: Search) -> None:
    brief = brief_of(search.loaded, search.judge)
    assert screened(source_of("x * 2"), search.loaded.seed, brief).source == source_of("x * 2")
    assert screened("def answer(x):\n    return 1\n", None, brief)
    with pytest.raises(ProgramError):
        screened("def answer(x):\n    return 1\n", search.loaded.seed, brief)
