"""Programs from outside, as a run takes them in: while it goes on, or from its record."""

import time
from collections.abc import Callable

from evolve.archive.engine import Archive
from evolve.archive.journal import Journal
from evolve.archive.records import Selected
from evolve.archive.runs import load_selected
from evolve.archive.tickets import told_source
from evolve.operators.base import Draft, NoProposal, Request, Role
from evolve.proposing import EXTERNAL_OPERATOR

LOOK_S = 0.3
"""How often the archive is asked whether something was told, seconds."""


class ToldPrograms:
    """The operator for proposals from outside: hands over what was told for a number."""

    name = EXTERNAL_OPERATOR
    role = Role.EXTERNAL
    needs_model = False

    def __init__(self, archive: Archive, run_id: int) -> None:
        self._archive = archive
        self._run_id = run_id

    async def propose(self, request: Request) -> Draft:
        """The program that was told for this proposal."""
        with self._archive.reading() as connection:
            source = told_source(connection, self._run_id, request.number)
        if source is None:
            raise NoProposal("the program that was told is not in the archive any more")
        return Draft(source)


class LiveOutside:
    """Looks into the archive now and then whether somebody has told a program."""

    is_live = True

    def __init__(self, journal: Journal, clock: Callable[[], float] = time.monotonic) -> None:
        self._journal = journal
        self._clock = clock
        self._looked_at = -LOOK_S

    def arrival(self, number: int, seen: int) -> Selected | None:
        """The next program told, recorded as proposal `number`; None where there is none."""
        if self._clock() - self._looked_at < LOOK_S:
            return None
        told = self._journal.select_told(number)
        if told is None:
            self._looked_at = self._clock()
        return told


class RecordedOutside:
    """What was told to a run, from its record: a proposal from outside has the number that it had then."""

    is_live = False

    def __init__(self, source: Archive, recorded_run: int, journal: Journal) -> None:
        self._source = source
        self._recorded_run = recorded_run
        self._journal = journal

    def arrival(self, number: int, seen: int) -> Selected | None:
        """Proposal `number` as it was recorded, if it came from outside."""
        with self._source.reading() as connection:
            recorded = load_selected(connection, self._recorded_run, number)
        if recorded is None or recorded.operator != EXTERNAL_OPERATOR:
            return None
        self._journal.select_again(recorded)
        return recorded
