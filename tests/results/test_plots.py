"""Pictures, by what is drawn in them."""

import itertools
import sys
from collections.abc import Mapping

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Text
from sqlalchemy import Connection, update
from sqlalchemy import text as sql

from evolve.archive.engine import Archive
from evolve.archive.evaluations import load_evaluation
from evolve.archive.models import Evaluation, Proposal, StrategyState
from evolve.archive.records import RunRecord
from evolve.archive.runs import get_run
from evolve.errors import UserError
from evolve.problem import Split
from evolve.search.packing import unpack_members
from results.fronts import read_reached
from results.pictures import FORMATS, KINDS, check_drawable, picture
from results.plots.anytime import anytime_figure
from results.plots.kinds import FIGURES, draw
from results.plots.style import LOOKS, spread, styled
from results.subject import Subject, read_subject
from results.timeline import improvements
from tests.results.llm_rows import add_call


@pytest.fixture
def subject(connection: Connection, run: RunRecord) -> Subject:
    return read_subject(connection, run)


def drawn(kind: str, connection: Connection, subject: Subject) -> Figure:
    figure = draw(kind, connection, subject)
    assert isinstance(figure, Figure), figure
    return figure


def lines_of(axes: Axes) -> Mapping[str, Line2D]:
    return {str(line.get_label()): line for line in axes.get_lines()}


def points(line: Line2D) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in zip(line.get_xdata(), line.get_ydata(), strict=True)]  # type: ignore[arg-type]  # of numbers


def written_in(figure: Figure) -> list[Text]:
    return [one for one in figure.findobj(Text) if isinstance(one, Text) and one.get_text().strip()]


def texts(figure: Figure) -> list[str]:
    return [one.get_text() for one in written_in(figure)]


@pytest.mark.parametrize("kind", ["anytime", "instances", "niches", "lineage"])
def test_every_axis_has_a_label_and_every_picture_a_title(
    kind: str, connection: Connection, subject: Subject
) -> None:
    figure = drawn(kind, connection, subject)
    assert figure.get_suptitle()
    axes = [one for one in figure.axes if one.get_lines()]
    assert axes
    assert all(one.get_xlabel() for one in axes)
    assert axes[0].get_ylabel()


def test_the_anytime_curve_steps_at_improvements(connection: Connection, subject: Subject) -> None:
    figure = drawn("anytime", connection, subject)
    found = improvements(subject.moments)
    by_evaluations, by_time = figure.axes
    curve = points(lines_of(by_evaluations)["best program"])
    assert curve[:-1] == [(float(one.moment.evaluations), one.score) for one in found]
    assert curve[-1] == (50.0, found[-1].score)
    times = points(lines_of(by_time)["best program"])
    assert times[:-1] == [(one.moment.seconds, one.score) for one in found]
    assert by_evaluations.get_xlabel() == "evaluated programs"
    assert by_time.get_xlabel() == "wall time (s)"
    assert lines_of(by_evaluations)["best program"].get_drawstyle() == "steps-post"


def test_baselines_and_bound_are_lines_or_named_below(connection: Connection, subject: Subject) -> None:
    yardstick = subject.yardstick
    assert yardstick is not None
    everything = {f"{name} {score:.4f}": score for name, score in yardstick.baselines.items()}
    everything[f"bound {yardstick.bound:.4f}"] = yardstick.bound or 0.0
    figure = drawn("anytime", connection, subject)
    for axes in figure.axes:
        lines = lines_of(axes)
        shown = {name for name in everything if name in lines}
        assert "line 1.0000" in shown
        for name in shown:
            assert list(lines[name].get_ydata()) == [everything[name]] * 2  # type: ignore[arg-type]  # of numbers
        hidden = set(everything) - shown
        below = [text for text in texts(figure) if text.startswith("off the chart")]
        assert bool(below) == bool(hidden)
        assert all(name in below[0] for name in hidden)


def test_a_bound_that_is_near_is_a_line(subject: Subject) -> None:
    assert subject.yardstick is not None
    best = improvements(subject.moments)[-1].score
    near = msgspec.structs.replace(subject.yardstick, bound=best * 1.01)
    figure = anytime_figure(msgspec.structs.replace(subject, yardstick=near))
    assert isinstance(figure, Figure)
    assert f"bound {best * 1.01:.4f}" in lines_of(figure.axes[0])


