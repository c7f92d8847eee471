"""The evaluator is attacked through what a program may send: it ends the program, and is none the worse."""

import pytest

from tests.conformance.harness import Driver

PRELUDE = """
import os, struct, time
HEADER = struct.Struct("<IIBBH")
VALUE, NUMBERS, COLUMN, FAILURE, READY = 17, 18, 19, 20, 16

def send(kind, payload=b"", sequence=1, small=0, wide=0, length=None):
    length = len(payload) if length is None else length
    frame = HEADER.pack(length, sequence, kind, small, wide) + payload
    while frame:
        frame = frame[os.write(4, frame):]

def tree(data, arrays=b""):
    return struct.pack("<I", len(data)) + data + arrays

def array(data, arrays=b"", code=5):
    return tree(bytes((0xC7, len(data), code)) + data, arrays)

def wait():
    time.sleep(30)

class Thing:
    def attack(self): return attack()
"""

NONSENSE = {
    "garbage": "os.write(4, os.urandom(4096)); wait()",
    "zeros": "os.write(4, bytes(4096)); wait()",
    "one byte": "os.write(4, b'x'); os._exit(0)",
    "unknown kind": "send(99, b'abc'); wait()",
    "request kind": "send(2, tree(b'\\xc0')); wait()",
    "second ready": "send(READY, bytes(8)); wait()",
    "wrong sequence": "send(VALUE, tree(b'\\xc0'), sequence=2); wait()",
    "old sequence": "send(VALUE, tree(b'\\xc0'), sequence=0); wait()",
    "oversized": "send(VALUE, b'', length=2**32 - 1); wait()",
    "just oversized": "send(VALUE, b'', length=16 * 2**20 + 1); wait()",
    "empty value": "send(VALUE, b''); wait()",
    "tree beyond the frame": "send(VALUE, struct.pack('<I', 100) + b'\\xc0'); wait()",
    "tree of 4 GiB": "send(VALUE, struct.pack('<I', 2**32 - 1) + b'\\xc0'); wait()",
    "empty tree": "send(VALUE, tree(b'')); wait()",
    "two values": "send(VALUE, tree(b'\\xc0\\xc0')); wait()",
    "array of 4 G items": "send(VALUE, tree(b'\\xdd\\xff\\xff\\xff\\xff')); wait()",
    "map of 4 G items": "send(VALUE, tree(b'\\xdf\\xff\\xff\\xff\\xff')); wait()",
    "string of 4 GiB": "send(VALUE, tree(b'\\xdb\\xff\\xff\\xff\\xff')); wait()",
    "deep list": "send(VALUE, tree(b'\\x91' * 1000000 + b'\\xc0')); wait()",
    "deep map": "send(VALUE, tree(b'\\x81\\xa1a' * 1000000 + b'\\xc0')); wait()",
    "many empty lists": "send(VALUE, tree(b'\\xdd\\x00\\x50\\x00\\x00' + b'\\x90' * 0x500000)); wait()",
    "invalid UTF-8": "send(VALUE, tree(b'\\xa2\\xff\\xfe')); wait()",
    "unhashable key": "send(VALUE, tree(b'\\x81\\x80\\x01')); wait()",
    "timestamp": "send(VALUE, tree(b'\\xd6\\xff' + bytes(4))); wait()",
    "unknown extension": "send(VALUE, tree(b'\\xd4\\x63\\x00')); wait()",
    "extension of wrong size": "send(VALUE, tree(b'\\xd4\\x01\\x00')); wait()",
    "list longer than the frame": "send(VALUE, tree(b'\\xd6\\x01' + struct.pack('<I', 2**32 - 1))); wait()",
    "rows without columns": "send(VALUE, tree(b'\\xd7\\x03' + struct.pack('<II', 2**31, 0))); wait()",
    "rows that overflow": "send(VALUE, tree(b'\\xd7\\x03' + struct.pack('<II', 2**31, 2**31))); wait()",
    "array taken twice": "send(VALUE, tree(b'\\x92' + b'\\xd6\\x01\\x01\\0\\0\\0' * 2, bytes(8))); wait()",
    "array not taken": "send(VALUE, tree(b'\\xc0', bytes(8))); wait()",
    "array of objects": "send(VALUE, tree(b'\\xd6\\x05O' + bytes(3), bytes(8))); wait()",
    "array without form": "send(VALUE, tree(b'\\xc7\\x00\\x05')); wait()",
    "array with half a dimension": "send(VALUE, tree(b'\\xc7\\x03\\x05d\\x01\\x00', bytes(8))); wait()",
    "array of 9 dimensions": "send(VALUE, array(b'd' + struct.pack('<9I', *[1] * 9), bytes(8))); wait()",
    "array of overflowing shape": "send(VALUE, array(b'd' + struct.pack('<3I', *[2**31] * 3))); wait()",
    "numbers for a call": "send(NUMBERS, bytes(8), small=255); wait()",
    "column for a call": "send(COLUMN, bytes(8)); wait()",
    "malformed failure": "send(FAILURE, b'\\x92\\x01\\x02'); wait()",
    "failure with a bomb": "send(FAILURE, b'\\x93\\xdd\\xff\\xff\\xff\\xff'); wait()",
    "failure of status ok": "send(FAILURE, b'\\x93\\xa2ok\\xa1x\\xff'); wait()",
    "failure of ours": "send(FAILURE, b'\\x93\\xae' + b'infrastructure' + b'\\xa1x\\xff'); wait()",
    "two replies": "send(VALUE, tree(b'\\xc0')); send(VALUE, tree(b'\\xc0'), sequence=2); wait()",
    "reply and a bit": "send(VALUE, tree(b'\\xc0') + b''); os.write(4, b'x'); wait()",
    "a million tiny frames": "frame = HEADER.pack(0, 9, VALUE, 0, 0)\n    while True: os.write(4, frame)",
}


