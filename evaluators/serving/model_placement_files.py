"""Reads fleets from JSON, with the field names of the published benchmark."""

from pathlib import Path

import msgspec

from evaluators.serving.model_placement import Fleet, Model
from evaluators.serving.model_placement_generator import PUBLISHED_MEMORY
from evolve.problem import InstanceFileError


class _Model(msgspec.Struct):
    model_size: float
    req_rate: float
    slo: float


class _Fleet(msgspec.Struct):
    gpu_num: int
    models: list[_Model]
    gpu_memory: float = PUBLISHED_MEMORY
    name: str | None = None


def read_fleets(path: Path) -> dict[str, Fleet]:
    """Read one fleet or a list of them, by name and in the file's order.

    A fleet is `{"gpu_num": 8, "models": [{"model_size": 14, "req_rate": 3, "slo": 5}, ...]}` with sizes in
    GB, and optionally `gpu_memory` (80 GB) and `name` (the file's name, with a number where there are
    several). Further fields are ignored.

    Raises:
        InstanceFileError: The file is not in this format, or describes no fleet; the message says where.
    """
    try:
        found = msgspec.json.decode(path.read_bytes(), type=_Fleet | list[_Fleet])
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InstanceFileError(
            f"{path}: not a fleet: {error}; expected is"
            ' {"gpu_num": ..., "models": [{"model_size": ..., "req_rate": ..., "slo": ...}, ...]}'
        ) from error
    except OSError as error:
        raise InstanceFileError(f"{path}: cannot be read: {error.strerror}") from error
    entries = found if isinstance(found, list) else [found]
    if not entries:
        raise InstanceFileError(f"{path}: the list of fleets is empty")
    fleets: dict[str, Fleet] = {}
    for number, entry in enumerate(entries, start=1):
        name = entry.name or (path.stem if len(entries) == 1 else f"{path.stem}-{number:02d}")
        if name in fleets:
            raise InstanceFileError(f"{path}: two fleets are called {name!r}; names have to differ")
        models = tuple(Model(model.model_size, model.req_rate, model.slo) for model in entry.models)
        try:
            fleets[name] = Fleet(entry.gpu_num, entry.gpu_memory, models)
        except ValueError as error:
            raise InstanceFileError(f"{path}: fleet {name!r}: {error}") from error
    return fleets
