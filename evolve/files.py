"""Text files that people name, read and written with errors that help."""

from pathlib import Path

from evolve.errors import UserError


def read_text(path: Path) -> str:
    """The text of a file.

    Raises:
        UserError: It cannot be read, or is not UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is not UTF-8 text: {error.reason} at byte {error.start}") from error


def write_text(path: Path, text: str, *, force: bool) -> None:
    """Write a file; one that is there is replaced only if `force` says so.

    Raises:
        UserError: It is there already, or cannot be written.
    """
    try:
        with path.open("w" if force else "x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError as error:
        raise UserError(f"{path} is there already; --force replaces it") from error
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror}") from error
