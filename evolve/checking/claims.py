"""The score is the evaluator's: nothing that a program prints, spoils or claims may move it."""

import json
from collections.abc import Mapping, Sequence

from evolve.checking.bench import Bench, EvaluatorError
from evolve.checking.findings import Check, Finding
from evolve.checking.instances import Splits
from evolve.checking.payloads import contents
from evolve.checking.wrapping import CLAIM_FORMS, claiming, noisy
from evolve.problem import Direction, Outcome, Split, Status

_CLAIMED = 0.7310585786300049
"""A number that nothing real comes to."""


async def check_noise(bench: Bench, source: str, name: str, expected: Sequence[Outcome]) -> list[Finding]:
    """A program that prints scores and spoils its arguments has the value that it has without."""
    problem = bench.loaded.problem
    metrics = [objective.metric for objective in problem.objectives]
    best = 1e-9 if problem.objective.direction is Direction.MINIMISE else 1e9
    names = [one.instance for one in expected]
    try:
        timed = await bench.evaluate(noisy(source, problem.entry_point, metrics, best), Split.TRAIN, names)
    except EvaluatorError as error:
        fix = "take nothing from a program but the answers of its entry point"
        return [Finding(Check.CLAIMS, name, f"when it prints, `evaluate` raises {error}", fix)]
    for plain, loud in zip(expected, timed.outcomes, strict=False):
        if (plain.value, plain.status) != (loud.value, loud.status):
            what = (
                f"where it prints figures and spoils its arguments, {plain.instance} is"
                f" {loud.status.value} with {loud.value} and not {plain.value}"
            )
            fix = (
                "take nothing from a program but the answers of its entry point, and keep what you hand over"
            )
            return [Finding(Check.CLAIMS, name, what, fix)]
    return []


def check_claims(bench: Bench, source: str, name: str, splits: Splits) -> list[Finding]:
    """A number in the answer must not become the value, and only the entry point may be asked."""
    problem = bench.loaded.problem
    instance = splits[Split.TRAIN][0]
    plain = bench.attempt(source, instance)
    foreign = [asked for asked in plain.recorder.functions if asked != problem.entry_point.function]
    if foreign:
        what = f"`evaluate` calls '{foreign[0]}', which is not the entry point"
        fix = f"ask '{problem.entry_point.function}' for decisions, and compute the rest from them"
        return [Finding(Check.CLAIMS, name, what, fix)]
    metrics = [objective.metric for objective in problem.objectives]
    for form in CLAIM_FORMS:
        forged = claiming(source, problem.entry_point, form, _CLAIMED, metrics)
        outcome = bench.attempt(forged, instance).outcome
        if outcome is None or outcome.status not in (Status.OK, Status.SUSPECT):
            continue
        if _CLAIMED in (outcome.value, *(outcome.metrics.get(metric) for metric in metrics)):
            what = f"a number that the program puts into its answer ({form}) becomes its value"
            fix = "compute the value from the decisions, on the evaluator's own data"
            return [Finding(Check.CLAIMS, name, what, fix)]
    return []


def check_arguments(bench: Bench, source: str, name: str, splits: Splits) -> list[Finding]:
    """What a program gets does not say which instance it is."""
    for split in (Split.TEST, Split.TRAIN):
        instance = splits[split][0]
        sent = bench.attempt(source, instance).recorder.arguments
        texts = {text for arguments in sent for text in contents(arguments).texts}
        own = set(splits.contents[instance.name].texts)  # a word of the workload may be in its name, too
        if any(text == instance.name or (instance.name in text and text not in own) for text in texts):
            what = f"`evaluate` sends the name of the instance {instance.name} to the program"
            fix = "leave it out: a program could look its answer up"
            return [Finding(Check.HIDDEN, name, what, fix)]
    return []


def told_texts(bench: Bench, brief: str, programs: Mapping[str, str], feedback: str) -> dict[str, str]:
    """Everything that whoever writes programs may be told, by what it is."""
    features = json.dumps([feature.meaning for feature in bench.loaded.problem.features])
    return {"the brief": brief + features, **programs, "the feedback on train": feedback}
