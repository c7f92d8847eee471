"""Reads the archives of traces behind the published scores (ADRS leaderboard, real_traces.tar.gz).

Nothing is unpacked to disk; only the members that are wanted are looked into.
"""

import re
import tarfile
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np

from evaluators.cloud import spot_published as published
from evaluators.cloud.spot import Market, SpotWorkload, single_market
from evaluators.cloud.spot_files import Trace, built, evenly_spaced, parse_trace
from evolve.problem import InstanceFileError

_SINGLE = re.compile(
    r"real/ddl=search\+task=48\+overhead=([0-9.]+)/real/(\w[\w-]*)/traces/random_start/(\d+)\.json"
)
_MULTI = re.compile(r"converted_multi_region_aligned/(\w[\w-]*)_v100_1/(\d+)\.json")


def is_archive(path: Path) -> bool:
    """Whether a file has the name of an archive."""
    return path.name.endswith((".tar.gz", ".tgz", ".tar"))


def read_single_region(path: Path) -> dict[str, SpotWorkload]:
    """The 180 traces of the single-region benchmark with six jobs each: its 1,080 simulations.

    Raises:
        InstanceFileError: The file is not that archive.
    """
    found = _members(path, _SINGLE, lambda groups: groups[0] in published.OVERHEADS_H)
    workloads: dict[str, SpotWorkload] = {}
    for environment in published.ENVIRONMENTS:
        numbers = sorted(
            {number for (_, zone, number) in found if zone == environment},
            key=lambda number: f"{number}.json",
        )
        if not numbers:
            raise InstanceFileError(f"{path}: no traces of {environment}; expected the benchmark's archive")
        for number in evenly_spaced(numbers, published.TRACES):
            traces = [found.get((overhead, environment, number)) for overhead in published.OVERHEADS_H]
            name = f"{environment}-{number}"
            workloads[name] = _single(traces, f"{path}: {name}")
    return workloads


def read_multi_region(path: Path) -> dict[str, SpotWorkload]:
    """The 34 simulations of the multi-region benchmark.

    Raises:
        InstanceFileError: The file is not that archive.
    """
    wanted = max(count for _, count in published.SCENARIOS.values())
    found = _members(path, _MULTI, lambda groups: int(groups[1]) < wanted)
    workloads: dict[str, SpotWorkload] = {}
    for scenario, (zones, count) in published.SCENARIOS.items():
        for number in range(count):
            traces = [found.get((zone, str(number))) for zone in zones]
            name = f"{scenario}-{number}"
            workloads[name] = _multi(traces, f"{path}: {name}")
    return workloads


def _single(traces: list[Trace | None], place: str) -> SpotWorkload:
    first = traces[0]
    if first is None or any(trace is None or trace.data != first.data for trace in traces):
        raise InstanceFileError(f"{place}: expected the same trace in the folders of all overheads")
    market = single_market(
        ~first.preempted, first.metadata.gap_seconds, published.SPOT_PRICE, published.ON_DEMAND_PRICE
    )
    return built(place, lambda: SpotWorkload(market, published.JOBS))


def _multi(traces: list[Trace | None], place: str) -> SpotWorkload:
    present = [trace for trace in traces if trace is not None]
    if len(present) != len(traces):
        raise InstanceFileError(f"{place}: a zone's trace is missing; expected the benchmark's archive")
    ticks = min(len(trace.data) for trace in present)
    gaps = {trace.metadata.gap_seconds for trace in present}
    if len(gaps) != 1 or any(len(trace.prices or ()) < ticks for trace in present):
        raise InstanceFileError(
            f"{place}: expected traces with the same gap_seconds and a price for each tick"
        )
    market = Market(
        gaps.pop(),
        np.array([~trace.preempted[:ticks] for trace in present]),
        np.array([(trace.prices or [])[:ticks] for trace in present]),
        published.ON_DEMAND_PRICE,
    )
    return built(place, lambda: SpotWorkload(market, (published.MULTI_REGION_JOB,), loses_tick=True))


def _members(
    path: Path, pattern: re.Pattern[str], wanted: Callable[[tuple[str, ...]], bool]
) -> dict[tuple[str, ...], Trace]:
    """The traces among the members whose names match, by the groups of the pattern."""
    traces: dict[tuple[str, ...], Trace] = {}
    try:
        with tarfile.open(path) as archive:
            for member in archive:
                match = pattern.fullmatch(member.name.removeprefix("./"))
                if match is None or not wanted(match.groups()):
                    continue
                file = archive.extractfile(member)
                content = b"" if file is None else file.read()
                traces[match.groups()] = parse_trace(_decoded(content), f"{path}: {member.name}")
    except (tarfile.TarError, EOFError, OSError) as error:
        raise InstanceFileError(f"{path}: not an archive that can be read: {error}") from error
    except msgspec.DecodeError as error:
        raise InstanceFileError(f"{path}: a trace is not JSON: {error}") from error
    return traces


def _decoded(content: bytes) -> object:
    return msgspec.json.decode(content)