ENDINGS = {
    "one byte": ("crashed",),
    # Answering what was not asked yet gains nothing, and is seen or not as the bytes happen to arrive.
    "two replies": ("ok", "invalid"),
    "reply and a bit": ("timeout", "invalid"),
}


@pytest.mark.parametrize("name", NONSENSE)
def test_nonsense(one_driver: Driver, name: str) -> None:
    before = one_driver.refresh()["resident_kib"]
    source = f"{PRELUDE}\ndef attack():\n    {NONSENSE[name]}\n"
    found = one_driver.attempt(
        source, calls=[["call", "attack", []], ["call", "attack", []]], wall_seconds=1.5
    )
    assert found.status in ENDINGS.get(name, ("invalid",)), found
    assert found.wall < 3
    assert one_driver.refresh()["resident_kib"] - before < 200 * 1024
    assert one_driver.attempt("def attack(): return 42").value == 42


STEPS = {
    "numbers too short": "send(NUMBERS, bytes(4), sequence=2, small=255)",
    "numbers too long": "send(NUMBERS, bytes(16), sequence=2, small=255)",
    "no numbers": "send(NUMBERS, b'', sequence=2, small=0)",
    "too many numbers": "send(NUMBERS, bytes(17 * 8), sequence=2, small=17)",
    "mask beyond the numbers": "send(NUMBERS, bytes(8), sequence=2, small=1, wide=2)",
    "fewer than said": "send(NUMBERS, bytes(8), sequence=2, small=2)",
    "column": "send(COLUMN, bytes(8), sequence=2)",
}


@pytest.mark.parametrize("name", STEPS)
def test_nonsense_for_a_step(one_driver: Driver, name: str) -> None:
    source = f"{PRELUDE}\ndef attack():\n    {STEPS[name]}; wait()\n"
    calls = [["create", "Thing", []], ["step", "attack", []]]
    found = one_driver.attempt(source, calls=calls, wall_seconds=5.0)
    assert found.status == "invalid", found
    assert one_driver.attempt("def attack(): return 42").value == 42


COLUMNS = {
    "too short": "send(COLUMN, bytes(7 * 8)); wait()",
    "too long": "send(COLUMN, bytes(9 * 8)); wait()",
    "odd": "send(COLUMN, bytes(63)); wait()",
    "empty": "send(COLUMN, b''); wait()",
    "value": "send(VALUE, tree(b'\\xc0')); wait()",
}


@pytest.mark.parametrize("name", COLUMNS)
def test_nonsense_for_a_lockstep(one_driver: Driver, name: str) -> None:
    source = f"{PRELUDE}\ndef attack(row):\n    {COLUMNS[name]}\n"
    found = one_driver.attempt(source, calls=[["lockstep", "attack", []]], wall_seconds=5.0)
    assert found.status == "invalid", found
    assert one_driver.attempt("def attack(): return 42").value == 42


