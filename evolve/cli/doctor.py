"""`evolve doctor`: what this machine can do."""

import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import click

from evolve import __version__
from evolve.archive.engine import open_archive
from evolve.archive.runs import list_runs
from evolve.cli.options import archive_option, format_option
from evolve.cli.output import print_rows
from evolve.config import available_cores
from evolve.errors import ArchiveError, UserError
from evolve.execution.isolation import IsolationLevel
from evolve.execution.sandbox import Sandbox
from evolve.llm.keys import Keys

_LIBRARIES = ("numpy", "sqlalchemy", "msgspec", "click", "rich", "jinja2")
_EXTRAS = {"ray": "ray", "postgres": "psycopg", "gpu": "torch"}
_SDKS = ("openai", "anthropic", "litellm")
_WITH_KEYS = ("openai", "anthropic", "gemini", "openrouter", "deepseek", "mistral", "groq", "xai")


@click.command("doctor")
@archive_option
@format_option
def command(archive: str, format_: str) -> None:
    """Say what this machine can do: isolation, archive, versions; and how to get what is missing."""
    rows = [*_versions(), *_isolation(), _archive(archive), *_models(), *_extras()]
    print_rows(rows, format_, ("what", "found", "advice"))


def _row(what: str, found: str, advice: str = "") -> dict[str, Any]:
    return {"what": what, "found": found, "advice": advice}


def _versions() -> list[dict[str, Any]]:
    libraries = ", ".join(f"{name} {version(name)}" for name in _LIBRARIES)
    return [
        _row("evolve", __version__),
        _row("python", f"{platform.python_version()} ({sys.executable})"),
        _row("system", f"{platform.system()} {platform.release()} {platform.machine()}"),
        _row("cores", str(available_cores())),
        _row("libraries", libraries),
    ]


def _isolation() -> list[dict[str, Any]]:
    with Sandbox(needs_numpy=False, minimum=IsolationLevel.NONE) as sandbox:
        report = sandbox.report
    details = f"namespaces: {report.namespaces}, seccomp: {'yes' if report.seccomp else 'no'}"
    landlock = f"Landlock ABI {report.landlock_abi}" if report.landlock_abi else "no Landlock"
    allowed = ", ".join(report.allowed_probes) or "nothing"
    return [
        _row("isolation", report.level.value, "; ".join(report.reasons)),
        _row("isolation by", f"{details}, {landlock}"),
        _row("a program can still", allowed),
    ]


def _archive(url: str) -> dict[str, Any]:
    try:
        archive = open_archive(url, create=False, read_only=True)
    except (UserError, ArchiveError) as error:
        return _row("archive", "none", str(error))
    with archive.reading() as connection:
        count = len(list_runs(connection))
    archive.close()
    return _row("archive", f"{archive.name}: {count} runs")


def _models() -> list[dict[str, Any]]:
    """Which SDKs are installed, and which providers have a key; never the key."""
    installed, missing = [], []
    for name in _SDKS:
        try:
            installed.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            missing.append(name)
    advice = f"pip install 'evolve-adrs[llm]' for {', '.join(missing)}" if missing else ""
    keys = Keys()
    found = [name for name in _WITH_KEYS if keys.find(name) is not None]
    no_keys = "" if found else "put OPENAI_API_KEY or ANTHROPIC_API_KEY into the environment or .env"
    return [
        _row("models by", ", ".join(installed) or "not installed", advice),
        _row("keys for", ", ".join(found) or "no provider", no_keys),
    ]


def _extras() -> list[dict[str, Any]]:
    return [_extra(name, package) for name, package in _EXTRAS.items()]


def _extra(name: str, package: str) -> dict[str, Any]:
    try:
        return _row(name, f"{package} {version(package)}")
    except PackageNotFoundError:
        return _row(name, "not installed", f"pip install 'evolve-adrs[{name}]'")