def test_with_models_there_is_an_axis_of_dollars(changeable: Archive) -> None:
    with changeable.writing() as connection:
        run = get_run(connection, "small")
        connection.execute(update(Evaluation).values(cpu_seconds=0.125))
        add_call(connection, run.id, 0, cost_usd=0.5)
        add_call(connection, run.id, 20, cost_usd=0.25, operator="rewrite", model="openai/other")
    with changeable.reading() as connection:
        subject = read_subject(connection, run)
        anytime = drawn("anytime", connection, subject)
        spending = drawn("spending", connection, subject)
    assert anytime.axes[2].get_xlabel() == "spent on models (USD)"
    assert points(lines_of(anytime.axes[2])["best program"])[-1][0] == 0.75
    by_model, by_operator, cpu = spending.axes
    assert all(axes.get_xlabel() == "wall time (s)" for axes in spending.axes)
    assert by_model.get_ylabel() == "known cost (USD)"
    model = lines_of(by_model)["openai/gpt-test: 0.5 USD"]
    assert [y for _, y in points(model)] == [0.5] * len(subject.moments)
    operator = lines_of(by_operator)["rewrite: 0.25 USD"]
    place = next(place for place, one in enumerate(subject.moments) if one.number == 20)
    values = [y for _, y in points(operator)]
    assert values == [0.0] * place + [0.25] * (len(values) - place)
    assert cpu.get_ylabel() == "CPU time (s)"
    total = len([one for one in subject.moments if one.operator == "constants" and one.score is not None]) / 8
    assert points(lines_of(cpu)[f"constants: {total:.3g} s"])[-1][1] == total


def test_instances_are_ordered_by_how_much_better_the_champion_is(
    connection: Connection, subject: Subject
) -> None:
    figure = drawn("instances", connection, subject)
    axes = figure.axes[0]
    assert subject.leader is not None
    ours = load_evaluation(connection, subject.leader.id, "test")
    theirs = subject.baselines[Split.TEST]["line"]
    assert ours is not None
    better = {name: 100.0 * (ours.scores[name] / theirs.scores[name] - 1.0) for name in ours.scores}
    names = sorted(better, key=lambda name: better[name])
    assert [label.get_text() for label in axes.get_yticklabels()] == names
    marks = [
        point
        for label, line in lines_of(axes).items()
        if label.startswith(("better on", "worse on", "the same on"))
        for point in points(line)
    ]
    marks.sort(key=lambda point: point[1])
    assert [place for _, place in marks] == list(range(len(names)))
    assert [per_cent for per_cent, _ in marks] == pytest.approx([better[name] for name in names])
    assert "on test" in figure.get_suptitle()
    assert "per cent" in axes.get_xlabel()


def test_niches_show_every_member_where_its_score_is(connection: Connection, subject: Subject) -> None:
    figure = drawn("niches", connection, subject)
    state = connection.execute(
        sql("SELECT state FROM strategy_state WHERE run_id = :run"), {"run": subject.run.id}
    ).scalar_one()
    islands = [unpack_members(packed) for packed in msgspec.json.decode(state)["strategy"]["islands"]]
    axes = figure.axes[0]
    made = [
        point
        for label, line in lines_of(axes).items()
        if label.startswith("made by")
        for point in points(line)
    ]
    for row, members in enumerate(islands):
        scores = sorted(x for x, y in made if round(y) == row)
        assert scores == sorted(member.score for member in members)
    labels = [label.get_text() for label in axes.get_yticklabels()]
    assert labels == [f"island {row} ({len(members)})" for row, members in enumerate(islands)]
    assert subject.leader is not None
    homes = sum(member.program == subject.leader.hash for members in islands for member in members)
    crowned = lines_of(axes).get("champion")
    assert (0 if crowned is None else len(points(crowned))) == homes


def test_a_lineage_has_a_row_for_each_step_with_score_and_operator(
    connection: Connection, subject: Subject
) -> None:
    figure = drawn("lineage", connection, subject)
    left, right = figure.axes
    names = [label.get_text() for label in left.get_yticklabels()]
    assert names[0].startswith("#0 seed  ")
    assert subject.leader is not None
    assert names[-1] == f"#{subject.leader.number} {subject.leader.operator}  {subject.leader.train:.4f}"
    path = points(lines_of(left)["program, below the one that it descends from"])
    assert [y for _, y in path] == list(range(len(names)))
    assert path[-1][0] == subject.leader.train
    assert "return" in right.get_yticklabels()[-1].get_text()
    assert left.get_ylim() == right.get_ylim()


def test_a_lineage_shows_further_parents_and_ideas(changeable: Archive) -> None:
    with changeable.writing() as connection:
        run = get_run(connection, "small")
        subject = read_subject(connection, run)
        assert subject.leader is not None
        others = [one.program for one in subject.moments if one.program and one.score is not None]
        mate = next(one for one in others if one not in (subject.leader.hash, *subject.leader.parents))
        connection.execute(
            update(Proposal)
            .where(Proposal.program_id == subject.leader.id)
            .values(parents=[*subject.leader.parents, mate], idea="costs $1 and\nearns $2")
        )
    with changeable.reading() as connection:
        figure = drawn("lineage", connection, read_subject(connection, run))
    left, right = figure.axes
    assert right.get_yticklabels()[-1].get_text() == "costs $1 and earns $2"
    score = next(one.score for one in subject.moments if one.program == mate)
    rows = len(left.get_yticklabels())
    assert points(lines_of(left)["further parent"]) == [(score, rows - 1.5)]


