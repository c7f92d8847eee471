"""Everything that reads results works on every database that archives are kept in."""

import asyncio
from pathlib import Path

import msgspec

from evolve.archive.engine import open_archive
from evolve.archive.runs import get_run
from results.live import Follower
from results.pictures import KINDS, picture
from results.report import gather
from results.report_markdown import markdown
from results.subject import read_subject
from tests.results.conftest import search, two_objectives
from tests.results.llm_rows import add_call
from tests.support.postgres import NewUrl


def test_pictures_report_and_watch(new_url: NewUrl, tmp_path: Path) -> None:
    url = new_url()
    asyncio.run(search(url, two_objectives(tmp_path), evaluations=30))
    archive = open_archive(url, create=False)
    with archive.writing() as connection:
        run = get_run(connection, "small")
        add_call(connection, run.id, 3, cost_usd=0.25)
        add_call(connection, run.id, 900, cost_usd=None, status="started")
    archive.close()
    archive = open_archive(url, create=False, read_only=True)
    with archive.reading() as connection:
        run = get_run(connection, "small")
        subject = read_subject(connection, run)
        for kind in KINDS:
            assert isinstance(picture(kind, "svg", connection, subject), bytes), kind
        report = gather(connection, run, "")
        assert "Models cost 0.2500 USD, and at most 4.0000 USD" in markdown(report)
        follower = Follower("small")
        seen = follower.look(connection)
        assert (seen.cost_usd, seen.calls_in_flight, seen.evaluations, seen.over) == (0.25, 1, 30, True)
        assert msgspec.structs.replace(follower.look(connection), rate=None) == msgspec.structs.replace(
            seen, rate=None
        )
    archive.close()
