"""A run as it stands in the archive, for those who look at it without working on it."""

import msgspec

from evolve.archive.engine import Archive
from evolve.archive.history import History
from evolve.archive.records import Progress, RunRecord, Selected
from evolve.assembly import baselines_of, brief_of, operators_of, setup_of, steering_of
from evolve.background import RunBackground
from evolve.config import Course, make_settings
from evolve.errors import UserError
from evolve.judging import Judge, reference_run
from evolve.llm.base import Model
from evolve.loading import LoadedProblem, ProblemReference, load_problem
from evolve.operators.base import Brief, Request
from evolve.problem import Split
from evolve.prompting.templates import Templates, read_templates
from evolve.randomness import stream
from evolve.recorded import RecordedExecutor
from evolve.search.base import Setup
from evolve.search.steering import Steering
from evolve.shelf import Shelf


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """What can be known of a run without doing anything."""

    archive: Archive
    run: RunRecord
    loaded: LoadedProblem
    course: Course
    history: History
    progress: Progress
    shelf: Shelf
    brief: Brief
    setup: Setup
    """What its strategy was told of the baselines."""

    def steering(self) -> Steering:
        """What chooses parents, operators and models, as it stood after the last commit."""
        return steering_of(self.course, operators_of(self.course), self.setup, self.progress.state)

    def request(self, selected: Selected, model: Model | None) -> Request:
        """What the operator of a proposal is given."""
        return Request(
            number=selected.number,
            parents=tuple(self.shelf.program(one) for one in selected.parents),
            inspirations=tuple(self.shelf.program(one) for one in selected.inspirations),
            brief=self.brief,
            random=stream(self.course.seed, "propose/0", selected.number),
            model=model,
            background=RunBackground(self.history, self.shelf, selected.seen),
            templates=Templates(self.course.prompts, read_templates(self.loaded.folder / "prompts")),
        )


async def standing_of(archive: Archive, run: RunRecord) -> Standing:
    """A run as it stands. Nothing is evaluated: the baselines were when it began.

    Raises:
        UserError: The run has committed nothing yet, or its problem is another one now.
    """
    loaded = load_recorded_problem(run)
    history = History(archive, run.id)
    progress = history.progress()
    if progress.committed < 0:
        raise UserError(
            f"'{run.name}' has committed nothing yet, so there is nothing to start from; begin it with"
            " `evolve run` or `evolve resume`"
        )
    judge = Judge(archive, loaded, RecordedExecutor(archive, loaded, run), reference_run(archive, loaded))
    await judge.prepare(Split.TRAIN)
    baselines = baselines_of(loaded, judge)
    return Standing(
        archive=archive,
        run=run,
        loaded=loaded,
        course=make_settings(run.settings["course"]).course,
        history=history,
        progress=progress,
        shelf=Shelf(history, baselines),
        brief=brief_of(loaded, judge),
        setup=setup_of(baselines),
    )


def load_recorded_problem(run: RunRecord) -> LoadedProblem:
    """The problem of a run.

    Raises:
        UserError: It is not the one that the run was scored by.
    """
    loaded = load_problem(msgspec.convert(run.problem_reference, ProblemReference))
    if loaded.version != run.problem_version:
        raise UserError(
            f"'{run.name}' was scored by version {run.problem_version} of {run.problem}, and here is"
            f" {loaded.version}; use the evolve and the problem that made it"
        )
    return loaded
