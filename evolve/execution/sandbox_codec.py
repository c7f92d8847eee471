"""Values to bytes and back, on the evaluator's side. What comes in is from a hostile process.

The form is that of `sandbox_runner.wire`. Sizes are checked before anything is built from them, and a tree is
bounded by itself, because a list costs one byte in a message and sixty once it is built.
"""

from array import array
from collections.abc import Mapping
from datetime import datetime
from itertools import chain
from typing import Any

import msgspec
import numpy as np

from evolve.problem import Value
from sandbox_runner import wire


class UndecodableReply(ValueError):  # noqa: N818 - a finding about a program, not an error of ours
    """A reply does not keep to the form; the message says in what."""


class _Encoding:
    def __init__(self) -> None:
        self.arrays: list[bytes] = []

    def convert(self, value: Any) -> Any:
        """`value` with its arrays and long lists of numbers replaced by extensions."""
        if isinstance(value, np.generic):
            value = value.item()
        if value is None or isinstance(value, (bool, int, float, str, bytes)):
            return value
        if isinstance(value, np.ndarray):
            return self._array(value)
        if isinstance(value, Mapping):
            return {key: self.convert(item) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            if len(value) >= wire.SHORTEST_ARRAY:
                extension = self._numbers(value)
                if extension is not None:
                    return extension
            return [self.convert(item) for item in value]
        raise TypeError(f"a value of type {type(value).__name__} cannot be sent to a program")

    def _array(self, value: "np.ndarray[Any, Any]") -> msgspec.msgpack.Ext:
        kind = (value.dtype.kind, value.dtype.itemsize)
        if kind not in _LETTERS or value.ndim > wire.MOST_DIMENSIONS:
            raise TypeError(
                f"an array of {value.dtype} with {value.ndim} dimensions cannot be sent to a program"
            )
        self.arrays.append(np.ascontiguousarray(value, dtype=value.dtype.newbyteorder("<")).tobytes())
        shape = b"".join(map(wire.COUNT.pack, value.shape))
        return msgspec.msgpack.Ext(wire.ARRAY, _LETTERS[kind].encode() + shape)

    def _numbers(self, value: Any) -> msgspec.msgpack.Ext | None:
        kinds = set(map(type, value))
        rows = columns = 0
        if kinds <= {list, tuple}:
            lengths = set(map(len, value))
            if len(lengths) != 1 or not (columns := lengths.pop()):
                return None
            rows, value = len(value), list(chain.from_iterable(value))
            kinds = set(map(type, value))
        if kinds not in ({float}, {int}):
            return None
        is_float = kinds == {float}
        try:
            numbers = np.array(array("d" if is_float else "q", value))
        except OverflowError:
            return None
        self.arrays.append(numbers.astype("<f8" if is_float else "<i8", copy=False).tobytes())
        if rows:
            return msgspec.msgpack.Ext(
                wire.FLOAT_ROWS if is_float else wire.INT_ROWS, wire.TWO_COUNTS.pack(rows, columns)
            )
        return msgspec.msgpack.Ext(
            wire.FLOAT_LIST if is_float else wire.INT_LIST, wire.COUNT.pack(len(numbers))
        )


_LETTERS = {kind: letter for letter, kind in wire.ARRAY_FORMATS.items()}
_DTYPES = {letter: np.dtype(f"<{kind}{size}") for letter, (kind, size) in wire.ARRAY_FORMATS.items()}
_tree_encoder = msgspec.msgpack.Encoder()


def encode(value: Value) -> bytes:
    """The payload of a frame that carries a value.

    Raises:
        TypeError: It holds something that is not a `Value`.
        OverflowError: It holds an integer beyond 64 bits.
    """
    encoding = _Encoding()
    tree = _tree_encoder.encode(encoding.convert(value))
    return b"".join((wire.TREE_LENGTH.pack(len(tree)), tree, *encoding.arrays))


class _Decoding:
    def __init__(self, arrays: memoryview) -> None:
        self._arrays = arrays
        self._at = 0

    def extension(self, code: int, data: memoryview) -> object:
        """The array that an extension stands for. Arrays are taken in order, so none can be taken twice."""
        if code == wire.ARRAY:
            return self._array(data)
        if code in (wire.FLOAT_LIST, wire.INT_LIST):
            (count,) = _unpacked(wire.COUNT, data)
            return self._take("d" if code == wire.FLOAT_LIST else "q", count).tolist()
        if code in (wire.FLOAT_ROWS, wire.INT_ROWS):
            rows, columns = _unpacked(wire.TWO_COUNTS, data)
            if columns == 0:
                raise UndecodableReply("rows without columns")
            flat = self._take("d" if code == wire.FLOAT_ROWS else "q", rows * columns)
            return flat.reshape(rows, columns).tolist()
        raise UndecodableReply(f"an extension of unknown code {code}")

    def _array(self, data: memoryview) -> object:
        letter = chr(data[0]) if len(data) else ""
        dimensions, odd = divmod(len(data) - 1, wire.COUNT.size)
        if letter not in _DTYPES or odd or not 0 <= dimensions <= wire.MOST_DIMENSIONS:
            raise UndecodableReply("an array of unknown form")
        shape = [int(length) for length in np.frombuffer(data[1:], "<u4")]
        count = 1
        for length in shape:
            count *= length
        try:
            return self._take(letter, count).reshape(shape).astype(_DTYPES[letter].newbyteorder("="))
        except ValueError as error:
            raise UndecodableReply(f"an array of impossible shape: {error}") from None

    def _take(self, letter: str, count: int) -> "np.ndarray[Any, Any]":
        size = count * _DTYPES[letter].itemsize
        if size > len(self._arrays) - self._at:
            raise UndecodableReply("an array longer than the message")
        start, self._at = self._at, self._at + size
        found: np.ndarray[Any, Any] = np.frombuffer(self._arrays[start : self._at], _DTYPES[letter])
        return found

    def finish(self) -> None:
        if self._at != len(self._arrays):
            raise UndecodableReply("bytes beyond the last array")


def _unpacked(form: Any, data: memoryview) -> tuple[int, ...]:
    if len(data) != form.size:
        raise UndecodableReply("an extension of the wrong length")
    numbers: tuple[int, ...] = form.unpack(data)
    return numbers


def decode(payload: memoryview) -> object:
    """The value that a frame from a program carries: plain data, of which nothing is known.

    Raises:
        UndecodableReply: It is malformed, too deep, or too large for what it is.
    """
    if len(payload) < wire.TREE_LENGTH.size:
        raise UndecodableReply("a truncated value")
    (size,) = wire.TREE_LENGTH.unpack_from(payload)
    start = wire.TREE_LENGTH.size
    if size > len(payload) - start:
        raise UndecodableReply("a truncated value")
    if size > wire.MOST_TREE_BYTES:
        raise UndecodableReply(
            f"{size} bytes beside the raw arrays, limit {wire.MOST_TREE_BYTES}; "
            "return arrays or lists of numbers"
        )
    decoding = _Decoding(payload[start + size :])
    tree = bytes(payload[start : start + size])
    try:
        value = msgspec.msgpack.Decoder(ext_hook=decoding.extension).decode(tree)
    except UndecodableReply:
        raise
    except (msgspec.MsgspecError, ValueError, RecursionError, OverflowError) as error:
        raise UndecodableReply(f"malformed: {error}") from None
    decoding.finish()
    if any(mark in tree for mark in _TIMESTAMPS) and _holds_time(value):
        raise UndecodableReply("a timestamp")
    return value


_TIMESTAMPS = (b"\xd6\xff", b"\xd7\xff", b"\xc7\x0c\xff")
"""How msgpack's own timestamps begin, which would arrive as a type that is no `Value`."""


def _holds_time(value: object) -> bool:
    if isinstance(value, list):
        return any(map(_holds_time, value))
    if isinstance(value, dict):
        return any(map(_holds_time, value)) or any(map(_holds_time, value.values()))
    return isinstance(value, datetime)


_FAILURE = msgspec.msgpack.Decoder(tuple[str, str, int])


def decode_failure(payload: memoryview) -> tuple[str, str, int]:
    """Status, text and row of a FAILURE frame.

    Raises:
        UndecodableReply: It is malformed.
    """
    try:
        return _FAILURE.decode(payload)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise UndecodableReply(f"malformed: {error}") from None
