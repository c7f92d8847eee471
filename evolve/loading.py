"""Loads a problem with all that belongs to it: texts, baselines, instances and version."""

import ast
import hashlib
import importlib
import importlib.util
import sys
from collections.abc import Mapping, Sequence
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec

from evolve.errors import UserError, unknown
from evolve.files import read_text
from evolve.folders import read_program
from evolve.problem import EntryPoint, Instance, InstanceFileError, Problem, Split
from evolve.registry import installed_plugins

AnyProblem = Problem[Any]

_GROUP = "evolve.problems"
_REQUIRED = ("name", "summary", "entry_point", "objectives", "baselines")


class ProblemReference(msgspec.Struct, frozen=True):
    """What another process needs to load the same problem with the same instances."""

    locator: str
    """A name, or the path of a problem's folder."""
    instance_files: dict[str, tuple[str, ...]] = {}
    """By split: the files whose instances take the place of the split's own."""


class LoadedProblem(msgspec.Struct, frozen=True):
    """A problem with the texts of its folder and its instances."""

    reference: ProblemReference
    problem: AnyProblem
    folder: Path
    statement: str
    seed: str
    """The source of the program that a run starts from."""
    baselines: dict[str, str]
    """The source of each baseline, by its published name."""
    version: str
    """Changes with anything that can change a score: code, baselines, instance files."""

    @property
    def name(self) -> str:
        """The problem's name."""
        return self.problem.name

    def instances(self, split: Split) -> Sequence[Instance[Any]]:
        """The instances of a split: the user's, where files were given for it, else the problem's own."""
        files = self.reference.instance_files.get(split.value)
        if files is None:
            return self.problem.instances(split)
        return read_instance_files(self.problem, files)


def problem_names() -> list[str]:
    """The names of the problems that can be found without a path, sorted."""
    return sorted({*_shipped_problems(), *installed_plugins(_GROUP)})


def load_problem(reference: ProblemReference) -> LoadedProblem:
    """Load a problem with all that belongs to it.

    Raises:
        UserError: There is no such problem, or its folder is not complete; the message says what to do.
    """
    module = _problem_module(reference.locator)
    folder = Path(str(module.__file__)).parent
    problem = getattr(module, "problem", None)
    if not isinstance(problem, Problem):
        raise UserError(
            f"{folder / 'problem.py'} has no attribute 'problem' that is an evolve.problem.Problem"
        )
    missing = [attribute for attribute in _REQUIRED if not hasattr(problem, attribute)]
    if missing:
        raise UserError(f"{folder / 'problem.py'}: the problem does not define {', '.join(missing)}")
    entry_point = problem.entry_point
    baselines = {name: _program(folder / file, entry_point) for name, file in problem.baselines.items()}
    return LoadedProblem(
        reference=reference,
        problem=problem,
        folder=folder,
        statement=_part(folder / "statement.md"),
        seed=_seed(folder, entry_point),
        baselines=baselines,
        version=_version(folder, problem, baselines, reference),
    )


def check_names_differ(loaded: LoadedProblem) -> None:
    """Check, where instances come from a user's files, that no name stands in two splits.

    Raises:
        UserError: One does.
    """
    if not loaded.reference.instance_files:
        return
    seen: dict[str, Split] = {}
    for split in Split:
        for instance in loaded.instances(split):
            other = seen.setdefault(instance.name, split)
            if other is not split:
                raise UserError(
                    f"the instance '{instance.name}' is in the splits {other.value} and {split.value};"
                    " their instances have to have different names"
                )


def read_instance_files(problem: AnyProblem, files: Sequence[str]) -> list[Instance[Any]]:
    """The instances in a user's files, in order.

    Raises:
        UserError: A file cannot be read, or two instances have the same name.
    """
    instances: list[Instance[Any]] = []
    for file in files:
        try:
            instances.extend(problem.read_instances(Path(file)))
        except InstanceFileError as error:
            raise UserError(str(error)) from error
        except OSError as error:
            raise UserError(f"cannot read instances from {file}: {error.strerror}") from error
    seen: dict[str, None] = {}
    for instance in instances:
        if instance.name in seen:
            raise UserError(f"two instances are called '{instance.name}'; names have to differ")
        seen[instance.name] = None
    if not instances:
        raise UserError(f"no instance in {', '.join(files)}")
    return instances


def _shipped_problems() -> list[str]:
    package = importlib.import_module("problems")
    return [
        entry.name
        for root in package.__path__
        for entry in sorted(Path(root).iterdir())
        if (entry / "problem.py").is_file()
    ]


