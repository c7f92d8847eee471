"""Reads load histories of vLLM's expert load balancer, in the format that the ADRS benchmark publishes."""

from pathlib import Path

import msgspec
import numpy as np

from evaluators.moe.loads import ExpertLoads, LoadError
from evolve.problem import Floats, InstanceFileError

STEPS_PER_WINDOW = 100


class _History(msgspec.Struct):
    # Raw, because a file of hundreds of megabytes is decoded one step at a time.
    load_history: list[msgspec.Raw]


class _Step(msgspec.Struct):
    logical_expert_load: list[list[float]]


def read_load_history(path: Path, steps_per_window: int = STEPS_PER_WINDOW) -> ExpertLoads:
    """Read `{"load_history": [{"logical_expert_load": [layers][experts]}, ...]}` and sum it in windows.

    The last window may have fewer steps than the others, as in the published rule.

    Raises:
        InstanceFileError: The file is not such a history, or too short; the message says where.
        OSError: The file cannot be opened.
    """
    try:
        history = msgspec.json.decode(path.read_bytes(), type=_History).load_history
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InstanceFileError(
            f"{path}: not a load history: {error}; expected is"
            ' {"load_history": [{"logical_expert_load": [[...], ...]}, ...]}'
        ) from error
    if len(history) <= steps_per_window:
        raise InstanceFileError(
            f"{path}: load_history has {len(history)} steps; at least {steps_per_window + 1} are needed, as"
            f" the placement made from one window of {steps_per_window} steps is judged on the next"
        )
    windows: list[Floats] = []
    for position, raw in enumerate(history):
        load = _step(path, position, raw)
        if windows and load.shape != windows[0].shape:
            raise InstanceFileError(
                f"{path}: load_history[{position}] has {load.shape[0]} layers x {load.shape[1]} experts; the"
                f" steps before it have {windows[0].shape[0]} x {windows[0].shape[1]}"
            )
        if position % steps_per_window == 0:
            windows.append(load)
        else:
            windows[-1] += load
    try:
        return ExpertLoads.of(np.array(windows))
    except LoadError as error:
        raise InstanceFileError(f"{path}: {error}") from error


def _step(path: Path, position: int, raw: msgspec.Raw) -> Floats:
    """The loads of one step, shape (layers, experts)."""
    place = f"{path}: load_history[{position}]"
    try:
        rows = msgspec.json.decode(raw, type=_Step).logical_expert_load
    except msgspec.DecodeError as error:
        raise InstanceFileError(f"{place}: {error}") from error
    widths = [len(row) for row in rows]
    if not rows or not widths[0] or widths.count(widths[0]) != len(widths):
        odd = next((layer for layer, width in enumerate(widths) if not width or width != widths[0]), 0)
        found = f"layer {odd} has {widths[odd]} experts" if rows else "there are no layers"
        raise InstanceFileError(
            f"{place}.logical_expert_load: {found}; every layer needs the same number, not 0"
        )
    load = np.array(rows, dtype=np.float64)
    if not bool((load >= 0.0).all()):  # JSON knows neither NaN nor infinity
        layer, expert = (int(index) for index in np.argwhere(load < 0.0)[0])
        raise InstanceFileError(
            f"{place}.logical_expert_load[{layer}][{expert}] is {load[layer, expert]:g};"
            " loads are not negative"
        )
    return load
