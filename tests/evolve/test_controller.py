import asyncio
import itertools
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Coroutine, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from evolve.archive.engine import open_archive
from evolve.archive.models import Program, Proposal
from evolve.config import Budget, Course
from evolve.controller import Controller
from evolve.errors import UserError
from evolve.operators.base import Draft, NoProposal, Request, Role
from evolve.problem import Split
from evolve.proposing import ATTEMPTS
from evolve.randomness import stream
from evolve.search.base import Selection
from evolve.search.islands import Islands
from tests.support import curve
from tests.support.searches import (
    Constants,
    Ended,
    InProcessExecutor,
    Watcher,
    load_curve,
    opened_search,
    searched,
    source_of,
)

LAG = 5
COURSE = Course(operators={"constants": 1.0}, lag=LAG)
BEST_OF_N = Course(operators={"constants": 1.0}, lag=LAG, strategy="best_of_n")
BUDGET = Budget(max_evaluations=30)
PATIENCE = 20
"""Shorter than the controller's own, which only takes longer to run out."""
SLOW = settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
Delay = Callable[[Any], Coroutine[Any, Any, None]]


class Scored:
    """An operator whose children are better and better until they fit the curve."""

    name = "constants"
    role = Role.ORDINARY
    needs_model = False

    async def propose(self, request: Request) -> Draft:
        return Draft(source_of(f"x * x + {3.0 - 2.9 / request.number:.4f}"))


class Same:
    """An operator that finds nothing new, ever."""

    name = "constants"
    role = Role.ORDINARY
    needs_model = False

    async def propose(self, request: Request) -> Draft:
        return Draft(request.parents[0].source)


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/archive.db"


@pytest.fixture(autouse=True, scope="module")
def short_patience() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("evolve.ending.PATIENCE", PATIENCE)
        yield


def fresh_url() -> str:
    """An archive of its own for each example that hypothesis draws."""
    return f"sqlite:///{Path(tempfile.mkdtemp(prefix='evolve-test-'))}/archive.db"


def turns(counts: dict[Any, int] | Callable[[Any], int]) -> Delay:
    """A delay of so many turns of the event loop, so that every order of completion can be had at once."""

    async def wait(key: Any) -> None:
        for _ in range(counts(key) if callable(counts) else counts.get(key, 0)):
            await asyncio.sleep(0)

    return wait


def drawn_turns(seed: int, most: int) -> Delay:
    """Delays drawn from a stream, one for each key."""
    return turns(lambda key: stream(seed, str(key), 0).randrange(most))


def run(url: str, *operators: Any, **given: Any) -> Ended:
    chosen = {"course": COURSE, "budget": BUDGET} | given
    return asyncio.run(searched(url, operators or [Constants()], **chosen))


def fates(url: str) -> list[tuple[int, str, str | None]]:
    """Number, status and reason of each proposal."""
    archive = open_archive(url)
    with archive.reading() as connection:
        rows = connection.execute(
            select(Proposal.number, Proposal.status, Proposal.reason).order_by(Proposal.number)
        )
        found = [(row.number, row.status, row.reason) for row in rows]
    archive.close()
    return found


# --- The order of commits and the digest ---------------------------------------------------------------


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Ended:
    return run(f"sqlite:///{tmp_path_factory.mktemp('undisturbed')}/archive.db")


@SLOW
@given(seed=st.integers(0, 2**32), slow=st.integers(1, 60), workers=st.integers(1, 8))
def test_order_of_completion_changes_nothing(undisturbed: Ended, seed: int, slow: int, workers: int) -> None:
    loaded = load_curve()
    executor = InProcessExecutor(loaded, workers, drawn_turns(seed + 1, slow))
    operator = Constants(drawn_turns(seed, slow))
    url = fresh_url()
    try:
        ended = run(url, operator, executor=executor, loaded=loaded)
    finally:
        shutil.rmtree(Path(url.removeprefix("sqlite:///")).parent)
    assert ended.numbers == list(range(len(ended.numbers)))
    assert (ended.digest, ended.statuses) == (undisturbed.digest, undisturbed.statuses)
    assert sorted(operator.asked) == sorted(asked_by(undisturbed))


