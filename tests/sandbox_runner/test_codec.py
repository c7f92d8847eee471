"""Values survive the way into the candidate and out of it, through both sides' codecs."""

import contextlib
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolve.execution.sandbox_codec import UndecodableReply, decode, encode
from sandbox_runner import codec, wire

SCALARS = st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text() | st.binary()
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=20)
        | st.dictionaries(st.text(), inner, max_size=20)
        | st.lists(st.floats(), max_size=40)
        | st.lists(st.lists(st.integers(-(2**63), 2**63 - 1), min_size=2, max_size=2), max_size=40)
    ),
    max_leaves=40,
)
DTYPES = ("?", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f4", "f8")


def same(left: Any, right: Any) -> bool:
    """Equal in type and value; NaN is itself, -0.0 is not 0.0."""
    return repr(left) == repr(right)


@given(VALUES)
def test_into_the_candidate(value: Any) -> None:
    assert same(codec.Decoder(memoryview(encode(value))).decode(), value)


@given(VALUES)
def test_out_of_the_candidate(value: Any) -> None:
    assert same(decode(memoryview(codec.Encoder().encode(value))), value)


@given(st.sampled_from(DTYPES), st.lists(st.integers(0, 4), max_size=4))
def test_arrays(dtype: str, shape: list[int]) -> None:
    array = np.arange(int(np.prod(shape)) if shape else 1).astype(dtype).reshape(shape)
    there = codec.Decoder(memoryview(encode(array))).decode()
    assert there.dtype == array.dtype and there.shape == array.shape and (there == array).all()
    there.flags.writeable = True
    back = decode(memoryview(codec.Encoder().encode(array)))
    assert isinstance(back, np.ndarray)
    assert back.dtype == array.dtype and back.shape == array.shape and (back == array).all()


@given(st.lists(st.integers(0, 3), max_size=4))
def test_arrays_without_numpy(shape: list[int]) -> None:
    array = np.arange(float(np.prod(shape)) if shape else 1.0).reshape(shape)
    count = array.size
    assert codec._nest(list(array.reshape(count)), shape) == array.tolist()


def test_subclasses_and_other_sequences_leave_as_plain_data() -> None:
    from collections import OrderedDict, namedtuple
    from enum import IntEnum

    class Colour(IntEnum):
        RED = 3

    pair = namedtuple("pair", "a b")
    value = [
        pair(1, 2),
        Colour.RED,
        OrderedDict(a=1),
        range(3),
        bytearray(b"x"),
        np.float32(0.5),
        np.int8(-1),
    ]
    assert decode(memoryview(codec.Encoder().encode(value))) == [
        [1, 2],
        3,
        {"a": 1},
        [0, 1, 2],
        b"x",
        0.5,
        -1,
    ]


@pytest.mark.parametrize("value", [2**64, -(2**63) - 1, [2**64] * 20, {1}, object(), 1j, np.array(["x"])])
def test_what_cannot_leave(value: Any) -> None:
    with pytest.raises(codec.EncodingError):
        codec.Encoder().encode(value)


@pytest.mark.parametrize("value", [{1}, object(), np.array(["x"]), [object()] * 20])
def test_what_cannot_enter(value: Any) -> None:
    with pytest.raises(TypeError):
        encode(value)


def test_integers_beyond_64_bits_cannot_enter() -> None:
    with pytest.raises(OverflowError):
        encode(2**64)


@given(st.binary(max_size=64))
def test_any_bytes_decode_or_are_refused(payload: bytes) -> None:
    for data in (payload, wire.TREE_LENGTH.pack(len(payload)) + payload):
        with contextlib.suppress(UndecodableReply):
            decode(memoryview(data))


@given(VALUES, st.data())
def test_any_damage_is_refused_or_harmless(value: Any, data: st.DataObject) -> None:
    payload = bytearray(codec.Encoder().encode(value))
    at = data.draw(st.integers(0, len(payload) - 1))
    payload[at] = data.draw(st.integers(0, 255))
    with contextlib.suppress(UndecodableReply):
        decode(memoryview(payload))
