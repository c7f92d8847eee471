"""How strategies write programs into their state: in few bytes, for it is stored with every commit.

Base 64 of records of fixed width, big-endian: 16 bytes of the program's hash, 8 of its signature, its score
as a double, its size in 4 bytes; of a profile also the number of watched instances in one byte, and 4 bytes
for each score there. That makes 48 and, with 12 instances, 113 characters, where JSON takes 130 and 360. What
is written comes back exactly; scores on watched instances are coarse from the first (`profiles.coarse`).
`Strategy.populations` tells in plain words what is in a state.
"""

import binascii
import struct
from collections.abc import Iterable, Sequence

from evolve.search.population import Member
from evolve.search.profiles import Profile

_HEAD = struct.Struct(">16s8sdI")
_PLACE = 4
"""Bytes of a score on a watched instance: the first half of a double."""


def pack_members(members: Iterable[Member]) -> str:
    """Members as text.

    Raises:
        ValueError: A hash is not 32, or a signature not 16 hexadecimal digits.
    """
    return _text(b"".join(map(_head, members)))


def unpack_members(text: str) -> list[Member]:
    """The members that were packed."""
    data = binascii.a2b_base64(text)
    return [Member(*_read_head(data, start)) for start in range(0, len(data), _HEAD.size)]


def pack_profiles(profiles: Iterable[Profile]) -> str:
    """Profiles as text; see `pack_members`."""
    parts: list[bytes] = []
    for one in profiles:
        parts += (_head(one), bytes([len(one.scores)]), _halves(one.scores))
    return _text(b"".join(parts))


def unpack_profiles(text: str) -> list[Profile]:
    """The profiles that were packed."""
    data = binascii.a2b_base64(text)
    found: list[Profile] = []
    start = 0
    while start < len(data):
        row = start + _HEAD.size + 1
        end = row + _PLACE * data[row - 1]
        found.append(Profile(*_read_head(data, start), _doubles(data[row:end])))
        start = end
    return found


def pack_rows(rows: Sequence[Sequence[float]]) -> list[str]:
    """Rows of coarse scores as texts."""
    return [_text(_halves(row)) for row in rows]


def unpack_rows(texts: Sequence[str]) -> list[list[float]]:
    """The rows that were packed."""
    return [list(_doubles(binascii.a2b_base64(text))) for text in texts]


def pack_numbers(numbers: Sequence[float]) -> str:
    """Any numbers as text."""
    return _text(struct.pack(f">{len(numbers)}d", *numbers))


def unpack_numbers(text: str) -> list[float]:
    """The numbers that were packed."""
    data = binascii.a2b_base64(text)
    return list(struct.unpack(f">{len(data) // 8}d", data))


def _text(data: bytes) -> str:
    return binascii.b2a_base64(data, newline=False).decode()


def _head(one: Member | Profile) -> bytes:
    program, signature = bytes.fromhex(one.program), bytes.fromhex(one.signature)
    if len(program) != 16 or len(signature) != 8:
        raise ValueError(f"'{one.program}' is not a program's hash, or '{one.signature}' not a signature")
    return _HEAD.pack(program, signature, one.score, one.size)


def _read_head(data: bytes, start: int) -> tuple[str, float, str, int]:
    """Program, score, signature and size, in the order of the fields."""
    program, signature, score, size = _HEAD.unpack_from(data, start)
    return program.hex(), score, signature.hex(), size


def _halves(row: Sequence[float]) -> bytes:
    """The first halves of doubles whose second halves are zero."""
    data = struct.pack(f">{len(row)}d", *row)
    return b"".join(data[start : start + _PLACE] for start in range(0, len(data), 8))


def _doubles(halves: bytes) -> tuple[float, ...]:
    data = b"".join(
        halves[start : start + _PLACE] + bytes(8 - _PLACE) for start in range(0, len(halves), _PLACE)
    )
    return struct.unpack(f">{len(data) // 8}d", data)