@pytest.mark.parametrize(("row", "told"), [(0, 0), (7, 7), (8, None), (2**31 - 1, None), (-5, None)])
def test_row_that_a_failure_names(one_driver: Driver, row: int, told: int | None) -> None:
    """Evaluators index by it, so it must be a row of the call."""
    payload = "b'\\x93\\xa7crashed\\xa1x\\xd2' + struct.pack('>i', row)"
    source = f"{PRELUDE}\ndef attack(r):\n    row = {row}\n    send(FAILURE, {payload}); wait()\n"
    found = one_driver.attempt(source, calls=[["lockstep", "attack", []]], wall_seconds=5.0)
    assert (found.status, found.row) == ("crashed", told)


SILENCE = {
    "nothing": "wait()",
    "half a header": "os.write(4, HEADER.pack(8, 1, VALUE, 0, 0)[:5]); wait()",
    "half a frame": "send(VALUE, b'abc', length=10**6); wait()",
    "a byte at a time": (
        "frame = HEADER.pack(10**6, 1, VALUE, 0, 0)\n"
        "    while True:\n        os.write(4, frame[:1]); frame = frame[1:] or b'x'; time.sleep(0.001)"
    ),
    "output instead": "print('x'); wait()",
}


@pytest.mark.parametrize("name", SILENCE)
def test_silence(one_driver: Driver, name: str) -> None:
    source = f"{PRELUDE}\ndef attack():\n    {SILENCE[name]}\n"
    found = one_driver.attempt(source, wall_seconds=0.3)
    assert found.status == "timeout", found
    assert found.wall < 1.5


def test_program_that_does_not_read_its_requests(one_driver: Driver) -> None:
    source = f"{PRELUDE}\nwait()"
    found = one_driver.attempt(source, "x" * 10**6, wall_seconds=0.3)
    assert found.status == "timeout", found


RETURNS = {
    "set": "{1, 2}",
    "object": "object()",
    "generator": "(x for x in [1])",
    "huge integer": "2 ** 64",
    "huge integer in a list": "[1.0, 2 ** 100] * 20",
    "complex": "1j",
    "class": "int",
    "itself": "attack",
    "cycle": "cycle",
    "deep": "deep",
    "iterator of lies": "Liar()",
}


@pytest.mark.parametrize("name", RETURNS)
def test_returns_what_cannot_be_sent(one_driver: Driver, name: str) -> None:
    source = f"""
cycle = []; cycle.append(cycle)
deep = []
for _ in range(100): deep = [deep]
class Liar(list):
    def __len__(self): return 5
    def __iter__(self): return iter(())
def attack(): return {RETURNS[name]}
"""
    found = one_driver.attempt(source)
    assert found.status == "invalid", found


def test_returns_more_than_the_limit(one_driver: Driver) -> None:
    source = "def attack(n): return [1.5] * n"
    assert one_driver.attempt(source, 1000, reply_bytes=16000).status == "ok"
    found = one_driver.attempt(source, 10**6, reply_bytes=16000)
    assert found.status == "invalid"
    assert "limit 16000" in found.feedback


def test_numbers_that_are_none(one_driver: Driver) -> None:
    """They cross, for the evaluator to judge."""
    source = "def attack(): return [float('nan'), float('inf'), -1e308 * 10, 2**64 - 1, -2**63]"
    found = one_driver.attempt(source).value
    assert str(found) == "[nan, inf, -inf, 18446744073709551615, -9223372036854775808]"


ROWS = {
    "nothing": "None",
    "string": "'1.0'",
    "list": "[1.0]",
    "huge integer": "10 ** 400",
    "complex": "1j",
    "raises": "1 / 0",
}


@pytest.mark.parametrize("name", ROWS)
def test_row_of_a_lockstep(one_driver: Driver, name: str) -> None:
    source = f"def attack(row): return 1.0 if row.x < 5 else {ROWS[name]}"
    found = one_driver.attempt(source, calls=[["lockstep", "attack", []]])
    assert found.status == ("crashed" if name == "raises" else "invalid")
    assert found.row == 5