def _problem_module(locator: str) -> ModuleType:
    """A name is a problem's before it is a folder's; a folder of the same name is written `./name`."""
    if "/" in locator:
        return _module_from_folder(Path(locator))
    if locator in _shipped_problems():
        return _import(f"problems.{locator}.problem", locator)
    installed = installed_plugins(_GROUP)
    if locator in installed:
        return _import(installed[locator].module, locator)
    if Path(locator).is_dir():
        return _module_from_folder(Path(locator))
    raise unknown("problem", locator, problem_names())


def _import(module: str, locator: str) -> ModuleType:
    try:
        return importlib.import_module(module)
    except (ImportError, SyntaxError) as error:
        raise UserError(f"the problem {locator} cannot be imported: {error}") from error


def _module_from_folder(folder: Path) -> ModuleType:
    file = folder.resolve() / "problem.py"
    if not file.is_file():
        raise UserError(f"{folder} is not the folder of a problem: it has no problem.py")
    package = f"evolve_problem_{hashlib.sha256(str(file.parent).encode()).hexdigest()[:12]}"
    if package not in sys.modules:
        outer = ModuleType(package)
        outer.__path__ = [str(file.parent)]
        sys.modules[package] = outer
    return _import(f"{package}.problem", str(folder))


def _present(path: Path) -> Path:
    if not path.exists():
        raise UserError(f"the problem is not complete: there is no {path}")
    return path


def _part(path: Path) -> str:
    return read_text(_present(path))


def _program(path: Path, entry_point: EntryPoint) -> str:
    return read_program(_present(path), entry_point)


def _seed(folder: Path, entry_point: EntryPoint) -> str:
    """The seed program, which is a file `seed.py` or a folder `seed`."""
    file, several = folder / "seed.py", folder / "seed"
    if not several.is_dir():
        return _program(file, entry_point)
    if file.exists():
        raise UserError(f"there are both {file} and the folder {several}; a problem has one seed program")
    return _program(several, entry_point)


def _version(
    folder: Path, problem: AnyProblem, baselines: Mapping[str, str], reference: ProblemReference
) -> str:
    """A hash over the folder's code, its baselines, the evaluators it imports, and instance files."""
    digest = hashlib.sha256()

    def add(label: str, content: bytes) -> None:
        digest.update(f"{label}\0{len(content)}\0".encode())
        digest.update(content)

    programs = {folder / file for file in ("seed.py", "seed", *problem.baselines.values())}
    own = [path for path in sorted(folder.rglob("*.py")) if programs.isdisjoint((path, *path.parents))]
    for path in own:
        add(path.relative_to(folder).as_posix(), path.read_bytes())
    for name, source in baselines.items():
        add(name, source.encode())
    for module, path in _evaluator_files(own):
        add(module, path.read_bytes())
    for split, instance_files in sorted(reference.instance_files.items()):
        for file in instance_files:
            for content in _contents(problem, Path(file)):
                add(split, content)
    return digest.hexdigest()[:16]


def _contents(problem: AnyProblem, file: Path) -> list[bytes]:
    """All that instances are read from where a person names a file."""
    try:
        return [file.read_bytes(), *(one.read_bytes() for one in problem.instance_files(file) if one != file)]
    except OSError as error:
        raise UserError(f"cannot read instances from {error.filename}: {error.strerror}") from error
    except InstanceFileError as error:
        raise UserError(str(error)) from error


def _evaluator_files(roots: Sequence[Path]) -> list[tuple[str, Path]]:
    """The modules of `evaluators` that the given files import, directly or not, in a fixed order."""
    found: dict[str, Path] = {}
    waiting = [(path, "") for path in roots]
    while waiting:
        path, package = waiting.pop()
        for module in _imported_evaluators(path, package):
            spec = _find_spec(module)
            if module not in found and spec is not None and spec.origin is not None:
                found[module] = Path(spec.origin)
                inside = module if spec.submodule_search_locations is not None else spec.parent
                waiting.append((found[module], inside or ""))
    return sorted(found.items())


def _imported_evaluators(path: Path, package: str) -> list[str]:
    """What may be a module of `evaluators` in the imports of a file, which is in `package`."""
    try:
        tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError):  # it cannot be imported, so it imports nothing
        return []
    names: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            parts = package.split(".")
            base = parts[: len(parts) - node.level + 1] if node.level else []
            source = ".".join([*base, *([node.module] if node.module else [])])
            names += [source, *(f"{source}.{alias.name}" for alias in node.names)]
    return [
        ".".join(parts[:count])
        for parts in (name.split(".") for name in names)
        if parts[0] == "evaluators"
        for count in range(1, len(parts) + 1)
    ]


def _find_spec(module: str) -> ModuleSpec | None:
    try:
        return importlib.util.find_spec(module)
    except ModuleNotFoundError:  # what was imported is not a module but a name in one
        return None
