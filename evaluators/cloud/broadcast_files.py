"""Reads broadcasts in the format of the published benchmark: a configuration beside two grids."""

import csv
from collections.abc import Iterator
from pathlib import Path

import msgspec

from evaluators.cloud.broadcast import Broadcast, Grid, Link
from evolve.problem import InstanceFileError

PUBLISHED_VMS = 2
"""VMs in each region; the published evaluators have it in their code, not in the configurations."""

_PLACES = (".", "profiles", "../profiles")
_COST_FILES = ("cost.csv",)
_THROUGHPUT_FILES = ("throughput.csv", "throughput_slim.csv")


class _Configuration(msgspec.Struct):
    source_node: str
    dest_nodes: list[str]
    data_vol: float
    num_partitions: int
    ingress_limit: dict[str, float]
    egress_limit: dict[str, float]
    num_vms: int = PUBLISHED_VMS
    links: list[tuple[str, str, float, float]] | None = None
    """Instead of grids: sender, receiver, USD/GB, Gbit/s of a VM."""


def broadcast_files(path: Path) -> tuple[Path, ...]:
    """A configuration and the grids that belong to it, as `read_broadcast` finds them.

    Raises:
        InstanceFileError: A file is missing or is not in this format.
    """
    if _configuration(path).links is not None:
        return (path,)
    return (path, _beside(path, _COST_FILES), _beside(path, _THROUGHPUT_FILES))


def read_broadcast(path: Path) -> Broadcast:
    """Read a configuration and the grids that belong to it.

    The configuration is JSON: `source_node`, `dest_nodes`, `data_vol` (GB), `num_partitions`, `ingress_limit`
    and `egress_limit` (Gbit/s of a VM by provider), and optionally `num_vms` (2). Its links stand in it as
    `links`, or else in `cost.csv` (columns src, dest, cost) and `throughput.csv` (src_region, dst_region,
    throughput_sent in bit/s), in the same folder, in `profiles` below it or in `../profiles`.

    Raises:
        InstanceFileError: A file is missing or is not in this format; the message says which and where.
    """
    configuration = _configuration(path)
    try:
        return Broadcast(
            source=configuration.source_node,
            destinations=tuple(configuration.dest_nodes),
            grid=_grid(path, configuration),
            data_gb=configuration.data_vol,
            partitions=configuration.num_partitions,
            vms=configuration.num_vms,
            ingress_gbps=configuration.ingress_limit,
            egress_gbps=configuration.egress_limit,
        )
    except ValueError as error:
        if isinstance(error, InstanceFileError):
            raise
        raise InstanceFileError(f"{path}: {error}") from error


def _configuration(path: Path) -> _Configuration:
    try:
        return msgspec.json.decode(path.read_bytes(), type=_Configuration)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InstanceFileError(
            f"{path}: not a broadcast: {error}; expected is"
            ' {"source_node": ..., "dest_nodes": [...], "data_vol": ..., "num_partitions": ...,'
            ' "ingress_limit": {...}, "egress_limit": {...}}'
        ) from error
    except OSError as error:
        raise InstanceFileError(f"{path}: cannot be read: {error.strerror}") from error


def _grid(path: Path, configuration: _Configuration) -> Grid:
    if configuration.links is None:
        cost, throughput = _beside(path, _COST_FILES), _beside(path, _THROUGHPUT_FILES)
        return _grid_of_files(cost, throughput, configuration.num_vms)
    grid: dict[str, dict[str, Link]] = {}
    for sender, receiver, price, gbps in configuration.links:
        grid.setdefault(sender, {})[receiver] = Link(price, configuration.num_vms * gbps)
        grid.setdefault(receiver, {})
    return grid


def _beside(path: Path, names: tuple[str, ...]) -> Path:
    """The grid that belongs to a configuration."""
    candidates = [path.parent / place / name for place in _PLACES for name in names]
    for candidate in candidates:
        if candidate.is_file():
            return candidate
    raise InstanceFileError(
        f"{path}: no {' or '.join(names)} in {path.parent}, in its folder 'profiles' or in '../profiles';"
        ' put the grid there, or give the links in the file: "links": [[sender, receiver, USD/GB, Gbit/s]]'
    )


def _grid_of_files(cost_file: Path, throughput_file: Path, vms: int) -> Grid:
    """Links in the order of the throughput grid; the last of several lines on a link counts.

    Links from a region to itself are left out, and so are those that have no price.
    """
    throughputs: dict[str, dict[str, float]] = {}
    for sender, receiver, sent in _rows(throughput_file, ("src_region", "dst_region", "throughput_sent")):
        if sender != receiver:
            throughputs.setdefault(sender, {})[receiver] = vms * sent / 1e9
            throughputs.setdefault(receiver, {})
    prices = {
        (sender, receiver): price for sender, receiver, price in _rows(cost_file, ("src", "dest", "cost"))
    }
    return {
        sender: {
            receiver: Link(prices[sender, receiver], throughput)
            for receiver, throughput in links.items()
            if (sender, receiver) in prices
        }
        for sender, links in throughputs.items()
    }


def _rows(path: Path, columns: tuple[str, str, str]) -> Iterator[tuple[str, str, float]]:
    """Two names and a number from each line of a CSV file with a header."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file)
            missing = [column for column in columns if column not in (reader.fieldnames or ())]
            if missing:
                raise InstanceFileError(f"{path}: line 1: there is no column {missing[0]!r}")
            for row in reader:
                try:
                    yield row[columns[0]], row[columns[1]], float(row[columns[2]])
                except (TypeError, ValueError) as error:
                    raise InstanceFileError(
                        f"{path}: line {reader.line_num}: {columns[2]} is {row[columns[2]]!r}, not a number"
                    ) from error
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InstanceFileError(f"{path}: cannot be read: {error}") from error
