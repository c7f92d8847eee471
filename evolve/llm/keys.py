"""Keys of providers: where they are found, and how they are kept out of everything else."""

import os
import re
from collections.abc import Mapping
from pathlib import Path

from evolve.errors import UserError

_SECRET_NAME = re.compile(
    r"PASSWORD|PASSWD|SECRET|CREDENTIAL|CUSTOM_HEADERS|(^|_)(API_?)?KEYS?($|_)|(^|_)TOKENS?($|_)"
)
_SHORTEST = 8
"""Characters; what is shorter guards nothing and would be found in any text."""
_HIDDEN = "[key]"
_AUTHORIZATION = re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/=-]{8,}|\bsk-[\w-]{8,}")
_NAMES = {
    "gemini": ("GEMINI_API_KEY", "GOOGLE_API_KEY"),
    "together_ai": ("TOGETHERAI_API_KEY", "TOGETHER_API_KEY"),
}


def looks_secret(name: str) -> bool:
    """Whether an environment variable of this name can be expected to hold a secret."""
    return _SECRET_NAME.search(name.upper()) is not None


def without_secrets(environment: Mapping[str, str]) -> dict[str, str]:
    """An environment for processes that have no business with any provider."""
    return {name: value for name, value in environment.items() if not looks_secret(name)}


class Keys:
    """The keys in the environment, and in `.env` in a folder for those that it lacks.

    They are handed to providers and nowhere else; in particular `.env` is not copied into the environment,
    which other processes inherit.
    """

    def __init__(self, environment: Mapping[str, str] | None = None, folder: Path | None = None) -> None:
        self._environment = dict(os.environ if environment is None else environment)
        self._file = (Path.cwd() if folder is None else folder) / ".env"
        self._from_file: dict[str, str] | None = None

    def find(self, provider: str) -> str | None:
        """The key of a provider, from `PROVIDER_API_KEY`, or None.

        Raises:
            UserError: There is a `.env` that cannot be read.
        """
        usual = re.sub(r"\W", "_", provider).upper() + "_API_KEY"
        names = _NAMES.get(provider, (usual,))
        return _first(self._environment, names) or _first(self._read_file(), names)

    def scrubber(self, *more: str | None) -> "Scrubber":
        """What hides all secrets that are known here, and `more`."""
        known = {**(self._from_file or {}), **self._environment}
        secrets = [value.strip() for name, value in known.items() if looks_secret(name)]
        return Scrubber(tuple(secrets) + tuple(one for one in more if one))

    def _read_file(self) -> dict[str, str]:
        if self._from_file is None:
            self._from_file = _read(self._file) if self._file.is_file() else {}
        return self._from_file


def _first(values: Mapping[str, str], names: tuple[str, ...]) -> str | None:
    return next((key for name in names if (key := values.get(name, "").strip())), None)


class Scrubber:
    """Hides secrets in texts that may leave this process."""

    def __init__(self, secrets: tuple[str, ...] = ()) -> None:
        worth_hiding = {secret for secret in secrets if len(secret) >= _SHORTEST}
        self._secrets = sorted(worth_hiding, key=len, reverse=True)

    def scrub(self, text: str) -> str:
        """`text` without any of the secrets."""
        for secret in self._secrets:
            if secret in text:
                text = text.replace(secret, _HIDDEN)
        return text

    def scrub_error(self, text: str) -> str:
        """`text` of an error, also without what looks like a key, as where a provider repeats some of it."""
        return _AUTHORIZATION.sub(_HIDDEN, self.scrub(text))

    def __repr__(self) -> str:
        return f"Scrubber({len(self._secrets)} secrets)"


def _read(path: Path) -> dict[str, str]:
    try:
        from dotenv import dotenv_values
    except ModuleNotFoundError as error:
        raise UserError(f"reading {path} needs python-dotenv: pip install 'evolve-adrs[llm]'") from error
    try:
        values = dotenv_values(path)
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"cannot read {path}: {error}") from error
    return {name: value for name, value in values.items() if value is not None}
