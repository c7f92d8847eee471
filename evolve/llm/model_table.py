"""What litellm's table says of models, read from the file that comes with it.

litellm is looked up but not imported, which would take seconds.
"""

import functools
import importlib.util
import json
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from evolve.errors import UserError

_FILE = "model_prices_and_context_window_backup.json"
_NATIVE = ("openai", "anthropic")
"""Providers whose models stand in the table under their bare names."""
_MODES = ("chat", "responses", "completion")


def entry(model: str) -> Mapping[str, Any] | None:
    """The table's row for `provider/model`, or None where it has none or there is no table."""
    table = _table()
    provider, _, name = model.partition("/")
    if provider == "litellm":
        return table.get(name) or (entry(name) if "/" in name else None)
    found = table.get(model)
    if found is None and name in table:
        row = table[name]
        owner = str(row.get("litellm_provider"))
        found = row if owner == provider or owner.startswith((f"{provider}_", f"{provider}-")) else None
    return found


def model_names() -> list[str]:
    """All models that can be asked for text, as `provider/model`."""
    return [
        name
        if "/" in name or row.get("litellm_provider") not in _NATIVE
        else f"{row['litellm_provider']}/{name}"
        for name, row in _table().items()
        if row.get("mode") in _MODES
    ]


@functools.cache
def _table() -> Mapping[str, Mapping[str, Any]]:
    path = _path()
    if path is None:
        return {}
    try:
        table = json.loads(path.read_bytes(), parse_float=Decimal)
    except (OSError, ValueError) as error:
        raise UserError(f"cannot read litellm's table of models, {path}: {error}") from error
    return {name: row for name, row in table.items() if isinstance(row, dict) and name != "sample_spec"}


def _path() -> Path | None:
    spec = importlib.util.find_spec("litellm")
    folders = [] if spec is None else spec.submodule_search_locations or []
    return next((path for path in (Path(folder) / _FILE for folder in folders) if path.is_file()), None)