def test_a_pareto_picture_has_all_programs_the_front_and_the_baselines(connection: Connection) -> None:
    subject = read_subject(connection, get_run(connection, "double"))
    assert subject.problem is not None
    figure = drawn("pareto", connection, subject)
    axes = figure.axes[0]
    lines = lines_of(axes)
    reached = read_reached(connection, subject.run.id, subject.problem.problem.objectives)
    assert points(lines["programs of the run"]) == [one.values for one in reached]
    front = points(lines["front of the run"])
    assert set(front) <= {one.values for one in reached}
    assert {"line", "zero", "champion"} <= set(lines)
    assert axes.get_xlabel() == "distance (1), lower is better"
    assert axes.get_ylabel() == "answer (km), higher is better"


def test_what_cannot_be_drawn_is_said(connection: Connection, subject: Subject, changeable: Archive) -> None:
    assert draw("pareto", connection, subject) == "curve has one objective"
    gone = msgspec.structs.replace(subject, problem=None)
    assert "cannot be loaded" in str(draw("pareto", connection, gone))
    empty = msgspec.structs.replace(subject, moments=[], leader=None)
    for kind, reason in {
        "anytime": "no program has a score yet",
        "instances": "no program has a score yet",
        "lineage": "no program has a score yet",
    }.items():
        assert draw(kind, connection, empty) == reason
    assert draw("spending", connection, empty) == "nothing has been committed yet"
    assert draw("spending", connection, subject) == "neither CPU time nor money was spent"
    with changeable.writing() as writing:
        writing.execute(update(StrategyState).values(state={"strategy": {"best": 1.0}}))
        assert draw("niches", writing, subject) == "the strategy islands keeps no populations"


@pytest.mark.parametrize("format_", FORMATS)
def test_the_same_archive_gives_the_same_bytes(format_: str, connection: Connection, run: RunRecord) -> None:
    first, second = (
        [picture(kind, format_, connection, read_subject(connection, run)) for kind in KINDS]
        for _ in range(2)
    )
    assert first == second
    start = {"png": b"\x89PNG", "svg": b"<?xml"}[format_]
    assert [isinstance(one, bytes) and one.startswith(start) for one in first] == [
        kind not in ("pareto", "spending") for kind in KINDS
    ]


def test_nothing_overlaps_what_is_written_in_a_picture(connection: Connection, subject: Subject) -> None:
    for kind in KINDS:
        figure = draw(kind, connection, subject)
        if not isinstance(figure, Figure):
            continue
        with styled():
            figure.draw_without_rendering()
        seen = [one for one in written_in(figure) if one.get_visible() and _is_shown(figure, one)]
        boxes = [(one.get_text(), one.get_window_extent()) for one in seen]
        frame = figure.bbox
        for (name, box), (other, beside) in itertools.combinations(boxes, 2):
            assert not box.padded(-1.5).overlaps(beside.padded(-1.5)), (kind, name, other)
        for name, box in boxes:
            assert frame.x0 - 1 <= box.x0, (kind, name)
            assert box.x1 <= frame.x1 + 1, (kind, name)


def _is_shown(figure: Figure, one: Text) -> bool:
    """Not one of the labels that ticks keep for places outside of their axis."""
    for axis in (axis for axes in figure.axes for axis in (axes.xaxis, axes.yaxis)):
        if one in axis.findobj(Text) and one not in (axis.label, axis.get_offset_text()):
            low, high = sorted(axis.get_view_interval())
            ticks = [tick for tick in axis.get_major_ticks() if one in (tick.label1, tick.label2)]
            return any(low <= tick.get_loc() <= high for tick in ticks)
    return True


def test_series_can_be_told_apart_without_colour() -> None:
    assert len({(str(one.dashes), one.marker) for one in LOOKS}) == len(LOOKS)
    assert len({str(one.dashes) for one in LOOKS}) == len(LOOKS)
    assert len({one.marker for one in LOOKS}) == len(LOOKS)


@given(
    st.lists(st.floats(-10, 10), min_size=1, max_size=20),
    st.floats(0.01, 3.0),
)
def test_labels_keep_apart_and_in_order(wanted: list[float], gap: float) -> None:
    places = spread(wanted, gap, -12.0, 12.0)
    real = min(gap, 24.0 / len(wanted))
    order = sorted(range(len(wanted)), key=lambda index: (wanted[index], index))
    for before, after in itertools.pairwise(order):
        assert places[after] - places[before] >= real - 1e-9
    assert all(-12.0 + real / 2 - 1e-9 <= place <= 12.0 - real / 2 + 1e-9 for place in places)
    if len(wanted) == 1:
        assert abs(places[0] - min(max(wanted[0], -12 + real / 2), 12 - real / 2)) < 1e-9


def test_labels_that_do_not_meet_stay_where_they_are() -> None:
    assert spread([3.0, 1.0, 8.0], 1.0, 0.0, 10.0) == [3.0, 1.0, 8.0]
    assert spread([], 1.0, 0.0, 1.0) == []


def test_without_matplotlib_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(UserError, match=r"evolve-adrs\[plot\]"):
        check_drawable()


def test_every_kind_is_described() -> None:
    assert list(FIGURES) == list(KINDS)
