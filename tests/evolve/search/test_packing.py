import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolve.search.packing import (
    pack_members,
    pack_numbers,
    pack_profiles,
    pack_rows,
    unpack_members,
    unpack_numbers,
    unpack_profiles,
    unpack_rows,
)
from evolve.search.population import Member
from evolve.search.profiles import Profile, coarse

_FINITE = st.floats(allow_nan=False, allow_infinity=False)
_HASHES = st.text("0123456789abcdef", min_size=32, max_size=32)
_SIGNATURES = st.text("0123456789abcdef", min_size=16, max_size=16)
_SIZES = st.integers(0, 2**20)
_ROWS = st.lists(_FINITE, max_size=12).map(coarse)


@given(members=st.lists(st.builds(Member, _HASHES, _FINITE, _SIGNATURES, _SIZES)))
def test_members_come_back(members: list[Member]) -> None:
    packed = pack_members(members)
    assert json.loads(json.dumps(packed)) == packed
    assert unpack_members(packed) == members


@given(profiles=st.lists(st.builds(Profile, _HASHES, _FINITE, _SIGNATURES, _SIZES, _ROWS)))
def test_profiles_come_back_whatever_their_rows(profiles: list[Profile]) -> None:
    assert unpack_profiles(pack_profiles(profiles)) == profiles


@given(rows=st.lists(_ROWS), numbers=st.lists(_FINITE))
def test_rows_and_numbers_come_back(rows: list[tuple[float, ...]], numbers: list[float]) -> None:
    assert unpack_rows(pack_rows(rows)) == [list(row) for row in rows]
    assert unpack_numbers(pack_numbers(numbers)) == numbers


def test_what_is_no_hash_is_refused() -> None:
    with pytest.raises(ValueError, match="'ab' is not a program's hash"):
        pack_members([Member("ab", 1.0, "0" * 16, 3)])


def test_few_characters_are_taken() -> None:
    row = coarse([1.0 / 3.0] * 12)
    assert len(pack_members([Member("a" * 32, 1.5, "b" * 16, 500)] * 30)) == 30 * 48
    assert len(pack_profiles([Profile("a" * 32, 1.5, "b" * 16, 500, row)] * 30)) <= 30 * 114
