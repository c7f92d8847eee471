"""Foreign text in prompts: fenced so that it cannot end its fence, cleaned, and kept short."""

import re
import unicodedata

_BACKTICKS = re.compile(r"`+")
_KEPT = re.compile(r"\0([0-9]+)\0")
_TRAILING = re.compile(r"[ \t]+\n")
_BLANK_LINES = re.compile(r"\n{3,}")
_ESCAPE = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?")
"""What terminals take for commands: colours, cursors, titles."""
_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Co"})
"""Categories of characters that show nothing or turn the order of others, such as U+202E."""
_LINE_ENDS = re.compile(r"\r\n|[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]")
_SPACES = re.compile(r"\s+")


def in_fence(text: str, info: str = "") -> str:
    """`text` in a Markdown fence that is longer than any run of backticks in it, without a final line end."""
    longest = max((len(run) for run in _BACKTICKS.findall(text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{info}\n{text}{'' if text.endswith(chr(10)) else chr(10)}{fence}"


def fenced(text: str, info: str = "") -> str:
    """`text` in a fence, for a template whose output goes through `tidied`, which will not touch it."""
    whole = in_fence(text, info)
    return f"\0{len(whole)}\0{whole}"


def tidied(rendered: str) -> str:
    """What a template made, with one blank line where there are several and none at its ends.

    What is `fenced` stays as it is, and begins on a line of its own.
    """
    done = ""
    position = 0
    while True:
        kept = _KEPT.search(rendered, position)
        around = rendered[position : kept.start() if kept is not None else len(rendered)]
        done += _BLANK_LINES.sub("\n\n", _TRAILING.sub("\n", around))
        if kept is None:
            return done.strip("\n") + "\n"
        position = kept.end() + int(kept[1])
        separator = "\n\n" if done and not done.endswith("\n") else ""
        done += separator + rendered[kept.end() : position]


def clean(text: str) -> str:
    """`text` without terminal commands and invisible characters; all ends of lines become line feeds."""
    text = _LINE_ENDS.sub("\n", _ESCAPE.sub("", text))
    if text.isascii() and text.isprintable():
        return text
    return "".join(one for one in text if one in "\n\t" or unicodedata.category(one) not in _INVISIBLE)


def one_line(text: str, limit: int) -> str:
    """`text` cleaned, on one line, and cut to `limit` characters."""
    line = _SPACES.sub(" ", clean(text)).strip()
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"


def shortened(text: str, limit: int) -> str:
    """`text` cleaned, with its middle left out where it has more than some `limit` characters.

    The end is kept because that is where a traceback says what happened.
    """
    text = clean(text).strip("\n")
    if len(text) <= limit:
        return text
    head = limit // 2
    left_out = len(text) - limit
    return f"{text[:head]}\n[… {left_out} characters left out …]\n{text[len(text) - (limit - head) :]}"
