"""What goes wrong with counters, as in the published benchmark (ADRS leaderboard, telemetry_repair)."""

from enum import StrEnum
from random import Random

from evaluators.telemetry.snapshot import Interface, Rates, topology_of


class Fault(StrEnum):
    """What happens to the counters of a snapshot, beside noise."""

    DROPPED = "dropped"
    SCALED = "scaled"
    CORRELATED_DROPPED = "correlated_dropped"
    CORRELATED_SCALED = "correlated_scaled"


PUBLISHED_SHARE = 0.20
"""Share of interfaces, or of routers, that are hit."""


def report(
    fault: Fault,
    interfaces: tuple[Interface, ...],
    measured: tuple[Rates, ...],
    stream: Random,
    share: float = PUBLISHED_SHARE,
) -> tuple[Rates, ...]:
    """What the monitoring reports of `measured`.

    Every rate is off by up to 2 %. Of the interfaces, or all those of a router at once where faults are
    correlated, a share reports 0 for both rates, or each rate times a factor of 0.5 to 0.8 or 1.2 to 1.5. A
    correlated fault takes the place of the noise. Numbers are drawn in the published order, so that the
    published generator with the published seed makes the published snapshots.
    """
    reported = {
        interface.name: _with_noise(fault, rates, share, stream)
        for interface, rates in zip(interfaces, measured, strict=True)
    }
    by_name = {interface.name: rates for interface, rates in zip(interfaces, measured, strict=True)}
    for names in topology_of(interfaces).values():
        if stream.random() < 1.0 - share:
            continue
        for name in names:
            if fault is Fault.CORRELATED_DROPPED:
                reported[name] = Rates(0.0, 0.0)
            elif fault is Fault.CORRELATED_SCALED:
                reported[name] = _scaled(by_name[name], stream)
    return tuple(reported[interface.name] for interface in interfaces)


def _with_noise(fault: Fault, rates: Rates, share: float, stream: Random) -> Rates:
    noisy = Rates(rates.rx * stream.uniform(0.98, 1.02), rates.tx * stream.uniform(0.98, 1.02))
    if fault is Fault.DROPPED and stream.random() < share:
        return Rates(0.0, 0.0)
    if fault is Fault.SCALED and stream.random() < share:
        return _scaled(noisy, stream)
    return noisy


def _scaled(rates: Rates, stream: Random) -> Rates:
    return Rates(rates.rx * _factor(stream), rates.tx * _factor(stream))


def _factor(stream: Random) -> float:
    return stream.choice([stream.uniform(0.5, 0.8), stream.uniform(1.2, 1.5)])
