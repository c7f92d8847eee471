"""The champion beside the best baseline, instance by instance."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from sqlalchemy import Connection

from evolve.archive.evaluations import load_evaluation
from evolve.archive.records import ScoredEvaluation
from evolve.problem import Split, Status
from results.plots.style import OURS, THEIRS, new_figure, shortened
from results.statistics import paired_difference
from results.subject import Subject, yardstick_of
from results.verdict import better_or_worse, interval_in_words

MOST_NAMED = 100
"""With more instances than this, only the worst and the best are named."""
_PITCH = 0.115
"""Inches from one named instance to the next."""


def instances_figure(connection: Connection, subject: Subject) -> Figure | str:
    """The picture, or why there is none: on test or, if the program was not evaluated there, on train."""
    leader = subject.leader
    if leader is None:
        return "no program has a score yet"
    for split in (Split.TEST, Split.VALIDATION, Split.TRAIN):
        ours = load_evaluation(connection, leader.id, split.value)
        yardstick = yardstick_of(subject.baselines.get(split, {}), {}, None)
        if ours is not None and ours.status is Status.OK and yardstick is not None:
            theirs = subject.baselines[split][yardstick.reference]
            return _drawn(subject, ours, theirs, yardstick.reference)
    return "no split has a score of a baseline and of the program"


def _drawn(subject: Subject, ours: ScoredEvaluation, theirs: ScoredEvaluation, reference: str) -> Figure:
    ratios = sorted(
        ((ours.scores[name] / theirs.scores[name], name) for name in ours.scores if name in theirs.scores),
    )
    named = len(ratios) <= MOST_NAMED
    height = 1.7 + (max(_PITCH * len(ratios), min(0.19 * len(ratios), 5.0)) if named else 7.0)
    assert subject.leader is not None
    title = f"{subject.leader_title.capitalize()} {subject.leader.label} beside {reference}"
    figure = new_figure(7.2, max(2.6, height), f"{title}, on {ours.split}")
    axes = figure.subplots()
    places = list(range(len(ratios)))
    per_cent = [100.0 * (ratio - 1.0) for ratio, _ in ratios]
    axes.hlines(places, 0.0, per_cent, color=THEIRS, linewidth=1.0)
    better = [place for place in places if per_cent[place] > 0.0]
    worse = [place for place in places if per_cent[place] < 0.0]
    same = [place for place in places if per_cent[place] == 0.0]
    for some, marker, face, label in (
        (better, "o", OURS, "better"),
        (worse, "s", "white", "worse"),
        (same, "D", "0.6", "the same"),
    ):
        if some:
            axes.plot(
                [per_cent[place] for place in some],
                some,
                linestyle="none",
                marker=marker,
                markersize=5 if named and len(ratios) <= 30 else 3.5,
                markerfacecolor=face,
                markeredgecolor=OURS,
                label=f"{label} on {len(some)}",
            )
    axes.axvline(0.0, color="black", linewidth=1.0)
    _draw_mean(axes, ours, theirs)
    axes.set_xlabel(f"how much better than {reference} (per cent of its score)")
    axes.set_ylim(-0.8, len(ratios) - 0.2)
    if named:
        axes.set_yticks(
            places, [shortened(name, 40) for _, name in ratios], fontsize=7 if len(ratios) <= 30 else 6
        )
        axes.set_ylabel("instance")
    else:
        ends = [places[0], places[-1]]
        axes.set_yticks(ends, [shortened(ratios[place][1], 40) for place in ends], fontsize=7)
        axes.set_ylabel(f"{len(ratios)} instances, from worst to best")
    axes.grid(axis="y", visible=False)
    figure.legend(loc="outside lower left", ncols=4, fontsize=8)
    return figure


def _draw_mean(axes: Axes, ours: ScoredEvaluation, theirs: ScoredEvaluation) -> None:
    """The mean with its interval, as a band behind the instances."""
    difference = paired_difference(ours.scores, theirs.scores)
    mean = 100.0 * (difference.ratio - 1.0)
    axes.axvline(mean, color=OURS, linewidth=1.4, linestyle=(0, (4, 2)), label="geometric mean")
    text = f"all together {better_or_worse(difference.ratio)}"
    if difference.interval is not None:
        low, high = (100.0 * (end - 1.0) for end in (difference.interval.low, difference.interval.high))
        axes.axvspan(low, high, color="0.88", zorder=0, label=f"its {difference.level:g} % interval")
        text += f" ({difference.level:g} % interval {interval_in_words(difference.interval)})"
    axes.set_title(f"{text}; won {difference.won}, lost {difference.lost}, tied {difference.tied}")
