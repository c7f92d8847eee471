"""Options about models, and the settings they stand for."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click

from evolve.config import CHOICES
from evolve.errors import UserError
from evolve.prompting.templates import SUFFIX, read_templates

course_options = [
    click.option(
        "--model",
        "models",
        metavar="PROVIDER/NAME[=WEIGHT]",
        multiple=True,
        help="A model that writes programs: openai/…, anthropic/…, or what litellm knows. May be repeated.",
    ),
    click.option(
        "--strong-model",
        metavar="PROVIDER/NAME",
        help="A model that is kept for new directions and reflection.",
    ),
    click.option(
        "--choice",
        type=click.Choice(list(CHOICES)),
        help="Operators and models by weight, leaning to what works, or by what they have earned."
        "  [default: rates, or with models weights]",
    ),
    click.option(
        "--prompts",
        type=click.Path(path_type=Path, file_okay=False),
        metavar="FOLDER",
        help="Prompt templates in place of the project's own, by file name.",
    ),
]
budget_options = [
    click.option("--max-cost", type=float, metavar="USD", help="Stop before more is spent on models."),
    click.option("--max-tokens", type=int, metavar="N", help="Stop before more tokens go through models."),
]
resource_options = [
    click.option(
        "--api-base",
        metavar="[PROVIDER=]URL",
        multiple=True,
        help="Where a provider is reached; for servers that are compatible with it.",
    ),
    click.option("--allow-unpriced", is_flag=True, default=None, help="Use models whose price is unknown."),
    click.option(
        "--prompt-text/--no-prompt-text",
        default=None,
        help="Keep prompts and answers in the archive, or their hashes only.  [default: keep]",
    ),
    click.option(
        "--transcript",
        type=click.Path(path_type=str, dir_okay=False),
        metavar="FILE",
        help="Take the answers of models from a transcript; no provider is asked.",
    ),
]


def with_model_options(config: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """What was given on the command line, as settings on top of those of a file.

    `--model` says which models there are; what the file says of them beside their weight still holds.

    Raises:
        UserError: An option does not have the form that it should have.
    """
    settings = {key: value for key, value in given.items() if value is not None and value != ()}
    if "models" in settings:
        known = config.get("models", {})
        settings["models"] = {
            name: {**known.get(name, {}), **weight} for name, weight in map(_model, settings["models"])
        }
    if "api_base" in settings:
        named = {*settings.get("models", config.get("models", {}))}
        named |= {one for one in [settings.get("strong_model")] if one}
        settings["providers"] = _providers(
            config.get("providers", {}), settings.pop("api_base"), sorted({_provider(one) for one in named})
        )
    if "prompts" in settings:
        settings["prompts"] = _templates(settings["prompts"])
    return settings


def _model(text: str) -> tuple[str, dict[str, float]]:
    name, separator, weight = text.rpartition("=")
    if not separator:
        return text, {}
    try:
        number = float(weight)
    except ValueError:
        raise UserError(f"--model {text}: '{weight}' is no weight; write {name}=2") from None
    if not (0 < number < math.inf):
        raise UserError(f"--model {text}: a weight is a positive number")
    return name, {"weight": number}


def _provider(model: str) -> str:
    return model.partition("/")[0]


def _providers(
    known: Mapping[str, Any], given: tuple[str, ...], used: list[str]
) -> dict[str, dict[str, Any]]:
    providers: dict[str, dict[str, Any]] = {name: dict(one) for name, one in known.items()}
    for text in given:
        name, separator, url = text.partition("=")
        named = bool(separator) and "/" not in name and ":" not in name
        address = url if named else text
        parts = urlsplit(address)
        if parts.scheme not in ("http", "https") or not parts.netloc:
            raise UserError(f"--api-base {text}: write [PROVIDER=]http://host:port/v1")
        if parts.username or parts.password:
            raise UserError("--api-base: a key does not belong into the URL; put it into the environment")
        for provider in [name] if named else used or ["openai"]:
            providers.setdefault(provider, {})["api_base"] = address
    return providers


def _templates(folder: Path) -> dict[str, str]:
    """The templates in a folder by file name; their text is part of the run, so that it can be repeated."""
    found = read_templates(folder)
    if not found:
        raise UserError(f"--prompts {folder}: there is no template (*{SUFFIX}) in it")
    return found
