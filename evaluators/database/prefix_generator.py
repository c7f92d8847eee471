"""Synthetic tables: entities that repeat, categories, numbers and free text.

A model and not a measurement. It has the traits of the published tables: rows are about things (products,
films, beers) of which a few are very frequent; several columns say the same about a thing; other columns
have few values; and one column holds text that hardly repeats, which is most of what is sent.
"""

import msgspec
import numpy as np

from evaluators.checks import Integers
from evaluators.database.prefix_table import RequestTable

_ONSETS = (
    "b",
    "br",
    "c",
    "ch",
    "d",
    "f",
    "g",
    "gr",
    "h",
    "l",
    "m",
    "n",
    "p",
    "r",
    "s",
    "st",
    "t",
    "tr",
    "v",
    "w",
)
_VOWELS = ("a", "e", "i", "o", "u", "ea", "ou")
_CODAS = ("", "", "l", "n", "r", "s", "t", "nd", "rk")
_VOCABULARY = 600

_Column = tuple[str, list[str]]


class EntityModel(msgspec.Struct, frozen=True):
    """Things that rows are about, each described by several columns that follow from one another."""

    name: str
    count: int
    words: tuple[int, ...]
    """For each column that describes the thing: how many words it has. A column of 0 words is a number."""
    skew: float
    """Exponent of the Zipf law by which things are frequent."""


class TableModel(msgspec.Struct, frozen=True, kw_only=True):
    """Parameters of the generator."""

    rows: int
    entities: tuple[EntityModel, ...]
    categories: tuple[int, ...] = ()
    """Number of values of each categorical column."""
    ratings: int = 0
    """Columns of numbers with few values."""
    text_words: int = 0
    """Mean number of words in the column of free text; 0 for none."""
    missing: float = 0.0
    """Share of the cells of categories and ratings that are empty."""
    times: bool = False
    """Whether there is a column of time stamps, in order."""


def generate_table(model: TableModel, seed: int) -> RequestTable:
    """A table drawn from `model`; the same for the same seed.

    Uses NumPy's legacy generator, whose stream is frozen for good (NEP 19).
    """
    stream = np.random.RandomState(seed)
    words = _vocabulary(stream)
    columns: list[_Column] = []
    for entity in model.entities:
        columns += _entity_columns(entity, model.rows, words, stream)
    for number, size in enumerate(model.categories):
        values = [_phrase(words, 1 + number % 2, stream) for _ in range(size)]
        columns.append(_drawn(f"category_{number}", values, 1.1, model, stream))
    for number in range(model.ratings):
        values = [f"{half / 2:.1f}" for half in stream.permutation(np.arange(2, 11)).tolist()]
        columns.append(_drawn(f"rating_{number}", values, 0.7, model, stream))
    if model.times:
        times = 1_100_000_000 + np.cumsum(stream.randint(1, 40_000, model.rows))
        columns.append(("time", [str(time) for time in times.tolist()]))
    if model.text_words:
        lengths = stream.randint(model.text_words // 2, 1 + 3 * model.text_words // 2, model.rows)
        columns.append(("text", [_phrase(words, length, stream) for length in lengths.tolist()]))
    order = stream.permutation(len(columns)).tolist()
    return RequestTable(
        tuple(columns[position][0] for position in order),
        tuple(zip(*(columns[position][1] for position in order), strict=True)),
    )


def _entity_columns(
    entity: EntityModel, rows: int, words: list[str], stream: np.random.RandomState
) -> list[_Column]:
    """The columns of one kind of thing: all follow from which thing a row is about."""
    chosen = _zipf(entity.count, rows, entity.skew, stream).tolist()
    columns = []
    for number, length in enumerate(entity.words):
        values = [
            _phrase(words, length, stream) if length else str(stream.randint(1000, 10_000_000))
            for _ in range(entity.count)
        ]
        columns.append((f"{entity.name}_{number}", [values[thing] for thing in chosen]))
    return columns


def _drawn(
    name: str, values: list[str], skew: float, model: TableModel, stream: np.random.RandomState
) -> _Column:
    cells = [values[choice] for choice in _zipf(len(values), model.rows, skew, stream).tolist()]
    empty = stream.randint(0, 1000, model.rows) < int(1000 * model.missing)
    return name, ["" if gone else cell for cell, gone in zip(cells, empty.tolist(), strict=True)]


def _zipf(count: int, draws: int, skew: float, stream: np.random.RandomState) -> Integers:
    """Indices below `count`, of which the first are the most frequent.

    Weights are whole numbers, so that the last bit of a power, which differs between processors, does not
    reach the tables.
    """
    weights = np.rint(1e6 / np.arange(1, count + 1) ** skew).astype(np.int64)
    ends = np.cumsum(weights)
    return np.searchsorted(ends, stream.randint(0, int(ends[-1]), draws), side="right")


def _vocabulary(stream: np.random.RandomState) -> list[str]:
    """Words of one to three syllables, the frequent ones first and, mostly, shorter."""
    words: dict[str, None] = {}
    while len(words) < _VOCABULARY:
        syllables = 1 + stream.randint(0, 1 + min(2, len(words) // 100))
        words["".join(_syllable(stream) for _ in range(syllables))] = None
    return list(words)


def _syllable(stream: np.random.RandomState) -> str:
    return "".join(parts[stream.randint(len(parts))] for parts in (_ONSETS, _VOWELS, _CODAS))


def _phrase(words: list[str], length: int, stream: np.random.RandomState) -> str:
    return " ".join(words[choice] for choice in _zipf(len(words), length, 0.8, stream).tolist())
