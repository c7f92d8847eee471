"""The root of the command line: finds commands, and turns errors into one line and an exit code."""

import difflib
import importlib
import os
import sys
import traceback
from typing import Any

import click

from evolve import __version__
from evolve.errors import ArchiveError, UserError

COMMANDS = {
    "problems": "What can be evolved, with baselines and their scores.",
    "run": "Start a run, or go on with it.",
    "resume": "Go on with a run, by its name.",
    "ask": "Hand out proposals to a person, a coding agent or a script.",
    "tell": "Answer a ticket with a program, and hear what became of it.",
    "prompt": "What a model would be asked next, without asking it.",
    "transcript": "Write down what models answered, so that a run can be repeated anywhere.",
    "replay": "Do a run again from its record, and compare.",
    "runs": "The runs in an archive.",
    "top": "The best programs of a run.",
    "show": "One program: where it comes from and what it did on each instance.",
    "diff": "What differs between two programs.",
    "evaluate": "Score any file.",
    "compare": "How much better one program is than another, and how sure that is.",
    "report": "What a run found, and whether it beats the best baseline.",
    "export": "Write a program to a file or a folder.",
    "query": "Answer a question that has a name: leaderboard, lineage, spending and more.",
    "sql": "Ask the archive anything, in SQL; read-only.",
    "schema": "The tables and views, for those who write SQL.",
    "archive": "Upgrade an archive; copy, merge and remove runs.",
    "lineage": "The ancestors of a program, and what each step changed.",
    "plot": "Pictures of a run: progress, instances, lineage, spending and more.",
    "watch": "Follow a run that goes on in another terminal.",
    "digest": "One hash over everything a run decided.",
    "new": "Write a problem plug-in that works, to be changed into your own.",
    "check": "Prove that a problem plug-in is sound, or say what is wrong.",
    "bench": "Compare strategies, at equal evaluations.",
    "doctor": "What this machine can do: isolation, archive, versions.",
}
"""Names and one-line helps, kept here so that listing them imports nothing."""

USER_MISTAKE = 2
FAILURE = 1
INTERRUPTED = 130


class CommandGroup(click.Group):
    """Imports a command's module when the command is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All commands, in the order of a first use."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of a name."""
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"evolve.cli.{cmd_name}")
        command: click.Command = module.command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that is called; a misspelt one is answered with the nearest."""
        name = args[0]
        if name not in COMMANDS and not name.startswith("-"):
            near = difflib.get_close_matches(name, COMMANDS, n=1, cutoff=0.5)
            hint = f"; did you mean '{near[0]}'?" if near else "; `evolve --help` lists them"
            raise UserError(f"unknown command '{name}'{hint}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(
    cls=CommandGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110}
)
@click.version_option(__version__, prog_name="evolve")
@click.option("--debug", is_flag=True, expose_value=False, help="Show the traceback of an error.")
def root() -> None:
    """Discover better algorithms for computer systems, and be able to prove it.

    Start with: evolve run job_shop_dispatching
    """


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit.

    The exit code is 0, 2 for a mistake of the user's, 130 after an interruption, and 1 for anything else.
    """
    given = sys.argv[1:] if arguments is None else arguments
    debug = "--debug" in given
    given = [argument for argument in given if argument != "--debug"]
    try:
        result: Any = root.main(args=given, prog_name="evolve", standalone_mode=False)
        code = result if isinstance(result, int) else 0
    except BrokenPipeError:
        # The reader of our output, such as `head`, has seen enough.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = FAILURE
    except (KeyboardInterrupt, click.Abort):
        click.echo("evolve: interrupted", err=True)
        code = INTERRUPTED
    except click.ClickException as error:
        _complain(error.format_message().replace("\n", " "), debug=debug)
        code = error.exit_code
    except UserError as error:
        _complain(str(error), debug=debug)
        code = USER_MISTAKE
    except ArchiveError as error:
        _complain(str(error), debug=debug)
        code = FAILURE
    except Exception as error:  # noqa: BLE001 - the outermost boundary: a person gets one line and no traceback
        _complain(_unexpected(error), debug=debug)
        code = FAILURE
    sys.exit(code)


def _unexpected(error: Exception) -> str:
    from evolve.execution.isolation import IsolationError
    from evolve.problem import InfrastructureError

    if isinstance(error, IsolationError | InfrastructureError):
        return str(error)
    return f"unexpected {type(error).__name__}: {error}; run again with --debug, and please report it"


def _complain(message: str, *, debug: bool) -> None:
    if debug:
        traceback.print_exc()
    click.echo(f"evolve: {message}", err=True)
