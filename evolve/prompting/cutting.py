"""Cuts prompts so that they fit a model: the parts that are worth least go first."""

from collections.abc import Callable, Iterable
from typing import TypeVar

import msgspec

ContentT = TypeVar("ContentT")


class Fitted(msgspec.Struct, frozen=True):
    """A prompt that fits."""

    text: str
    tokens: int
    cut: tuple[str, ...]
    """What was left out, in the order in which it was."""


class TooLongError(ValueError):
    """A prompt does not fit, whatever is left out."""

    def __init__(self, tokens: int, limit: int) -> None:
        super().__init__(f"{tokens} tokens do not fit into {limit}")
        self.tokens = tokens
        self.limit = limit


def fit(
    content: ContentT,
    cuts: Iterable[tuple[str, Callable[[ContentT], ContentT]]],
    render: Callable[[ContentT], str],
    estimate: Callable[[str], int],
    limit: int,
) -> Fitted:
    """Render some content, less and less of it, until it has at most `limit` tokens.

    Args:
        content: All that there is to tell.
        cuts: What can be left out, with its name, the least valuable first. A cut that leaves the text
            as it was does not count.
        render: Makes the prompt's text.
        estimate: How many tokens a text has.
        limit: How many it may have.

    Raises:
        TooLongError: It does not fit after all cuts.
    """
    text = render(content)
    tokens = estimate(text)
    done: list[str] = []
    for name, cut in cuts:
        if tokens <= limit:
            break
        less = cut(content)
        shorter = text if less == content else render(less)
        content = less
        if shorter != text:
            text, tokens = shorter, estimate(shorter)
            done.append(name)
    if tokens > limit:
        raise TooLongError(tokens, limit)
    return Fitted(text, tokens, tuple(done))
