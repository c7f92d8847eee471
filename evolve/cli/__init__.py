"""The command line. One module for each command, imported when the command is used."""

from evolve.cli.root import main

__all__ = ["main"]
