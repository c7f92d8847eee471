"""All checks of a problem, in an order in which each can rely on those before."""

from collections.abc import Callable, Mapping

from evolve.checking.bench import Bench, open_bench
from evolve.checking.claims import check_arguments, check_claims, check_noise, told_texts
from evolve.checking.evaluations import (
    Results,
    check_determinism,
    check_telling_apart,
    check_time,
    evaluate_shipped,
)
from evolve.checking.findings import Check, Figures, Finding, Report
from evolve.checking.hostile import check_hostile
from evolve.checking.instances import (
    Splits,
    check_bounds,
    check_hidden,
    check_workloads_differ,
    load_splits,
)
from evolve.checking.shipped import SEED, check_declarations, check_entry_point, check_programs
from evolve.checking.trivial import check_trivial
from evolve.loading import LoadedProblem
from evolve.problem import Split
from evolve.scoring import Reference
from prompts.render import render_brief

_WITH_INSTANCES = (Check.BOUND, Check.PROGRAMS, Check.DETERMINISM, Check.HIDDEN)
_WITH_REFERENCE = (Check.CLAIMS, Check.HOSTILE, Check.TIME, Check.TELLING_APART, Check.TRIVIAL)


async def check_problem(
    loaded: LoadedProblem, min_isolation: str | None = None, progress: Callable[[Check], None] | None = None
) -> Report:
    """Check everything that can be checked of a problem.

    Args:
        loaded: The problem.
        min_isolation: The level below which nothing is run; None for the sandbox's own default.
        progress: Told what is checked next.

    Raises:
        IsolationError: The sandbox is weaker than what is demanded.
        InfrastructureError: Programs cannot be evaluated on this machine.
    """
    tell = progress or (lambda _: None)
    tell(Check.ENTRY_POINT)
    findings = check_declarations(loaded)
    programs: dict[str, str] = {}
    if not check_entry_point(loaded.problem.entry_point):  # or every program would be at fault
        more, programs = check_programs(loaded)
        findings = [*more, *findings]
    tell(Check.INSTANCES)
    more, splits = load_splits(loaded)
    findings += more
    bounds: list[Finding] = []
    if splits is not None:
        findings += check_workloads_differ(splits)
        bounds = check_bounds(loaded, splits)
        findings += bounds
    limits = any(finding.check is Check.LIMITS for finding in findings)
    if splits is None or bounds or limits or not programs:
        return _report(loaded, "not probed", findings, Figures(), (*_WITH_INSTANCES, *_WITH_REFERENCE))
    async with open_bench(loaded, min_isolation) as bench:
        more, figures, unchecked = await _with_bench(bench, programs, splits, tell)
        return _report(loaded, bench.isolation.value, [*findings, *more], figures, unchecked)


def _report(
    loaded: LoadedProblem,
    isolation: str,
    findings: list[Finding],
    figures: Figures,
    unchecked: tuple[Check, ...],
) -> Report:
    order = list(Check)
    found = {finding.check for finding in findings}
    return Report(
        problem=loaded.name,
        version=loaded.version,
        isolation=isolation,
        findings=tuple(sorted(findings, key=lambda finding: order.index(finding.check))),
        figures=figures,
        unchecked=tuple(check for check in unchecked if check not in found),
    )


async def _with_bench(
    bench: Bench, programs: Mapping[str, str], splits: Splits, tell: Callable[[Check], None]
) -> tuple[list[Finding], Figures, tuple[Check, ...]]:
    """Everything for which programs are run."""
    loaded = bench.loaded
    tell(Check.PROGRAMS)
    results = await evaluate_shipped(bench, programs, splits)
    findings = list(results.findings)
    reference = None if results.broken else results.reference(loaded, Split.TRAIN)
    if reference is None:
        return findings, _figures(splits, results, None), (Check.DETERMINISM, Check.HIDDEN, *_WITH_REFERENCE)
    tell(Check.DETERMINISM)
    unsteady = await check_determinism(bench, programs, results, (SEED, reference.baseline))
    findings += unsteady
    figures = _figures(splits, results, reference)
    source = programs[reference.baseline]
    tell(Check.HIDDEN)
    findings += _hidden(bench, programs, splits, results, source, reference.baseline)
    if unsteady:  # values that differ by themselves would be laid at other doors
        return findings, figures, _WITH_REFERENCE
    findings += await _with_reference(bench, source, splits, results, reference, tell)
    findings += check_time(loaded, results, figures.proposals_per_hour)
    findings += check_telling_apart(results)
    return findings, figures, ()


async def _with_reference(
    bench: Bench,
    source: str,
    splits: Splits,
    results: Results,
    reference: Reference,
    tell: Callable[[Check], None],
) -> list[Finding]:
    """What is tried with the best baseline as the honest program."""
    name = reference.baseline
    tell(Check.CLAIMS)
    findings = await check_noise(bench, source, name, results.timed[name][Split.TRAIN].outcomes)
    findings = findings or check_claims(bench, source, name, splits)
    tell(Check.HOSTILE)
    findings += check_hostile(bench, source, splits)
    tell(Check.TRIVIAL)
    return [*findings, *check_trivial(bench, source, splits, reference)]


def _hidden(
    bench: Bench, programs: Mapping[str, str], splits: Splits, results: Results, source: str, name: str
) -> list[Finding]:
    loaded = bench.loaded
    feedback = "\n".join(
        outcome.feedback
        for found in results.timed.values()
        if Split.TRAIN in found
        for outcome in found[Split.TRAIN].outcomes
    )
    texts = told_texts(bench, render_brief(loaded.problem, loaded.statement), programs, feedback)
    return [*check_hidden(splits, texts), *check_arguments(bench, source, name, splits)]


def _figures(splits: Splits, results: Results, reference: Reference | None) -> Figures:
    cpu = {
        name: sum(outcome.cpu_seconds for outcome in found[Split.TRAIN].outcomes)
        for name, found in results.timed.items()
        if Split.TRAIN in found
    }
    sizes = {split.value: len(instances) for split, instances in splits.by_split.items()}
    if reference is None:
        return Figures(instances=sizes, cpu_seconds=cpu)
    seconds = results.timed[reference.baseline][Split.TRAIN].seconds
    return Figures(
        instances=sizes, cpu_seconds=cpu, evaluation_seconds=seconds, proposals_per_hour=3600.0 / seconds
    )
