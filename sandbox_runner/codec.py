"""Values to bytes and back, on the candidate's side: msgpack (msgpack.org, 2013) in pure Python.

The evaluator's side uses msgspec and trusts nothing; here the input comes from the evaluator.
"""

import sys
from array import array
from collections.abc import Callable
from itertools import chain
from struct import Struct, pack
from typing import Any

from sandbox_runner import wire

_FLOAT = Struct(">d")
_UNSIGNED = {1: Struct(">B"), 2: Struct(">H"), 4: Struct(">I"), 8: Struct(">Q")}
_SIGNED = {1: Struct(">b"), 2: Struct(">h"), 4: Struct(">i"), 8: Struct(">q")}


class EncodingError(ValueError):
    """A value cannot cross: the message names the type or the limit."""


def _head(out: list[bytes], count: int, small: int, small_most: int, codes: tuple[int, int, int]) -> None:
    """Put the head of a string, list or map. `codes` are those for 8, 16 and 32 bits; 0 where none is."""
    if count <= small_most:
        out.append(bytes((small | count,)))
    elif count < 256 and codes[0]:
        out.append(pack(">BB", codes[0], count))
    elif count < 65536:
        out.append(pack(">BH", codes[1], count))
    else:
        out.append(pack(">BI", codes[2], count))


class Encoder:
    """Encodes one value; used once."""

    def __init__(self) -> None:
        self._tree: list[bytes] = []
        self._arrays: list[bytes] = []

    def encode(self, value: object) -> bytes:
        """The payload of a frame that carries `value`.

        Raises:
            EncodingError: The value is of a type that cannot cross, too deep, or an integer beyond 64 bits.
        """
        self._put(value, 0)
        tree = b"".join(self._tree)
        return b"".join((wire.TREE_LENGTH.pack(len(tree)), tree, *self._arrays))

    def _put(self, value: Any, depth: int) -> None:
        if depth > wire.MOST_DEPTH:
            raise EncodingError(f"more than {wire.MOST_DEPTH} levels deep")
        if value is None:
            self._tree.append(b"\xc0")
        elif value is True or value is False:
            self._tree.append(b"\xc3" if value else b"\xc2")
        elif isinstance(value, int):
            self._put_int(int(value))
        elif isinstance(value, float):
            self._tree.append(b"\xcb" + _FLOAT.pack(value))
        elif isinstance(value, str):
            text = value.encode("utf-8", "replace")
            _head(self._tree, len(text), 0xA0, 31, (0xD9, 0xDA, 0xDB))
            self._tree.append(text)
        elif isinstance(value, (bytes, bytearray)):
            _head(self._tree, len(value), 0, -1, (0xC4, 0xC5, 0xC6))
            self._tree.append(bytes(value))
        elif isinstance(value, (list, tuple, range)):
            self._put_list(value, depth)
        elif isinstance(value, dict):
            _head(self._tree, len(value), 0x80, 15, (0, 0xDE, 0xDF))
            for key, item in value.items():
                self._put(key, depth + 1)
                self._put(item, depth + 1)
        else:
            self._put_other(value, depth)

    def _put_int(self, value: int) -> None:
        if -32 <= value < 128:
            self._tree.append(_SIGNED[1].pack(value) if value < 0 else _UNSIGNED[1].pack(value))
        elif -(2**31) <= value < 2**31:
            self._tree.append(b"\xd2" + _SIGNED[4].pack(value))
        elif -(2**63) <= value < 2**63:
            self._tree.append(b"\xd3" + _SIGNED[8].pack(value))
        elif 0 < value < 2**64:
            self._tree.append(b"\xcf" + _UNSIGNED[8].pack(value))
        else:
            raise EncodingError("an integer beyond 64 bits")

    def _put_list(self, value: Any, depth: int) -> None:
        if len(value) >= wire.SHORTEST_ARRAY and self._put_array(value):
            return
        _head(self._tree, len(value), 0x90, 15, (0, 0xDC, 0xDD))
        for item in value:
            self._put(item, depth + 1)

    def _put_array(self, value: Any) -> bool:
        """Put a long list whose items are all alike as a raw array, if it is one."""
        kinds = set(map(type, value))
        rows = columns = 0
        if kinds <= {list, tuple}:
            lengths = set(map(len, value))
            if len(lengths) != 1 or not (columns := lengths.pop()):
                return False
            rows, value = len(value), list(chain.from_iterable(value))
            kinds = set(map(type, value))
        if kinds not in ({float}, {int}):
            return False
        is_float = kinds == {float}
        try:
            self._arrays.append(_little_endian(array("d" if is_float else "q", value)))
        except OverflowError:
            return False
        if rows:
            code, size = (wire.FLOAT_ROWS if is_float else wire.INT_ROWS), wire.TWO_COUNTS.pack(rows, columns)
        else:
            code, size = (wire.FLOAT_LIST if is_float else wire.INT_LIST), wire.COUNT.pack(len(value))
        self._put_extension(code, size)
        return True

    def _put_extension(self, code: int, data: bytes) -> None:
        self._tree.append(pack(">BBB", 0xC7, len(data), code) + data)

    def _put_other(self, value: Any, depth: int) -> None:
        """Put what numpy makes: arrays, and scalars that are no subclass of Python's."""
        numpy = sys.modules.get("numpy")
        if numpy is not None and isinstance(value, numpy.ndarray):
            formats = {kind: letter for letter, kind in wire.ARRAY_FORMATS.items()}
            letter = formats.get((value.dtype.kind, value.dtype.itemsize))
            if letter is None or value.ndim > wire.MOST_DIMENSIONS:
                raise EncodingError(f"an array of {value.dtype} with {value.ndim} dimensions")
            flat = numpy.ascontiguousarray(value, dtype=value.dtype.newbyteorder("<"))
            self._arrays.append(flat.tobytes())
            self._put_extension(wire.ARRAY, letter.encode() + pack(f"<{value.ndim}I", *value.shape))
        elif numpy is not None and isinstance(value, numpy.generic):
            item = value.item()
            if isinstance(item, numpy.generic):
                raise EncodingError(f"a numpy scalar of type {type(value).__name__}")
            self._put(item, depth + 1)
        else:
            raise EncodingError(f"a value of type {type(value).__name__}")


