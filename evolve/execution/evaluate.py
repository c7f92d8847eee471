"""Runs one program on instances of one problem, in this process, on the trusted side of a sandbox."""

from collections.abc import Sequence
from typing import Any

import msgspec

from evolve.execution.sandbox import Sandbox
from evolve.problem import CandidateFailure, Instance, LockstepProblem, Outcome, Problem, Status
from evolve.scoring import beats


def evaluate_program(
    problem: Problem[Any], sandbox: Sandbox, source: str, instances: Sequence[Instance[Any]]
) -> list[Outcome]:
    """The outcomes of `source` on `instances`, in their order, up to and with the first failure.

    Raises:
        InfrastructureError: The sandbox failed; nothing can be said about the program.
    """
    if isinstance(problem, LockstepProblem):
        outcomes = _evaluate_together(problem, sandbox, source, instances)
    else:
        outcomes = _evaluate_each(problem, sandbox, source, instances)
    level = sandbox.report.level.value
    return [
        msgspec.structs.replace(_checked(problem, instance, outcome), isolation=level)
        for instance, outcome in outcomes
    ]


_Pairs = list[tuple[Instance[Any], Outcome]]


def _evaluate_each(
    problem: Problem[Any], sandbox: Sandbox, source: str, instances: Sequence[Instance[Any]]
) -> _Pairs:
    pairs: _Pairs = []
    for instance in instances:
        with sandbox.open(source, problem.limits) as candidate:
            try:
                outcome = problem.evaluate(instance, candidate)
            except CandidateFailure as failure:
                outcome = Outcome.failed(instance.name, failure)
            usage = candidate.close()
        pairs.append((instance, msgspec.structs.replace(outcome, cpu_seconds=usage.cpu_seconds)))
        if outcome.status is not Status.OK:
            break
    return pairs


def _evaluate_together(
    problem: LockstepProblem[Any], sandbox: Sandbox, source: str, instances: Sequence[Instance[Any]]
) -> _Pairs:
    """One candidate serves all instances, so its CPU time is shared out evenly among them."""
    with sandbox.open(source, problem.limits) as candidate:
        try:
            outcomes = problem.evaluate_together(instances, candidate)
            pairs = list(zip(instances, outcomes, strict=True))
        except CandidateFailure as failure:
            at_fault = instances[failure.row or 0]
            pairs = [(at_fault, Outcome.failed(at_fault.name, failure))]
        share = candidate.close().cpu_seconds / len(pairs)
    return [(instance, msgspec.structs.replace(outcome, cpu_seconds=share)) for instance, outcome in pairs]


def _checked(problem: Problem[Any], instance: Instance[Any], outcome: Outcome) -> Outcome:
    """Mark a value that beats its bound: either the bound or the evaluator is wrong."""
    bound = problem.bound(instance)
    if outcome.value is None or bound is None:
        return outcome
    if not beats(outcome.value, bound, problem.objective.direction):
        return outcome
    feedback = f"the value {outcome.value:g} beats the bound {bound:g}: the bound or the evaluator is wrong"
    return msgspec.structs.replace(outcome, status=Status.SUSPECT, feedback=feedback)
