"""The problem `telemetry_repair`: which counters of a network to believe, and what the others should say."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar, TypeAlias

from evaluators.telemetry.published import leaderboard_score, read_snapshots
from evaluators.telemetry.repair import RepairedInterface, RepairQuality, checked_repair, repair_quality
from evaluators.telemetry.snapshot import Snapshot
from evolve.problem import (
    Candidate,
    Direction,
    EntryPoint,
    Instance,
    InvalidDecision,
    Limits,
    Objective,
    Outcome,
    Problem,
    Split,
)
from problems.telemetry_repair.networks import Monitoring, generated_networks

MonitoringInstance: TypeAlias = Instance[Monitoring]

_LEAST_QUALITY = 1e-6
"""What a repair without any merit is given, so that a ratio can be formed of it."""


class TelemetryRepair(Problem[Monitoring]):
    """Repair the traffic counters of a network's interfaces, and say how sure each repair is."""

    name: ClassVar[str] = "telemetry_repair"
    summary: ClassVar[str] = "repair faulty traffic counters of a network, and know how sure each repair is"
    entry_point: ClassVar[EntryPoint] = EntryPoint("run_repair", ("telemetry", "topology"))
    objectives: ClassVar[tuple[Objective, ...]] = (
        Objective("combined_quality", "ratio", Direction.MAXIMISE),
        Objective("counter_quality", "ratio", Direction.MAXIMISE),
        Objective("status_quality", "ratio", Direction.MAXIMISE),
        Objective("calibration", "ratio", Direction.MAXIMISE),
    )
    baselines: ClassVar[Mapping[str, str]] = {
        "passthrough": "baselines/passthrough.py",
        "take the lower": "baselines/take_the_lower.py",
        "link symmetry": "baselines/link_symmetry.py",
        "first-principles repair": "baselines/first_principles.py",
    }
    bound_name: ClassVar[str] = "perfect repair"
    limits: ClassVar[Limits] = Limits()

    def instances(self, split: Split) -> Sequence[MonitoringInstance]:
        """The generated networks of a split."""
        return generated_networks(split)

    def read_instances(self, path: Path) -> Sequence[MonitoringInstance]:
        """Read the published benchmark's CSV of rates as one instance: its 30 snapshots.

        Raises:
            InstanceFileError: It is no such file.
        """
        return (Instance(path.stem, Monitoring(read_snapshots(path))),)

    def evaluate(self, instance: MonitoringInstance, candidate: Candidate) -> Outcome:
        """Have one snapshot repaired after the other, and average."""
        qualities: list[RepairQuality] = []
        worst = ""
        for number, snapshot in enumerate(instance.payload.snapshots):
            answer = candidate.call(self.entry_point.function, snapshot.telemetry(), snapshot.topology())
            try:
                repaired = checked_repair(answer, snapshot.interfaces)
            except InvalidDecision as error:
                raise InvalidDecision(f"snapshot {number}: {error.feedback}") from None
            qualities.append(repair_quality(snapshot, repaired))
            if qualities[-1].combined == min(quality.combined for quality in qualities):
                worst = (
                    f"Worst: snapshot {number} ({qualities[-1].combined:.3f}); {_worst(snapshot, repaired)}"
                )
        counters, status, calibration, combined = (
            sum(parts) / len(qualities)
            for parts in zip(
                *((q.counters, q.status, q.calibration, q.combined) for q in qualities), strict=True
            )
        )
        return Outcome(
            instance=instance.name,
            value=max(_LEAST_QUALITY, combined),
            metrics={
                "combined_quality": combined,
                "counter_quality": counters,
                "status_quality": status,
                "calibration": calibration,
                "published_score": leaderboard_score(combined),
            },
            feedback=f"counters {counters:.4f}, status {status:.4f}, calibration {calibration:.4f}.\n{worst}",
        )

    def bound(self, instance: MonitoringInstance) -> float:
        """A perfect repair with full confidence has quality 1; each part of the sum is at most its weight."""
        return 1.0


def _worst(snapshot: Snapshot, repaired: Sequence[RepairedInterface]) -> str:
    """The counter that is repaired worst, as its author can see it; the truth is not told."""
    reported = {one.name: rates for one, rates in zip(snapshot.interfaces, snapshot.reported, strict=True)}
    found: list[tuple[float, str]] = []
    for interface, true, answer in zip(snapshot.interfaces, snapshot.true, repaired, strict=True):
        own, peer = reported[interface.name], reported.get(interface.connected_to)
        for key, rate, reading, seen, other in (
            ("rx_rate", true.rx, answer.rx, own.rx, peer.tx if peer else None),
            ("tx_rate", true.tx, answer.tx, own.tx, peer.rx if peer else None),
        ):
            off = min(1.0, abs(reading.rate - rate) / rate) if rate else float(reading.rate > 0.0)
            there = "nothing" if other is None else f"{other:.3f}"
            told = f"reported {seen:.3f}, other end {there}, answered {reading.rate:.3f}"
            found.append((off, f"{interface.name} {key} is off by {off:.0%} ({told})"))
    return max(found)[1]


problem = TelemetryRepair()
