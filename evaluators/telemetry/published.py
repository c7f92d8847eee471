"""The published benchmark's file format, sampling and scale (ADRS leaderboard, telemetry_repair)."""

import ast
import csv
from pathlib import Path
from random import Random

from evaluators.telemetry.faults import Fault, report
from evaluators.telemetry.snapshot import Interface, Rates, Snapshot
from evolve.problem import InstanceFileError

_SEED = 42
_ROWS = 30
_PREFIX = "low_"
_KINDS = {"_egress_to_": "tx", "_ingress_from_": "rx"}


def leaderboard_score(combined: float) -> float:
    """The leaderboard's score, 0 to 100, of a mean combined quality: passing through is 0, perfect is 100."""
    low, high = 50.0 * (combined - 0.80) / 0.02, 50.0 + 50.0 * (combined - 0.82) / 0.18
    return min(100.0, max(0.0, low if combined <= 0.82 else high))


def read_snapshots(path: Path) -> tuple[Snapshot, ...]:
    """Read a CSV of true rates and make the snapshots of the benchmark from it: 30 of its rows, seed 42.

    Columns `low_A_egress_to_B` and `low_B_ingress_from_A` hold dictionaries with `ground_truth` and maybe
    `perturbed`, in Mbps; other columns are not looked at.

    Raises:
        InstanceFileError: It is no such file; the message says where.
        OSError: It cannot be opened.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
    except (csv.Error, UnicodeDecodeError) as error:
        raise InstanceFileError(f"{path}: not a CSV file in UTF-8: {error}") from error
    stream = Random(_SEED)
    snapshots = []
    for number in stream.sample(range(len(rows)), min(_ROWS, len(rows))):
        interfaces, true, measured = _interfaces(rows[number], f"{path}, row {number + 1}")
        if interfaces:
            fault = stream.choice(list(Fault))
            snapshots.append(Snapshot(interfaces, true, report(fault, interfaces, measured, stream)))
    if not snapshots:
        raise InstanceFileError(
            f"{path}: no row has a rate; expected are columns such as low_A_egress_to_B with"
            " {'ground_truth': 12.5, 'perturbed': None}"
        )
    return tuple(snapshots)


def _interfaces(
    row: dict[str, str], place: str
) -> tuple[tuple[Interface, ...], tuple[Rates, ...], tuple[Rates, ...]]:
    """The interfaces of a row with their true and their measured rates, in the order of the columns."""
    found: dict[str, Interface] = {}
    true: dict[str, dict[str, float]] = {}
    measured: dict[str, dict[str, float]] = {}
    for column, cell in row.items():
        kind = next(
            (kind for kind in _KINDS if column and column.startswith(_PREFIX) and kind in column), None
        )
        if kind is None:
            continue
        routers = column.removeprefix(_PREFIX).split(kind)
        values = _values(cell, f"{place}, column {column}")
        if len(routers) != 2 or values is None:
            continue
        local, remote = routers
        name = f"{local}_to_{remote}"
        found.setdefault(name, Interface(name, f"{remote}_to_{local}", local, remote))
        true.setdefault(name, {})[_KINDS[kind]], measured.setdefault(name, {})[_KINDS[kind]] = values
    return tuple(found.values()), _rates(found, true), _rates(found, measured)


def _rates(interfaces: dict[str, Interface], values: dict[str, dict[str, float]]) -> tuple[Rates, ...]:
    return tuple(Rates(values[name].get("rx", 0.0), values[name].get("tx", 0.0)) for name in interfaces)


def _values(cell: str, place: str) -> tuple[float, float] | None:
    """True and measured rate in a cell; None where it has no truth, as such cells are passed over."""
    try:
        value = ast.literal_eval(cell)
    except (ValueError, SyntaxError, TypeError):
        return None
    if not isinstance(value, dict) or "ground_truth" not in value:
        return None
    true, perturbed = value["ground_truth"], value.get("perturbed")
    numbers = (true, true if perturbed is None else perturbed)
    if not all(isinstance(number, int | float) and 0.0 <= number < 1e12 for number in numbers):
        raise InstanceFileError(f"{place}: {cell!r} holds something that is no rate in Mbps")
    return float(numbers[0]), float(numbers[1])