def _little_endian(values: "array[Any]") -> bytes:
    if sys.byteorder == "big":
        values = array(values.typecode, values)
        values.byteswap()
    return values.tobytes()


class Decoder:
    """Decodes the payload of one frame; used once."""

    def __init__(self, payload: memoryview) -> None:
        tree_bytes = wire.TREE_LENGTH.unpack_from(payload)[0]
        start = wire.TREE_LENGTH.size
        self._tree = payload[start : start + tree_bytes]
        self._arrays = payload[start + tree_bytes :]
        self._at = 0
        self._arrays_at = 0

    def decode(self) -> Any:
        """The value."""
        code = self._tree[self._at]
        self._at += 1
        if code < 0x80:
            return code
        if code >= 0xE0:
            return code - 256
        if code < 0x90:
            return self._map(code & 15)
        if code < 0xA0:
            return self._list(code & 15)
        if code < 0xC0:
            return str(self._take(code & 31), "utf-8")
        return _BY_CODE[code](self)

    def _take(self, count: int) -> memoryview:
        start = self._at
        self._at = start + count
        return self._tree[start : self._at]

    def _unsigned(self, size: int) -> int:
        number: int = _UNSIGNED[size].unpack(self._take(size))[0]
        return number

    def _signed(self, size: int) -> int:
        number: int = _SIGNED[size].unpack(self._take(size))[0]
        return number

    def _list(self, count: int) -> list[Any]:
        decode = self.decode
        return [decode() for _ in range(count)]

    def _map(self, count: int) -> dict[Any, Any]:
        decode = self.decode
        return {decode(): decode() for _ in range(count)}

    def _raw(self, letter: str, count: int) -> memoryview:
        start = self._arrays_at
        self._arrays_at = start + count * wire.ARRAY_FORMATS[letter][1]
        raw = self._arrays[start : self._arrays_at]
        return raw.cast(letter)  # type: ignore[call-overload,no-any-return]  # one of ARRAY_FORMATS

    def _extension(self, size: int) -> Any:
        code = self._unsigned(1)
        data = self._take(size)
        if code == wire.ARRAY:
            shape = [wire.COUNT.unpack_from(data, at)[0] for at in range(1, len(data), 4)]
            return self._array(chr(data[0]), shape)
        letter = "d" if code in (wire.FLOAT_LIST, wire.FLOAT_ROWS) else "q"
        if code in (wire.FLOAT_LIST, wire.INT_LIST):
            return self._raw(letter, wire.COUNT.unpack(data)[0]).tolist()
        rows, columns = wire.TWO_COUNTS.unpack(data)
        flat = self._raw(letter, rows * columns).tolist()
        return [flat[at : at + columns] for at in range(0, rows * columns, columns)]

    def _array(self, letter: str, shape: list[int]) -> Any:
        """A numpy array where numpy is, else nested lists."""
        count = 1
        for length in shape:
            count *= length
        flat = self._raw(letter, count)
        numpy = sys.modules.get("numpy")
        if numpy is not None:
            kind, size = wire.ARRAY_FORMATS[letter]
            dtype = numpy.dtype(f"<{kind}{size}")
            return numpy.frombuffer(flat, dtype=dtype).reshape(shape).astype(dtype.newbyteorder("="))
        return _nest(flat.tolist(), shape)