def asked_by(ended: Ended) -> list[int]:
    """The proposals for which the operator was asked, as often as it was; the same for any timing."""
    operator = Constants()
    url = fresh_url()
    try:
        assert run(url, operator).digest == ended.digest
    finally:
        shutil.rmtree(Path(url.removeprefix("sqlite:///")).parent)
    return operator.asked


def test_first_to_finish_waits_for_the_first_to_start(url: str) -> None:
    ended = run(url, Constants(turns(lambda number: 0 if number % LAG else 200)))
    assert ended.numbers == list(range(len(ended.numbers)))


@SLOW
@given(seed=st.integers(0, 2**32), stops=st.lists(st.integers(1, 25), min_size=1, max_size=3))
def test_run_that_was_dropped_at_any_commit_ends_like_one_that_was_not(
    undisturbed: Ended, seed: int, stops: list[int]
) -> None:
    url = fresh_url()
    try:
        for stop in stops:
            with suppress(PowerFailureError):  # it may be over before
                run(url, Constants(drawn_turns(seed, 30)), observer=Watcher(fails_after(stop)))
            seed += 1
        ended = run(url, Constants(drawn_turns(seed, 30)))
    finally:
        shutil.rmtree(Path(url.removeprefix("sqlite:///")).parent)
    assert ended.digest == undisturbed.digest


class PowerFailureError(Exception):
    """What was in flight is gone."""


def fails_after(commits: int) -> Callable[[Any], None]:
    left = itertools.count(commits, -1)

    def fail(_: Any) -> None:
        if next(left) <= 1:
            raise PowerFailureError

    return fail


