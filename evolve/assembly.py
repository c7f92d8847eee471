"""Puts a controller together from settings: plug-ins found by name, and everything that they work with."""

from collections.abc import Mapping
from typing import Any

import msgspec

from evolve.archive.history import History
from evolve.archive.journal import Journal
from evolve.config import Course, Settings, all_models
from evolve.controller import Context, Controller, Outside
from evolve.errors import UserError
from evolve.judging import Judge
from evolve.loading import LoadedProblem
from evolve.observer import Observer
from evolve.operators.base import Brief, InstanceBrief, Operator, ParentProgram, Role
from evolve.problem import Split
from evolve.program import Program
from evolve.prompting.templates import Templates, read_templates
from evolve.proposing import EXTERNAL_OPERATOR, Models, Proposer
from evolve.registry import OPERATOR, STRATEGY, find, names
from evolve.search.arms import Plan, PlannedOperator
from evolve.search.base import Place, Setup, Strategy
from evolve.search.steering import Steering
from evolve.shelf import Shelf, as_parent
from prompts.render import render_brief


class Assembly(msgspec.Struct, frozen=True):
    """What a run works with once its problem is prepared on train."""

    controller: Controller
    proposer: Proposer


def assemble(
    *,
    loaded: LoadedProblem,
    settings: Settings,
    journal: Journal,
    history: History,
    judge: Judge,
    observer: Observer,
    models: Models | None = None,
    outside: Outside | None = None,
    external: Operator | None = None,
    operators: Mapping[str, Operator] | None = None,
    last: int | None = None,
) -> Assembly:
    """A controller that goes on where the archive stands.

    `external` is the operator that hands over what was told from outside; `operators` stand in for those
    found by name.
    """
    course = settings.course
    found = dict(operators) if operators is not None else operators_of(course)
    baselines = baselines_of(loaded, judge)
    progress = history.progress()
    shelf = Shelf(history, baselines)
    hashes = dict(progress.hashes)
    working = {**found, EXTERNAL_OPERATOR: external} if external is not None else found
    proposer = Proposer(
        seed=course.seed,
        seed_program=loaded.seed,
        operators=working,
        brief=brief_of(loaded, judge),
        templates=Templates(course.prompts, read_templates(loaded.folder / "prompts")),
        models=models,
        history=history,
        shelf=shelf,
        maker=hashes.get,
    )
    context = Context(
        journal=journal,
        history=history,
        judge=judge,
        steering=steering_of(course, found, setup_of(baselines), progress.state),
        proposer=proposer,
        shelf=shelf,
        hashes=hashes,
        course=course,
        budget=settings.budget,
        observer=observer,
        spending=None if models is None else lambda: models.spending,
        unraced=frozenset(name for name, one in found.items() if one.role is Role.DIRECTION),
        outside=outside,
        last=last,
    )
    return Assembly(Controller(context), proposer)


def operators_of(course: Course) -> dict[str, Operator]:
    """The operators of a course by name, those included that a model makes possible.

    Raises:
        UserError: One does not exist, or needs a model where none is configured.
    """
    found: dict[str, Operator] = {name: find(OPERATOR, name) for name in course.operators}
    has_models = bool(all_models(course))
    if EXTERNAL_OPERATOR in found and len(found) > 1:
        raise UserError(
            f"operator '{EXTERNAL_OPERATOR}' has no weight: every run takes programs from outside; name it"
            " alone for a run that makes none itself"
        )
    for name, operator in found.items():
        if operator.role is Role.REPAIR and not course.repair:
            raise UserError(f"the operator '{name}' has nothing to do, since the setting 'repair' is false")
        if operator.needs_model and not has_models:
            raise UserError(f"the operator '{name}' needs a model; give one with --model PROVIDER/NAME")
    if has_models:
        for name in names(OPERATOR):
            operator = find(OPERATOR, name)
            if operator.needs_model and _is_wanted(operator.role, course):
                found.setdefault(name, operator)
    return found


def _is_wanted(role: Role, course: Course) -> bool:
    """Whether a course has occasions for a role that no weight is given to."""
    return {
        Role.REPAIR: course.repair,
        Role.DIRECTION: course.direction_after > 0,
        Role.REFLECTION: course.reflect_every > 0,
    }.get(role, False)


def steering_of(
    course: Course,
    operators: Mapping[str, Operator],
    setup: Setup,
    state: Mapping[str, Any] | None,
) -> Steering:
    """What chooses parents, operators and models, as it stood after the last commit."""
    plan = Plan(
        operators=tuple(
            PlannedOperator(
                name=name,
                role=operator.role,
                needs_model=operator.needs_model,
                weight=course.operators.get(name, 1.0),
            )
            for name, operator in sorted(operators.items())
            if operator.role is not Role.EXTERNAL
        ),
        models={name: model.weight for name, model in course.models.items()},
        strong_model=course.strong_model,
        choice=course.choice,
        direction_after=course.direction_after,
        reflect_every=course.reflect_every,
    )
    kind: type[Strategy] = find(STRATEGY, course.strategy)
    return Steering.start(kind, setup, plan) if state is None else Steering.restore(kind, setup, plan, state)


def setup_of(baselines: Mapping[str, ParentProgram]) -> Setup:
    """What a strategy is told of the baselines; of equals the first is the best."""
    places = [Place(one.id, one.score) for one in baselines.values() if one.score is not None]
    return Setup(tuple(baselines), max(places, key=lambda place: place.score, default=None))


def brief_of(loaded: LoadedProblem, judge: Judge) -> Brief:
    """What operators may know of a problem that is prepared on train."""
    problem = loaded.problem
    reference = judge.reference(Split.TRAIN)
    return Brief(
        problem=problem.name,
        statement=render_brief(problem, loaded.statement),
        entry_point=problem.entry_point,
        features=problem.features,
        objective=problem.objective,
        reference=reference.baseline,
        bound_name=problem.bound_name,
        instances=tuple(
            InstanceBrief(instance.name, reference.values[instance.name], problem.bound(instance))
            for instance in loaded.instances(Split.TRAIN)
        ),
    )


def baselines_of(loaded: LoadedProblem, judge: Judge) -> dict[str, ParentProgram]:
    """The baselines that are valid on train, as operators see them, by hash."""
    found = {}
    for name, evaluation in judge.baselines(Split.TRAIN).items():
        if evaluation.score is not None:
            program = Program.parse(loaded.baselines[name])
            found[program.id] = as_parent(program.id, program.source, evaluation, baseline=name)
    return found