def _nest(flat: list[Any], shape: list[int]) -> Any:
    """Nested lists of a shape from the items in C order."""
    if not shape:
        return flat[0]
    step = len(flat) // shape[0] if shape[0] else 0
    if len(shape) == 1:
        return flat
    return [_nest(flat[at * step : (at + 1) * step], shape[1:]) for at in range(shape[0])]


_BY_CODE: dict[int, Callable[[Decoder], Any]] = {
    0xC0: lambda _: None,
    0xC2: lambda _: False,
    0xC3: lambda _: True,
    0xC4: lambda d: bytes(d._take(d._unsigned(1))),
    0xC5: lambda d: bytes(d._take(d._unsigned(2))),
    0xC6: lambda d: bytes(d._take(d._unsigned(4))),
    0xC7: lambda d: d._extension(d._unsigned(1)),
    0xCB: lambda d: _FLOAT.unpack(d._take(8))[0],
    0xCC: lambda d: d._unsigned(1),
    0xCD: lambda d: d._unsigned(2),
    0xCE: lambda d: d._unsigned(4),
    0xCF: lambda d: d._unsigned(8),
    0xD0: lambda d: d._signed(1),
    0xD1: lambda d: d._signed(2),
    0xD2: lambda d: d._signed(4),
    0xD3: lambda d: d._signed(8),
    0xD4: lambda d: d._extension(1),
    0xD5: lambda d: d._extension(2),
    0xD6: lambda d: d._extension(4),
    0xD7: lambda d: d._extension(8),
    0xD8: lambda d: d._extension(16),
    0xD9: lambda d: str(d._take(d._unsigned(1)), "utf-8"),
    0xDA: lambda d: str(d._take(d._unsigned(2)), "utf-8"),
    0xDB: lambda d: str(d._take(d._unsigned(4)), "utf-8"),
    0xDC: lambda d: d._list(d._unsigned(2)),
    0xDD: lambda d: d._list(d._unsigned(4)),
    0xDE: lambda d: d._map(d._unsigned(2)),
    0xDF: lambda d: d._map(d._unsigned(4)),
}