def test_digest_does_not_depend_on_the_process(url: str, undisturbed: Ended, tmp_path: Path) -> None:
    script = (
        "import sys; from tests.evolve import test_controller as t; print(t.run(sys.argv[1]).digest, end='')"
    )
    root = str(Path(__file__).resolve().parents[2])
    for seed in ("1", "2"):
        done = subprocess.run(
            [sys.executable, "-c", script, f"sqlite:///{tmp_path}/{seed}.db"],
            env=os.environ | {"PYTHONHASHSEED": seed},
            cwd=root,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.stdout == undisturbed.digest, done.stderr


# --- Selection -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("lag", [1, 2, 7])
@pytest.mark.parametrize("most_turns", [1, 40])
def test_selection_sees_the_archive_as_of_commit_n_minus_lag(
    url: str, lag: int, most_turns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    events: list[tuple[str, int]] = []
    ask, tell = Islands.ask, Islands.tell

    def logged_ask(self: Islands, number: int, random: random.Random) -> Selection:
        events.append(("select", number))
        return ask(self, number, random)

    def logged_tell(self: Islands, result: Any) -> Any:
        events.append(("commit", result.number))
        return tell(self, result)

    monkeypatch.setattr(Islands, "ask", logged_ask)
    monkeypatch.setattr(Islands, "tell", logged_tell)
    course = Course(strategy="islands", operators={"constants": 1.0}, lag=lag)
    ended = run(url, Constants(drawn_turns(3, most_turns)), course=course)
    expected = [("commit", 0), *(("select", number) for number in range(1, lag + 1))]
    for number in range(1, len(ended.numbers)):
        expected += [("commit", number), ("select", number + lag)]
    assert events == expected


def test_no_more_than_lag_proposals_are_in_flight(url: str) -> None:
    in_flight = 0
    most = 0

    async def count(_: int) -> None:
        nonlocal in_flight, most
        in_flight += 1
        most = max(most, in_flight)
        await asyncio.sleep(0)
        in_flight -= 1

    run(url, Constants(count))
    assert most == LAG


# --- Budgets -------------------------------------------------------------------------------------------


@SLOW
@given(limit=st.integers(1, 40), seed=st.integers(0, 2**32), values=st.integers(2, 80))
def test_evaluations_never_exceed_the_budget(limit: int, seed: int, values: int) -> None:
    loaded = load_curve()
    executor = InProcessExecutor(loaded, 3, drawn_turns(seed, 20))
    url = fresh_url()
    try:
        operator = Constants(drawn_turns(seed + 1, 20), values=values)
        ended = run(url, operator, executor=executor, loaded=loaded, budget=Budget(max_evaluations=limit))
        archive = open_archive(url)
        with archive.reading() as connection:
            programs = connection.scalar(
                select(func.count()).select_from(Program).where(Program.baseline.is_(None))
            )
        archive.close()
    finally:
        shutil.rmtree(Path(url.removeprefix("sqlite:///")).parent)
    assert programs is not None
    assert ended.evaluations == programs <= limit
    assert ended.evaluations == limit or ended.reason == "exhausted"
    # Equal programs in flight are evaluated once for each parent, since they race against it.
    sources = {source for source, _, _ in executor.submitted} - set(loaded.baselines.values())
    assert len(sources) == ended.evaluations


def test_budget_in_pieces_ends_like_the_whole(url: str, undisturbed: Ended) -> None:
    for limit in (1, 2, 9, 10, 30):
        ended = run(url, budget=Budget(max_evaluations=limit))
        assert (ended.reason, ended.evaluations) == ("max_evaluations", limit)
    assert ended.digest == undisturbed.digest


def test_budget_that_is_used_up_asks_nobody(url: str) -> None:
    run(url)
    operator = Constants()
    ended = run(url, operator)
    assert (ended.reason, ended.commits, operator.asked) == ("max_evaluations", [], [])


def test_time_is_up_while_an_operator_thinks(url: str) -> None:
    async def think(number: int) -> None:
        await asyncio.sleep(0.05 if number < 8 else 0.4)

    ended = run(url, Constants(think), budget=Budget(max_time=0.2))
    assert ended.reason == "max_time"
    assert ended.numbers == list(range(len(ended.numbers)))
    again = run(url, Constants(), budget=Budget(max_time=0.2))
    assert (again.reason, again.commits) == ("max_time", [])


def test_target_ends_a_run(url: str) -> None:
    ended = run(url, Scored(), budget=Budget(target=1.5))
    assert ended.reason == "target"
    best = [commit.best for commit in ended.commits]
    assert best[-1] is not None
    assert best[-1] >= 1.5
    assert len(ended.commits) < 30


@pytest.mark.parametrize("budget", [Budget(target=2.9), Budget(target=3.2)])
@pytest.mark.parametrize("later", range(1, LAG + 2))
def test_run_that_was_dropped_after_its_target_ends_like_one_that_was_not(
    url: str, tmp_path: Path, budget: Budget, later: int
) -> None:
    """What is committed is decided by what was committed before it, also at the end."""
    whole = run(f"sqlite:///{tmp_path}/whole.db", Scored(), budget=budget)
    assert whole.reason == "target"
    assert budget.target is not None
    reached = next(one.number for one in whole.commits if (one.best or 0.0) >= budget.target)
    commits = reached + later
    if commits < len(whole.commits):
        with pytest.raises(PowerFailureError):
            run(url, Scored(), budget=budget, observer=Watcher(fails_after(commits)))
    again = run(url, Scored(), budget=budget)
    assert again.reason == "target"
    assert again.digest == whole.digest


def test_operators_that_find_nothing_new_end_a_run(url: str) -> None:
    ended = run(url, Same())
    assert (ended.reason, ended.evaluations) == ("exhausted", 1)
    assert PATIENCE < len(ended.commits) <= PATIENCE + LAG + 1
    assert set(ended.statuses[1:]) == {"duplicate"}


def test_run_that_was_dropped_when_exhausted_ends_like_one_that_was_not(url: str, tmp_path: Path) -> None:
    whole = run(f"sqlite:///{tmp_path}/whole.db", Same())
    with pytest.raises(PowerFailureError):
        run(url, Same(), observer=Watcher(fails_after(PATIENCE + 1)))
    assert run(url, Same()).digest == whole.digest


def test_last_is_the_last(url: str) -> None:
    ended = run(url, budget=Budget(), last=12)
    assert (ended.reason, ended.numbers) == ("last", list(range(13)))


# --- Stopping ------------------------------------------------------------------------------------------


def test_stop_finishes_what_is_in_flight_and_no_more(url: str, undisturbed: Ended) -> None:
    operator = Constants(drawn_turns(1, 30))
    controllers: list[Controller] = []

    def at_commit(event: Any) -> None:
        if event.number == 9:
            controllers[0].stop("interrupted")
            controllers[0].stop("another reason")

    ended = run(url, operator, observer=Watcher(at_commit), steer=controllers.append)
    assert ended.reason == "interrupted"
    assert ended.numbers[-1] == max(operator.asked) == 9 + LAG - 1
    assert run(url).digest == undisturbed.digest


@pytest.mark.parametrize("answers_late", [False, True])
def test_cancelled_search_leaves_no_task_and_goes_on(
    url: str, undisturbed: Ended, answers_late: bool
) -> None:
    """An operator that never answers, or that answers although it was told not to."""

    async def never(number: int) -> None:
        if number >= 7:
            try:
                await asyncio.sleep(3600)
            except asyncio.CancelledError:
                if not answers_late:
                    raise

    async def inside() -> None:
        task = asyncio.create_task(searched(url, [Constants(never)], COURSE, BUDGET))
        while True:
            await asyncio.sleep(0.01)
            waiting = [one for one in asyncio.all_tasks() if "_attempt" in repr(one)]
            if len(waiting) == LAG and fates_until(url) == 6:
                break
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(inside())
    assert run(url).digest == undisturbed.digest


def fates_until(url: str) -> int:
    return max((number for number, status, _ in fates(url) if status != "selected"), default=-1)


# --- Programs that are not new, or not programs --------------------------------------------------------


def test_equal_programs_in_flight_share_an_evaluation(url: str) -> None:
    class Twins:
        name = "constants"
        role = Role.ORDINARY
        needs_model = False

        async def propose(self, request: Request) -> Draft:
            return Draft(source_of(f"{request.number // 3 + 1.5}"))

    loaded = load_curve()
    executor = InProcessExecutor(loaded, 4, turns(lambda _: 20))
    course = Course(operators={"constants": 1.0}, lag=3, strategy="best_of_n")
    ended = run(url, Twins(), course=course, executor=executor, loaded=loaded, budget=Budget(), last=12)
    sources = [source for source, _, _ in executor.submitted]
    assert len(sources) == len(set(sources))
    assert ended.statuses.count("duplicate") == 13 - ended.evaluations
    for number, status, reason in fates(url):
        if status == "duplicate":
            assert reason is not None
            assert 0 <= number - int(reason.rpartition("proposal ")[2].removesuffix("'s")) < 3


def test_operator_is_asked_again_before_it_is_given_up(url: str) -> None:
    class Stubborn:
        name = "constants"
        role = Role.ORDINARY
        needs_model = False

        def __init__(self) -> None:
            self.asked: list[tuple[int, int]] = []

        async def propose(self, request: Request) -> Draft:
            self.asked.append((request.number, request.random.getrandbits(64)))
            if request.number == 3:
                raise NoProposal("out of ideas")
            if request.number == 4:
                return Draft("def answer(")
            if request.number == 5 and sum(number == 5 for number, _ in self.asked) < ATTEMPTS:
                return Draft(source_of("x").replace("def answer", "def other"))
            return Draft(source_of(f"{request.number}"))

    operator = Stubborn()
    ended = run(url, operator, budget=Budget(), last=6)
    assert ended.statuses[3:6] == ["no_proposal", "rejected", ended.statuses[5]]
    assert ended.statuses[5] in ("accepted", "not_better")
    found = {number: reason for number, _, reason in fates(url)}
    assert found[3] == "out of ideas"
    assert "line 1" in (found[4] or "")
    for number in (3, 4, 5):
        streams = [drawn for asked, drawn in operator.asked if asked == number]
        assert len(set(streams)) == ATTEMPTS


def test_change_outside_the_blocks_is_rejected(url: str) -> None:
    ended = run(url, Constants(faults={2: "import os\n" + source_of("x")}), budget=Budget(), last=2)
    assert ended.statuses[2] == "rejected"
    assert "outside the EVOLVE-BLOCK regions" in (fates(url)[2][2] or "")


@pytest.mark.parametrize("seed", ["def anwser(x):\n    return x\n", "def answer(", "x = 1\n"])
def test_seed_that_is_rejected_leaves_the_baselines_to_start_from(
    url: str, tmp_path: Path, seed: str
) -> None:
    folder = tmp_path / "problem"
    shutil.copytree(curve.FOLDER, folder)
    (folder / "seed.py").write_text(seed)
    loaded = load_curve(folder)

    class Unmarked:
        name = "constants"
        role = Role.ORDINARY
        needs_model = False

        async def propose(self, request: Request) -> Draft:
            assert request.parents[0].source in loaded.baselines.values()
            return Draft(f"def answer(x):\n    return {request.number}\n")

    executor = InProcessExecutor(loaded)
    budget = Budget(max_evaluations=8)
    ended = run(url, Unmarked(), course=BEST_OF_N, loaded=loaded, executor=executor, budget=budget)
    assert (ended.statuses[0], ended.evaluations) == ("rejected", 8)


# --- Things that should not happen ---------------------------------------------------------------------


def test_operator_that_raises_is_named_and_nothing_is_lost(url: str, undisturbed: Ended) -> None:
    with pytest.raises(Exception, match="constants") as raised:
        run(url, Constants(faults={9: ZeroDivisionError("a bug in the operator")}))
    assert "ZeroDivisionError" in f"{raised.value!r} {raised.value.__cause__!r}"
    committed = fates_until(url)
    assert committed >= 9 - LAG
    assert run(url).digest == undisturbed.digest


@pytest.mark.parametrize("answer", [None, 7, "def answer(x): return x"])
def test_operator_that_returns_no_draft_is_named(url: str, answer: Any) -> None:
    class Careless:
        name = "constants"
        role = Role.ORDINARY
        needs_model = False

        async def propose(self, request: Request) -> Draft:
            return answer  # type: ignore[no-any-return]  # what a plug-in without types may return

    with pytest.raises(UserError, match="constants"):
        run(url, Careless())


def test_parents_that_are_not_in_memory_come_from_the_archive(
    url: str, undisturbed: Ended, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("evolve.shelf.RECENT", 1)
    assert run(url).digest == undisturbed.digest


def test_what_a_commit_announces_is_what_it_wrote(url: str) -> None:
    ended = run(url)
    assert [(one.number, one.status, one.reason) for one in ended.commits] == [
        fate for fate in fates(url) if fate[1] != "selected"
    ]
    assert ended.commits[-1].evaluations == ended.evaluations
    seconds = [one.seconds for one in ended.commits]
    assert seconds == sorted(seconds)


def test_lease_that_is_lost_ends_a_search(url: str) -> None:
    async def inside() -> None:
        loaded = load_curve()
        with opened_search(url, InProcessExecutor(loaded), loaded, COURSE) as search:
            await search.judge.prepare(Split.TRAIN)
            controller = search.controller([Constants()], COURSE, BUDGET)
            search.lease.give_back()
            with pytest.raises(Exception, match="another process has taken this run over"):
                await controller.run()

    asyncio.run(inside())
