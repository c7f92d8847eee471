"""What can be said of a plug-in without running anything: entry point, limits, statement."""

import ast
import math

from evolve.checking.findings import Check, Finding
from evolve.loading import AnyProblem, LoadedProblem
from evolve.problem import EntryPoint
from evolve.program import Program, ProgramError, regions
from evolve.program import check_entry_point as check_program

SEED = "seed"
_MOST_MEMORY = 2**40
_LONGEST_CPU_SECONDS = 3600.0


def sources(loaded: LoadedProblem) -> dict[str, str]:
    """The source of each shipped program by its name, the seed first."""
    return {SEED: loaded.seed, **loaded.baselines}


def check_programs(loaded: LoadedProblem) -> tuple[list[Finding], dict[str, str]]:
    """Findings on the sources of the shipped programs, and the sources that can be evaluated."""
    findings: list[Finding] = []
    sound: dict[str, str] = {}
    known: dict[str, str] = {}
    for name, source in sources(loaded).items():
        try:
            program = Program.parse(source)
            check_program(program, loaded.problem.entry_point)
            regions(source)
        except ProgramError as error:
            findings.append(Finding(Check.ENTRY_POINT, name, str(error), "correct the program"))
            continue
        twin = known.get(program.id)
        if twin is not None and twin != SEED:
            fix = "drop one of the two, or give it the code that its name promises"
            findings.append(Finding(Check.ENTRY_POINT, name, f"it is the same program as {twin}", fix))
            continue
        known[program.id] = name
        sound[name] = source
    return findings, sound


def check_declarations(loaded: LoadedProblem) -> list[Finding]:
    """Findings on entry point, features, limits and statement, as they are declared."""
    problem = loaded.problem
    return [
        *check_entry_point(problem.entry_point),
        *_objectives(problem),
        *_features(problem),
        *_limits(problem),
        *_statement(loaded),
    ]


def check_entry_point(entry_point: EntryPoint) -> list[Finding]:
    """Findings on the names that programs have to define."""
    names = (entry_point.function, *entry_point.parameters)
    wrong = [name for name in names if not name.isidentifier()]
    if not wrong and len(set(entry_point.parameters)) == len(entry_point.parameters):
        return []
    what = f"{wrong[0]!r} is no name of Python's" if wrong else "two parameters have one name"
    fix = "name the function and its parameters as a program would write them"
    return [Finding(Check.ENTRY_POINT, entry_point.signature(), what, fix)]


def _objectives(problem: AnyProblem) -> list[Finding]:
    metrics = [objective.metric for objective in problem.objectives]
    if metrics and len(set(metrics)) == len(metrics):
        return []
    what = "two objectives have one metric" if metrics else "there is no objective"
    return [Finding(Check.ENTRY_POINT, "objectives", what, "name each metric once, the scored one first")]


def _features(problem: AnyProblem) -> list[Finding]:
    findings = []
    for feature in problem.features:
        try:
            tree = ast.parse(feature.expression, mode="eval")
        except SyntaxError as error:
            fix = "write the expression that reads it in a program"
            findings.append(
                Finding(Check.ENTRY_POINT, f"feature {feature.expression!r}", str(error.msg), fix)
            )
            continue
        names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        if not names & set(problem.entry_point.parameters):
            what = f"it reads none of the parameters {', '.join(problem.entry_point.parameters)}"
            fix = "build it from the parameters of the entry point"
            findings.append(Finding(Check.ENTRY_POINT, f"feature {feature.expression!r}", what, fix))
    return findings


def _limits(problem: AnyProblem) -> list[Finding]:
    limits = problem.limits
    rules = (
        ("cpu_seconds", 0.0 < limits.cpu_seconds <= _LONGEST_CPU_SECONDS, "between 0 and 3600 s"),
        ("wall_seconds", limits.cpu_seconds < limits.wall_seconds < math.inf, "finite, above cpu_seconds"),
        ("memory_bytes", 2**24 <= limits.memory_bytes <= _MOST_MEMORY, "between 16 MiB and 1 TiB"),
        ("output_bytes", 0 < limits.output_bytes <= 2**30, "between 1 byte and 1 GiB"),
        ("reply_bytes", 0 < limits.reply_bytes <= 2**31, "between 1 byte and 2 GiB"),
    )
    return [
        Finding(Check.LIMITS, name, f"it is {getattr(limits, name):g}", f"choose a value {range_}")
        for name, holds, range_ in rules
        if not holds
    ]


def _statement(loaded: LoadedProblem) -> list[Finding]:
    function = loaded.problem.entry_point.function
    if function in loaded.statement:
        return []
    what = f"it does not mention the function '{function}' that programs have to define"
    return [
        Finding(Check.STATEMENT, "statement.md", what, "show its signature, and say what it gets and returns")
    ]
