"""Writes a report as Markdown."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from evolve.archive.software import SoftwareRecord
from evolve.problem import Split
from results.comparison import comparison_rows
from results.lineage import Step, telling_steps
from results.pictures import KINDS
from results.report import SETTINGS_FILE, ChampionReport, Report, Rival
from results.spending import Spent
from results.statistics import Difference
from results.verdict import better_or_worse, interval_in_words


def markdown(report: Report, pictures: Mapping[str, str] | None = None) -> str:
    """The whole report, ending with a line break; `pictures` are files beside it, by their kind."""
    drawn = {kind: _picture(kind, file) for kind, file in (pictures or {}).items()}

    def seen(*kinds: str) -> list[str]:
        return [drawn[kind] for kind in kinds if kind in drawn]

    parts = [
        f"# Run {report.run.name}",
        "## Verdict",
        _verdict(report),
        *seen("anytime"),
        "## The run",
        _facts(report),
        "## Scores",
        _scores(report),
        *seen("pareto"),
        *_rivals(report.rivals),
        *seen("instances"),
        *(_champion(report.champion) if report.champion is not None else _leader(report)),
        *_lineage(report),
        *seen("lineage"),
        *_reflections(report.reflections),
        "## Proposals",
        _proposals(report),
        *seen("niches"),
        *_spending(report.spending),
        *seen("spending"),
        "## Settings",
        _fenced(report.settings, "toml"),
        "## How to repeat it",
        f"With the settings above in a file `{SETTINGS_FILE}`:"
        if pictures is None
        else f"From the folder in which this report was made; `{SETTINGS_FILE}` has the settings above:",
        _fenced("\n".join(report.commands), "sh"),
        "## Versions",
        _versions(report),
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


def _rivals(rivals: Sequence[Rival]) -> list[str]:
    if not rivals:
        return []
    rows = [{"baseline": rival.baseline} | _told(rival.difference) for rival in rivals]
    return [
        "### The champion beside each baseline, on test",
        _table(rows, ["baseline", "the champion is", "interval", "won", "lost", "tied", "sign test p"]),
    ]


def _told(difference: Difference | None) -> dict[str, Any]:
    if difference is None:
        return {"the champion is": "not comparable: one of the two is not valid there"}
    interval = difference.interval
    return {
        "the champion is": better_or_worse(difference.ratio),
        "interval": None if interval is None else f"{interval_in_words(interval)} ({difference.level:g} %)",
        "won": difference.won,
        "lost": difference.lost,
        "tied": difference.tied,
        "sign test p": f"{difference.p_value:.2g}",
    }


def _lineage(report: Report) -> list[str]:
    if not report.lineage:
        return []
    rows = [
        {"what it changed": f"… {step} steps that raised the score less"}
        if isinstance(step, int)
        else _step(step)
        for step in telling_steps(report.lineage)
    ]
    columns = [name for name in rows[0] if any(row.get(name) is not None for row in rows)]
    return ["### How it came about", "Each program was made from the one above it.", _table(rows, columns)]


def _step(step: Step) -> dict[str, Any]:
    program = step.program
    return {
        "proposal": program.number,
        "program": f"`{program.hash[:12]}`",
        "operator": program.operator or f"baseline {program.baseline}",
        "model": program.model,
        "train": program.train,
        "what it changed": _code(step.change),
        "idea": None if program.idea is None else " ".join(program.idea.split()),
        "also from": ", ".join(f"`{other.label}`" for other in step.others) or None,
    }


def _reflections(notes: Sequence[str]) -> list[str]:
    if not notes:
        return []
    quoted = [_fenced(note, "text") for note in notes]
    return ["## What the models noted", "The latest notes on what works, as models wrote them:", *quoted]


def _spending(spending: Sequence[Spent]) -> list[str]:
    if not spending:
        return []
    rows = [
        {
            "operator": one.operator,
            "model": one.model,
            "proposals": one.proposals,
            "evaluated": one.evaluated,
            "accepted": one.accepted,
            "best train": one.best,
            "CPU s on train": round(one.cpu_seconds, 2),
        }
        | (_paid(one) if any(other.calls for other in spending) else {})
        for one in spending
    ]
    return ["## Spending", _table(rows, list(rows[0])), *_total(spending)]


def _paid(spent: Spent) -> dict[str, Any]:
    return {
        "calls": spent.calls or None,
        "tokens in": spent.tokens_in or None,
        "tokens out": spent.tokens_out or None,
        "USD": spent.cost_usd if spent.calls else None,
        "USD not known, at most": spent.at_most_beside_usd or None,
    }


def _total(spending: Sequence[Spent]) -> list[str]:
    if not any(one.calls for one in spending):
        return ["No model was asked, so nothing was paid."]
    known = sum(one.cost_usd for one in spending)
    unknown = sum(one.at_most_beside_usd for one in spending)
    beside = f", and at most {unknown:.4f} USD for calls of which nobody knows" if unknown else ""
    return [f"Models cost {known:.4f} USD{beside}."]


def _versions(report: Report) -> str:
    known = ", ".join(f"{name} {version}" for name, version in report.versions.items())
    return f"{_software(report.software)}\n\nThis report was written by {known}."


def _software(made_with: Sequence[SoftwareRecord]) -> str:
    """What the run was made with, as a sentence, or as a table where it was continued by other versions."""
    if not made_with:
        return "Nobody wrote down the versions that the run was made with."
    if len(made_with) == 1 and made_with[0].proposal == 0:
        one = made_with[0].versions
        return f"Made with evolve {one.evolve}, {one.python}, numpy {one.numpy}, on {one.platform}."
    rows = [
        {
            "from proposal": one.proposal,
            "since": one.started_at.isoformat(sep=" ", timespec="seconds"),
            **msgspec.structs.asdict(one.versions),
        }
        for one in made_with
    ]
    unknown = made_with[0].proposal
    before = f" Of those before proposal {unknown} nobody wrote them down." if unknown else ""
    return f"What the run's proposals were made with.{before}\n\n{_table(rows, list(rows[0]))}"


def _picture(kind: str, file: str) -> str:
    return f"![{KINDS[kind][:1].upper()}{KINDS[kind][1:]}]({file})"


def _code(text: str) -> str | None:
    """A piece of a program within a table; backticks in it end no code."""
    return f"`{text.replace('`', chr(39))}`" if text else None


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
