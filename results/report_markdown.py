"""Writes a report as Markdown."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from evolve.problem import Split
from results.comparison import comparison_rows
from results.report import SETTINGS_FILE, ChampionReport, Report


def markdown(report: Report) -> str:
    """The whole report, ending with a line break."""
    parts = [
        f"# Run {report.run.name}",
        "## Verdict",
        _verdict(report),
        "## The run",
        _facts(report),
        "## Scores",
        _scores(report),
        *(_champion(report.champion) if report.champion is not None else _leader(report)),
        "## Proposals",
        _proposals(report),
        "## Settings",
        _fenced(report.settings, "toml"),
        "## How to repeat it",
        f"With the settings above in a file `{SETTINGS_FILE}`:",
        _fenced("\n".join(report.commands), "sh"),
    ]
    if report.notes:
        parts += ["## Notes", "\n".join(f"- {note[:1].upper()}{note[1:]}." for note in report.notes)]
    return "\n\n".join(parts) + "\n"


def _verdict(report: Report) -> str:
    if report.test is not None:
        return report.test.sentence
    if report.champion is not None:
        return "No baseline is valid on test, so there is nothing to set beside the champion."
    if report.run.status == "finished" and report.leader is None:
        return "There is no champion: no program earned a score."
    return (
        f"There is no champion yet: it is chosen when the run ends, and this one is {report.run.status}."
        f" Go on with `evolve resume {report.run.name}`."
    )


def _facts(report: Report) -> str:
    run = report.run
    reason = f", {run.reason.replace('_', ' ')}" if run.reason and run.reason != run.status else ""
    total = sum(row["proposals"] for row in report.proposals)
    levels = ", ".join(f"{level} ({count} evaluations)" for level, count in report.isolation.items())
    rows = {
        "problem": f"{run.problem}, version {run.problem_version}",
        "status": f"{run.status}{reason}",
        "seed": str(run.seed),
        "proposals": f"{total}, of which {report.evaluations} were evaluated",
        "isolation": levels or "nothing was evaluated yet",
        "wall time": f"{run.seconds:.1f} s",
        "started": run.created_at.isoformat(sep=" ", timespec="seconds"),
        "digest": f"`{report.digest}`",
    }
    return "\n".join(f"- {name}: {value}" for name, value in rows.items())


def _scores(report: Report) -> str:
    splits = [split for split in Split if any(split in one.scores for one in report.scores)]
    if not splits:
        return "Nothing was evaluated yet."
    rows = comparison_rows(report.scores, splits)
    explanation = (
        "Geometric mean of the ratio to the best baseline of the split, which is 1; higher is better."
    )
    if any(key.startswith("gap_") for key in rows[0]):
        explanation += " Gaps, to the bound, are means over the split's instances."
    return f"{explanation}\n\n{_table(rows, list(rows[0]))}"


def _champion(champion: ChampionReport) -> list[str]:
    parents = f", from {', '.join(one[:12] for one in champion.parents)}" if champion.parents else ""
    origin = (
        f"Program `{champion.program}`: proposal {champion.proposal}, made by '{champion.operator}'{parents}."
    )
    change = [_fenced(champion.diff, "diff")] if champion.diff else ["It is the seed program."]
    return [
        "## The champion",
        origin,
        _fenced(champion.source, "python"),
        "### What it changed in the seed",
        *change,
    ]


def _leader(report: Report) -> list[str]:
    leader = report.leader
    if leader is None:
        return []
    score = f"{leader.train:.4f}" if leader.train is not None else "none"
    return [
        "## The best program so far",
        f"Program `{leader.hash}`: proposal {leader.number}, made by '{leader.operator}'. Its score on train,"
        f" on which it was selected, is {score}.",
        _fenced(leader.source, "python"),
    ]


def _proposals(report: Report) -> str:
    if not report.proposals:
        return "None was committed yet."
    statuses = sorted({key for row in report.proposals for key in row} - {"operator", "proposals"})
    return _table(report.proposals, ["operator", "proposals", *statuses], empty="0")


def _table(rows: Sequence[Mapping[str, Any]], columns: Sequence[str], empty: str = "") -> str:
    numeric = [
        any(isinstance(row.get(name), int | float) or name.startswith("gap_") for row in rows)
        for name in columns
    ]
    lines = [
        [name.replace("_", " ") for name in columns],
        ["---:" if right else "---" for right in numeric],
        *([_cell(row.get(name), empty) for name in columns] for row in rows),
    ]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(value: Any, empty: str) -> str:
    if value is None:
        return empty
    text = f"{value:.4f}" if isinstance(value, float) else str(value)
    return text.replace("|", "\\|")


def _fenced(text: str, language: str) -> str:
    """A block of code, in a fence longer than any in it."""
    longest = max((len(found) for found in re.findall(r"`{3,}", text)), default=2)
    fence = "`" * (longest + 1)
    return f"{fence}{language}\n{text.rstrip()}\n{fence}"
