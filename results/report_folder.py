"""A report as one folder: the text, its pictures, the champion's source and what repeats the run."""

from collections.abc import Iterator

from sqlalchemy import Connection

from results.pictures import KINDS, picture
from results.report import CHAMPION_FILE, SETTINGS_FILE, Report
from results.report_markdown import markdown
from results.subject import read_subject

REPORT_FILE = "report.md"
DIFF_FILE = "champion.diff"


def report_files(connection: Connection, report: Report) -> Iterator[tuple[str, bytes]]:
    """The files of a report by name; the text, which names the pictures that there are, is the last."""
    subject = read_subject(connection, report.run)
    pictures: dict[str, str] = {}
    for kind in KINDS:
        drawn = picture(kind, "png", connection, subject)
        if isinstance(drawn, bytes):
            pictures[kind] = f"{kind}.png"
            yield pictures[kind], drawn
    if report.champion is not None:
        yield CHAMPION_FILE, report.champion.source.encode()
        if report.champion.diff:
            yield DIFF_FILE, report.champion.diff.encode()
    yield SETTINGS_FILE, f"{report.settings}\n".encode()
    yield REPORT_FILE, markdown(report, pictures).encode()
