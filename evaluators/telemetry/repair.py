"""A repaired snapshot: checking what a candidate answers, and measuring it against the truth.

The measures are those of the published benchmark (ADRS leaderboard, telemetry_repair), over all interfaces.
"""

from collections.abc import Mapping, Sequence

import msgspec

from evaluators.telemetry.snapshot import Interface, Snapshot
from evolve.problem import InvalidDecision

_HIGHEST_RATE = 1e12
_LONGEST_TEXT = 40


class Reading(msgspec.Struct, frozen=True):
    """A repaired rate in Mbps, and how sure the program is of it, 0 to 1."""

    rate: float
    confidence: float


class RepairedInterface(msgspec.Struct, frozen=True):
    """What a candidate says of one interface."""

    rx: Reading
    tx: Reading
    status: str


class RepairQuality(msgspec.Struct, frozen=True):
    """How good a repair is; each part is 0 to 1, and 1 is perfect."""

    counters: float
    """1 less the mean relative error of rates that are not 0, an error counting as 1 at most."""
    status: float
    """Share of statuses that are right."""
    calibration: float
    """How well confidence goes with being right within 20 %."""

    @property
    def combined(self) -> float:
        """The published weighting."""
        return 0.75 * self.counters + 0.05 * self.status + 0.20 * self.calibration


def checked_repair(answer: object, interfaces: Sequence[Interface]) -> list[RepairedInterface]:
    """The repair in a candidate's answer, in the order of the interfaces.

    The answer has the published form: for each interface a mapping with `rx_rate`, `tx_rate` and
    `interface_status`, each a triple (original, repaired, confidence). Originals and all other keys are not
    looked at.

    Raises:
        InvalidDecision: An interface is missing or unknown, or a value is not what it has to be.
    """
    if not isinstance(answer, Mapping):
        raise InvalidDecision("the answer has to be a dictionary with an entry for each interface")
    names = [interface.name for interface in interfaces]
    missing = [name for name in names if name not in answer]
    if missing:
        more = f" (and {len(missing) - 1} more)" if len(missing) > 1 else ""
        raise InvalidDecision(
            f"interface {missing[0]} is missing{more}; all {len(names)} have to be answered"
        )
    if len(answer) > len(names):
        unknown = next(key for key in answer if key not in names)
        raise InvalidDecision(f"there is no interface {_told(unknown)}")
    return [_interface(answer[name], name) for name in names]


def _interface(entry: object, name: str) -> RepairedInterface:
    if not isinstance(entry, Mapping):
        raise InvalidDecision(f"{name} is {_told(entry)}; it has to be a dictionary")
    status, confidence = _triple(entry, name, "interface_status")
    _number(confidence, f"{name}: confidence of interface_status", 1.0)
    if not isinstance(status, str):
        raise InvalidDecision(f"{name}: interface_status is {_told(status)}; it has to be 'up' or 'down'")
    return RepairedInterface(_reading(entry, name, "rx_rate"), _reading(entry, name, "tx_rate"), status)


def _reading(entry: Mapping[object, object], name: str, key: str) -> Reading:
    rate, confidence = _triple(entry, name, key)
    return Reading(
        _number(rate, f"{name}: repaired {key}", _HIGHEST_RATE),
        _number(confidence, f"{name}: confidence of {key}", 1.0),
    )


def _triple(entry: Mapping[object, object], name: str, key: str) -> tuple[object, object]:
    value = entry.get(key)
    if not isinstance(value, list | tuple) or len(value) != 3:
        raise InvalidDecision(
            f"{name}: {key} is {_told(value)}; it has to be a triple (original, repaired, confidence)"
        )
    return value[1], value[2]


def _number(value: object, what: str, highest: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0.0 <= value <= highest:
        raise InvalidDecision(f"{what} is {_told(value)}; it has to be a number from 0 to {highest:g}")
    return float(value)


def _told(value: object) -> str:
    if value is None or isinstance(value, bool):
        return str(value)
    if isinstance(value, int) and abs(value) > 10**_LONGEST_TEXT:
        return "a number beyond all range"
    if isinstance(value, int | float):
        return f"{value:g}"
    if isinstance(value, str):
        return repr(value[:_LONGEST_TEXT])
    length = f" of {len(value)}" if isinstance(value, list | tuple | dict) else ""
    return f"a {type(value).__name__}{length}"


def repair_quality(snapshot: Snapshot, repaired: Sequence[RepairedInterface]) -> RepairQuality:
    """Measure a checked repair against the truth."""
    pairs = [
        pair
        for rates, interface in zip(snapshot.true, repaired, strict=True)
        for pair in ((rates.rx, interface.rx), (rates.tx, interface.tx))
    ]
    errors = [min(abs(reading.rate - true) / true, 1.0) for true, reading in pairs if true > 0.0]
    right = [
        interface.status == answer.status
        for interface, answer in zip(snapshot.interfaces, repaired, strict=True)
    ]
    return RepairQuality(
        counters=max(0.0, 1.0 - sum(errors) / len(errors)) if errors else 0.0,
        status=sum(right) / len(right),
        calibration=sum(_calibration(true, reading) for true, reading in pairs) / len(pairs),
    )


def _calibration(true: float, reading: Reading) -> float:
    """The published rule: sure and right is best, unsure and wrong is nearly as good."""
    accuracy = 1.0 - abs(true - reading.rate) / max(true, reading.rate, 1.0)
    confidence = reading.confidence
    if accuracy > 0.8:
        return 1.0 if confidence > 0.7 else max(0.0, 0.5 + (confidence - 0.3) * 1.25)
    if confidence < 0.3:
        return 0.8
    return max(0.0, 0.8 - 2.0 * confidence * (1.0 - accuracy))
