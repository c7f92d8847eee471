"""`evolve run`: start a run, or go on with it."""

from pathlib import Path
from typing import Any

import click

from evolve.cli import model_options
from evolve.cli.model_options import with_model_options
from evolve.cli.options import format_option, instances_option, loaded_problem, opened
from evolve.cli.running import search_and_report
from evolve.config import (
    DEFAULT_ARCHIVE,
    DEFAULT_EVALUATIONS,
    DEFAULT_LLM_OPERATORS,
    DEFAULT_OPERATORS,
    all_models,
    make_settings,
    read_config,
)
from evolve.errors import UserError
from evolve.running import open_run


class OperatorWeights(click.ParamType[dict[str, float]]):
    """`constants,expressions=3`: names with weights, which are 1 if not said."""

    name = "NAME[=WEIGHT],..."

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> dict[str, float]:
        """Weights by operator."""
        weights: dict[str, float] = {}
        for part in str(value).split(","):
            name, separator, weight = part.strip().partition("=")
            try:
                weights[name] = float(weight) if separator else 1.0
            except ValueError:
                self.fail(f"'{weight}' is not a number", param, ctx)
        return weights


class Duration(click.ParamType[float]):
    """`90`, `90s`, `15m`, `8h`: a time in seconds."""

    name = "TIME"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Seconds."""
        text = str(value).strip().lower()
        unit = {"s": 1.0, "m": 60.0, "h": 3600.0}.get(text[-1:], 0.0)
        try:
            return float(text[:-1]) * unit if unit else float(text)
        except ValueError:
            self.fail(f"'{value}' is no time; write 90s, 15m or 8h", param, ctx)


def _written(weights: dict[str, float]) -> str:
    return ",".join(f"{name}={weight:g}" for name, weight in weights.items())


_DEFAULT_WEIGHTS = _written(DEFAULT_OPERATORS)
_LLM_WEIGHTS = _written(DEFAULT_LLM_OPERATORS)

budget_options = [
    click.option(
        "--max-evaluations",
        type=int,
        metavar="N",
        help=f"Stop after so many evaluated programs ({DEFAULT_EVALUATIONS}, if no limit is given at all).",
    ),
    click.option(
        "--max-time", type=Duration(), help="Stop after so long, over all continuations: 90s, 15m, 8h."
    ),
    *model_options.budget_options,
    click.option("--target", type=float, metavar="SCORE", help="Stop when the score on train is that good."),
]
resource_options = [
    click.option(
        "--archive", metavar="URL", help=f"The database; also EVOLVE_ARCHIVE.  [default: {DEFAULT_ARCHIVE}]"
    ),
    click.option(
        "--workers", type=int, metavar="N", help="Evaluations at the same time.  [default: all cores]"
    ),
    click.option("--executor", metavar="NAME", help="Where evaluations run.  [default: local]"),
    click.option(
        "--min-isolation",
        type=click.Choice(["none", "limits", "compute-preload", "compute", "full"]),
        help="Refuse to run programs in a weaker sandbox.  [default: compute on Linux]",
    ),
    *model_options.resource_options,
]


@click.command("run")
@click.argument("problem")
@click.option("--name", metavar="NAME", help="What to call the run; the same name goes on with it.")
@click.option("--seed", type=int, metavar="N", help="Start of all randomness.  [default: 0]")
@click.option(
    "--operators",
    type=OperatorWeights(),
    help=f"Operators, with weights.  [default: {_DEFAULT_WEIGHTS}; with models {_LLM_WEIGHTS}]",
)
@click.option("--strategy", metavar="NAME", help="What picks parents.  [default: pareto]")
@click.option(
    "--lag",
    type=int,
    metavar="N",
    help="Proposals in flight behind the last commit.  [default: 12; with models 24]",
)
@click.option(
    "--race/--no-race",
    default=None,
    help="Stop programs that are clearly worse than their parent on a few instances.  [default: race]",
)
@click.option("--config", type=click.Path(path_type=Path, dir_okay=False), help="Settings from a TOML file.")
@instances_option
@format_option
def command(
    problem: str,
    name: str | None,
    config: Path | None,
    instance_files: tuple[str, ...],
    format_: str,
    **given: Any,
) -> int:
    """Start a run on PROBLEM (a name, or the path of a problem's folder), or go on with it.

    The run is known by its --name, or else by problem, configuration and seed; the same command continues
    it after an interruption, and a larger budget after its end.
    """
    if format_ == "csv":
        raise UserError("run prints a table or json")
    filed = {} if config is None else read_config(config)
    settings = make_settings(filed, with_model_options(filed, given))
    loaded = loaded_problem(problem, instance_files)
    if not all_models(settings.course) and given["operators"] is None and format_ == "table":
        click.echo("no model is configured: using the offline operators", err=True)
    with opened(settings.resources.archive, create=True) as archive:
        run = open_run(archive, loaded, settings, name)
        return search_and_report(archive, loaded, settings, run, format_)


for _option in [*model_options.course_options, *budget_options, *resource_options]:
    command = _option(command)
