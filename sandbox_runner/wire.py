"""What crosses between the processes of a sandbox: frames with the candidate, orders to the zygote.

Everything is little-endian. The evaluator and a candidate exchange frames over two pipes, strictly one reply
to each request:

    length of the payload  u32 | sequence number  u32 | kind  u8 | small  u8 | wide  u16 | payload

A reply echoes the sequence number of its request. `small` and `wide` belong to the kind.

The payload of a frame that carries values is a msgpack tree beside the raw arrays that hang on it:

    length of the tree  u32 | tree | arrays, in the order in which the tree names them

An array in the tree is an extension whose code says what the array is and whose data say how large.
"""

from struct import Struct
from typing import Final

HEADER: Final = Struct("<IIBBH")
HEADER_BYTES: Final = HEADER.size
TREE_LENGTH: Final = Struct("<I")

# Requests. SOURCE and SHAPE have no reply.
SOURCE: Final = 1
"""Payload: the program, UTF-8."""
CALL: Final = 2
"""Payload: values [function, [arguments]]. Reply: VALUE."""
CREATE: Final = 3
"""Payload: values [class, [arguments]]. Reply: VALUE holding nil."""
STEP: Final = 4
"""Payload: values [method, [arguments]]. Reply: VALUE or NUMBERS."""
SHAPE: Final = 5
"""Declares shape number `wide`. Payload: values [kind, [...]]; see the modules `rows` and `lockstep`."""
STEP_NUMBERS: Final = 6
"""A step of shape `wide`. Payload: the numbers of all arguments; booleans take one byte, others eight. Reply:
VALUE or NUMBERS."""
LOCKSTEP: Final = 7
"""Calls of shape `wide`. Payload: for each table TABLE, rows of float64, index of int32. Reply: COLUMN."""
CALL_NUMBERS: Final = 8
"""A call of shape `wide`, otherwise as STEP_NUMBERS."""

# Replies.
READY: Final = 16
"""Sent before any code of the program runs. Payload: the process's CPU clock, u64 ns."""
VALUE: Final = 17
"""Payload: values."""
NUMBERS: Final = 18
"""Up to 16 numbers of 8 bytes; bit i of `wide` says that number i is a float64, else an int64.
`small` is how many there are, or 255 for one number that is not in a list."""
COLUMN: Final = 19
"""Payload: float64, one for each call."""
FAILURE: Final = 20
"""Payload: msgpack [status, text, row or -1]."""

BARE_NUMBER: Final = 255
MOST_NUMBERS: Final = 16

TABLE: Final = Struct("<Ii")
"""Number of rows, and length of the index (-1 where the table has none)."""

# Extension codes in a tree of values.
FLOAT_LIST: Final = 1
"""List of float64. Data: COUNT."""
INT_LIST: Final = 2
"""List of int64. Data: COUNT."""
FLOAT_ROWS: Final = 3
"""List of equally long lists of float64. Data: two COUNTs, rows and columns."""
INT_ROWS: Final = 4
"""List of equally long lists of int64. Data: two COUNTs, rows and columns."""
ARRAY: Final = 5
"""Numpy array, C order. Data: one byte of ARRAY_FORMATS, then a COUNT for each dimension."""

COUNT: Final = Struct("<I")
TWO_COUNTS: Final = Struct("<II")
SHORTEST_ARRAY: Final = 8
"""Lists shorter than this stay in the tree."""
MOST_DIMENSIONS: Final = 8
MOST_DEPTH: Final = 64
MOST_TREE_BYTES: Final = 4 * 2**20
"""A list in a tree costs one byte there and some 60 once it is built, so a tree is bounded by itself."""

ARRAY_FORMATS: Final = {
    "?": ("b", 1),
    "b": ("i", 1),
    "h": ("i", 2),
    "i": ("i", 4),
    "q": ("i", 8),
    "B": ("u", 1),
    "H": ("u", 2),
    "I": ("u", 4),
    "Q": ("u", 8),
    "f": ("f", 4),
    "d": ("f", 8),
}
"""Format as in `struct`: numpy's kind and item size."""

# Orders to the zygote, and what it answers. Both have a fixed size.
ORDER: Final = Struct("<BxxxIqq")
"""Kind, job, CPU limit in ns, memory limit in bytes. OPEN carries the candidate's three pipes."""
OPEN: Final = 1
KILL: Final = 2

VERDICT: Final = Struct("<BxxxIiIqqq")
"""Kind, job, wait status or errno, 0, CPU clock before the kill in ns or -1, CPU time of the whole process
in ns, peak resident memory in bytes."""
ENDED: Final = 1
OVERTIME: Final = 2
NOT_STARTED: Final = 3
NOT_LOCKED_DOWN: Final = 70
"""Exit code of a candidate's process that could not be confined, and ran nothing."""
MEMORY_EXHAUSTED: Final = 71
"""Exit code of a candidate's process that had not even the memory left to say so."""
HELLO: Final = Struct("<I")
"""Length of the JSON object with which a zygote reports for duty, or `{"error": ...}`."""
