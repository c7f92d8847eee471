"""The cache of prompts' beginnings that clients mark: who writes them and who reads them, and when."""

import time

from tests.support.llm_server.config import Metering
from tests.support.llm_server.exchange import Question, Tokens, input_tokens, marked_tokens


class PrefixCache:
    """As at Anthropic: what is marked and long enough is written by those who ask before an answer to any of
    them has begun, and read by all who ask later, as long as no pause between them is too long.
    """

    def __init__(self, metering: Metering) -> None:
        self._metering = metering
        self._used: dict[tuple[str, str], float] = {}
        """When each beginning was written or read last, by model and text; seconds of a monotonic clock."""

    def metered(self, question: Question, output: int, reasoning: int) -> Tokens:
        """What a question and its answer cost; the question's beginning is kept from `keep` on only."""
        asked, marked = input_tokens(question.turns), marked_tokens(question.turns)
        if marked < self._metering.cache_minimum:
            return Tokens(asked, output, 0, reasoning)
        used = self._used.get(_key(question))
        if used is None or time.monotonic() - used > self._metering.cache_lifetime_s:
            return Tokens(asked, output, 0, reasoning, marked)
        self._used[_key(question)] = time.monotonic()
        return Tokens(asked, output, marked, reasoning)

    def keep(self, question: Question) -> None:
        """The answer to a question begins: from now on its beginning can be read."""
        if marked_tokens(question.turns) >= self._metering.cache_minimum:
            self._used[_key(question)] = time.monotonic()


def _key(question: Question) -> tuple[str, str]:
    place = max(place for place, turn in enumerate(question.turns) if turn.marked)
    return question.model, repr([(turn.role, turn.text) for turn in question.turns[: place + 1]])
