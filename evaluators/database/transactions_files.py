"""Workloads in the JSON of the ADRS benchmark: {workload: {transaction: "r-17 w-4 * ..."}}."""

import json
from pathlib import Path

from evaluators.database.transactions import Access, Transaction, Workload
from evolve.problem import InstanceFileError

_EXPECTED = 'expected {workload: {transaction: "r-17 w-4 * …"}}, or one such workload alone'


def read_workloads(path: Path) -> dict[str, Workload]:
    """Read every workload of a file, by name and in the file's order.

    A transaction is a text of operations, one for each tick, with blanks between: `r-KEY`, `w-KEY` with an
    integer as the key, or `*` for a tick without an access.

    Raises:
        InstanceFileError: The file cannot be read, or not as this format; the message says where.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise InstanceFileError(f"{path}: cannot be read as text: {error}") from error
    except json.JSONDecodeError as error:
        raise InstanceFileError(f"{path}: line {error.lineno}: not JSON: {error.msg}") from error
    if not isinstance(document, dict) or not document:
        raise InstanceFileError(f"{path}: {_EXPECTED}")
    if all(isinstance(value, str) for value in document.values()):
        document = {path.stem: document}
    return {str(name): _workload(value, f"{path}: {name}") for name, value in document.items()}


def parse_transaction(text: str, place: str = "transaction") -> Transaction:
    """One transaction of the format above; `place` is where it stands, for messages.

    Raises:
        InstanceFileError: As for `read_workloads`.
    """
    accesses = []
    operations = text.split()
    for position, operation in enumerate(operations, 1):
        if operation == "*":
            continue
        kind, dash, key = operation.partition("-")
        digits = key.isascii() and key.isdigit() and len(key) <= 15
        if kind not in ("r", "w") or not dash or not digits:
            raise InstanceFileError(
                f'{place}: operation {position} is "{operation}"; expected r-KEY, w-KEY or *'
            )
        accesses.append(Access(position, int(key), kind == "w"))
    if not accesses:
        raise InstanceFileError(f"{place}: it accesses no key")
    return Transaction(len(operations), tuple(accesses))


def _workload(value: object, place: str) -> Workload:
    if not isinstance(value, dict) or not value:
        raise InstanceFileError(f"{place}: {_EXPECTED}")
    transactions = []
    for name, text in value.items():
        if not isinstance(text, str):
            raise InstanceFileError(f"{place}: {name}: {_EXPECTED}")
        transactions.append(parse_transaction(text, f"{place}: {name}"))
    return Workload(tuple(transactions))
