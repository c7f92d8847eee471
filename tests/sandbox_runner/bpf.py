"""Runs classic BPF over `struct seccomp_data`, independently of the compiler: the oracle's machine."""

from struct import iter_unpack, pack, unpack_from


def run(instructions: bytes, number: int, audit: int, arguments: tuple[int, ...]) -> int:
    """What a filter returns for one call.

    The instruction codes are those of linux/filter.h; only the ones that a filter may contain.
    """
    data = pack("<IIQ6Q", number, audit, 0, *arguments)
    code = list(iter_unpack("<HBBI", instructions))
    accumulator = at = 0
    for _ in range(len(code)):
        operation, if_true, if_false, operand = code[at]
        at += 1
        match operation:
            case 0x20:  # load a word
                (accumulator,) = unpack_from("<I", data, operand)
            case 0x54:  # and
                accumulator &= operand
            case 0x15:  # jump if equal
                at += if_true if accumulator == operand else if_false
            case 0x35:  # jump if greater or equal
                at += if_true if accumulator >= operand else if_false
            case 0x45:  # jump if any bit is set
                at += if_true if accumulator & operand else if_false
            case 0x06:  # return
                return int(operand)
            case _:
                raise AssertionError(f"unknown instruction {operation:#x}")
    raise AssertionError("the filter does not end")
