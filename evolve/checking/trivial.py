"""Programs that decide nothing: where one of them is as good as the best baseline, nothing is measured."""

import ast
from collections.abc import Iterator

from evolve.checking.bench import Bench
from evolve.checking.findings import Check, Finding
from evolve.checking.instances import Splits
from evolve.problem import EntryPoint, LockstepProblem, Split
from evolve.program import ProgramError, files, syntax_tree
from evolve.scoring import Reference, ScoreError, geometric_mean

_CONSTANTS = ("0", "1", "-1.0", "0.5", "''", "[]", "()", "{}", "True")
_MOST_CONSTANTS = 8
_FIRST = 3
_FAR_BEHIND = 0.8
_AS_GOOD = 1.0 - 1e-12


def check_trivial(bench: Bench, source: str, splits: Splits, reference: Reference) -> list[Finding]:
    """No trivial program may reach the reference on train; `source` is a valid program."""
    instances = splits[Split.TRAIN]
    plain = bench.attempt(source, instances[0])
    for what, program in _programs(bench, plain.recorder.replies, stepwise=plain.recorder.steps):
        score = _score(bench, program, splits, reference)
        if score is not None and score >= _AS_GOOD:
            said = f"it scores {score:.4f} on train, where the best baseline ({reference.baseline}) has 1"
            fix = "ship a stronger baseline, choose harder instances, or measure something else"
            return [Finding(Check.TRIVIAL, what, said, fix)]
    return []


def _score(bench: Bench, program: str, splits: Splits, reference: Reference) -> float | None:
    """The score on train; None where it is not valid there, or is far behind after a few instances."""
    scores: list[float] = []
    for instance in splits[Split.TRAIN]:
        attempt = bench.attempt(program, instance)
        if not attempt.valid or attempt.outcome is None or attempt.outcome.value is None:
            return None
        try:
            scores.append(reference.score(instance.name, attempt.outcome.value))
        except ScoreError:
            return None
        if len(scores) >= _FIRST and geometric_mean(scores) < _FAR_BEHIND:
            return None
    return geometric_mean(scores)


def _programs(bench: Bench, replies: list[object], *, stepwise: bool) -> Iterator[tuple[str, str]]:
    """Trivial programs with what they do."""
    problem = bench.loaded.problem
    entry_point = problem.entry_point
    if stepwise:
        for constant in _seen(replies):
            yield f"a program that always answers {constant}", _object(entry_point, constant)
    else:
        for constant in (*_CONSTANTS, *_seen(replies)):
            yield f"a program that always answers {constant}", _function(entry_point, constant)
    if not stepwise and not isinstance(problem, LockstepProblem):
        for parameter in entry_point.parameters:
            for form in ("{0}", "list(range(len({0})))", "list(reversed(range(len({0}))))", "[0] * len({0})"):
                answer = form.format(parameter)
                yield f"a program that answers {answer}", _function(entry_point, answer)
            yield (
                f"a program that answers 0 for each of {parameter}",
                _function(entry_point, f"{{key: 0 for key in {parameter}}}"),
            )
    yield from _emptied(bench.loaded.seed, entry_point)


def _seen(replies: list[object]) -> list[str]:
    """Small answers that an honest program gave, as source."""
    found: dict[str, None] = {}
    for reply in replies:
        text = repr(reply)
        if isinstance(reply, bool | int | float | str | list | dict | None) and len(text) <= 60:
            found[text] = None
    return list(found)[:_MOST_CONSTANTS]


def _function(entry_point: EntryPoint, answer: str) -> str:
    return f"def {entry_point.signature()}:\n    return {answer}\n"


def _object(entry_point: EntryPoint, answer: str) -> str:
    return (
        "class Always:\n    def __getattr__(self, name):\n"
        f"        return lambda *args: {answer}\n\n\ndef {entry_point.signature()}:\n    return Always()\n"
    )


def _emptied(seed: str, entry_point: EntryPoint) -> Iterator[tuple[str, str]]:
    """The seed with the body of each function but the entry point taken out, and with all of them."""
    try:
        if len(files(seed)) > 1:
            return
        names = [
            node.name
            for node in syntax_tree(seed).body
            if isinstance(node, ast.FunctionDef) and node.name != entry_point.function
        ]
    except ProgramError:
        return
    groups = [[name] for name in names] + ([names] if len(names) > 1 else [])
    for group in groups:
        yield f"the seed with {', '.join(group)} returning 0", _without_bodies(seed, group)


def _without_bodies(seed: str, names: list[str]) -> str:
    tree = ast.parse(seed)  # a tree of its own, since the shared one must not be changed
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.name in names:
            node.body = [ast.Return(ast.Constant(0.0))]
    return ast.unparse(ast.fix_missing_locations(tree))
