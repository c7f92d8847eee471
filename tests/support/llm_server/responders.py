"""What the models behind the server answer."""

from typing import Protocol

import msgspec

from tests.support.llm_server.author import ProgramAuthor
from tests.support.llm_server.exchange import Question


class Responder(Protocol):
    """A model: the same question always has the same answer."""

    def respond(self, question: Question) -> str:
        """The text of the answer."""
        ...


class Fixed(msgspec.Struct, frozen=True, tag="fixed"):
    """Always says the same."""

    text: str = "The quick brown fox jumps over the lazy dog. Ünïcödé: 漢字."

    def respond(self, question: Question) -> str:
        return self.text


__all__ = ["Fixed", "ProgramAuthor", "Responder"]
