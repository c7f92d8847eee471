"""How many tokens a text has, estimated without anybody's tokenizer, on the high side.

Prompts are cut, reservations made and rates kept by this estimate, so it depends on the text alone: the same
wherever a run is repeated, whatever is installed. The constants were fitted to the encodings `cl100k_base`
and `o200k_base` of tiktoken, whose counts it exceeds by a quarter on English and by a third to a half on
Python source; that is room for tokenizers that cut finer. Long random letters are underestimated, by up to
two fifths.

The parts of a text that is cut at line breaks have together at least as many as the whole.
"""

import re
from collections.abc import Iterable

from evolve.llm.base import Message

MESSAGE_OVERHEAD = 8
"""For the role and the delimiters of each message, and once for the answer's beginning."""
_LETTERS = 5
"""Of a word, to a token."""
_LONG_WORD = 10
_LETTERS_BEYOND = 3
"""To a token in what is longer than most words, such as compounds and random letters."""
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+")
_DIGIT = re.compile(r"[0-9]")
"""Several tokenizers give each digit a token of its own."""
_SIGN = re.compile(r"[!-/:-@\[-`{-~\x00-\x08\x0e-\x1f\x7f]")
_BLANK = re.compile(r"[ \t\f\v]{2,}|\t| (?=[0-9])")
"""A single space belongs to the word or the sign behind it, but not to a number."""
_LINE = re.compile(r"[\r\n]+")
_OTHER = re.compile(r"[^\x00-\x7f]")


def estimate(text: str) -> int:
    """How many tokens `text` has at most, as a rule."""
    words = sum(_in_word(len(word)) for word in _WORD.findall(text))
    return words + sum(len(kind.findall(text)) for kind in (_DIGIT, _SIGN, _BLANK, _LINE)) + _foreign(text)


def estimate_messages(messages: Iterable[Message]) -> int:
    """How many tokens a prompt of these messages has, as a rule at most."""
    return MESSAGE_OVERHEAD + sum(MESSAGE_OVERHEAD + estimate(message.content) for message in messages)


def _in_word(letters: int) -> int:
    if letters <= _LONG_WORD:
        return (letters - 1) // _LETTERS + 1
    return _LONG_WORD // _LETTERS + (letters - _LONG_WORD - 1) // _LETTERS_BEYOND + 1


def _foreign(text: str) -> int:
    """Tokens of what is not ASCII: one for each byte of UTF-8 but the first, which others share."""
    return 0 if text.isascii() else sum(_bytes(sign) - 1 for sign in _OTHER.findall(text))


def _bytes(sign: str) -> int:
    return 2 if sign < "\u0800" else 3 if sign < "\U00010000" else 4
