"""The few system calls that Python does not offer, through ctypes. Linux only."""

import ctypes
import errno
import os
import platform
import sys
from typing import Final

PR_SET_PDEATHSIG: Final = 1
PR_SET_DUMPABLE: Final = 4
PR_CAPBSET_DROP: Final = 24
PR_SET_SECCOMP: Final = 22
PR_SET_SECUREBITS: Final = 28
PR_SET_NO_NEW_PRIVS: Final = 38
PR_CAP_AMBIENT: Final = 47
PR_CAP_AMBIENT_CLEAR_ALL: Final = 4
SECCOMP_MODE_FILTER: Final = 2
SECUREBITS_NO_ROOT_LOCKED: Final = 0x2F
"""NOROOT, NO_SETUID_FIXUP and KEEP_CAPS off, each locked, and NO_CAP_AMBIENT_RAISE locked."""
_CAPABILITY_VERSION_3: Final = 0x20080522
_LAST_CAPABILITY: Final = 63

_libc = ctypes.CDLL(None, use_errno=True)
_raw = ctypes.PyDLL(None, use_errno=True)
if sys.platform == "linux":
    _prctl = _libc.prctl
    _prctl.argtypes = (ctypes.c_int, *[ctypes.c_ulong] * 4)
    _short_syscall = ctypes.CDLL(None, use_errno=True).syscall
    _short_syscall.argtypes = (ctypes.c_long, ctypes.c_long, ctypes.c_long)


def machine() -> str:
    """The architecture as the kernel calls it."""
    return platform.machine()


def checked(result: int, what: str) -> int:
    """The result of a call, which is negative where it failed.

    Raises:
        OSError: It failed.
    """
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def syscall(number: int, *arguments: object) -> int:
    """A system call by number; negative where it failed, with errno in `ctypes.get_errno`."""
    result: int = _libc.syscall(ctypes.c_long(number), *arguments)
    return result


def short_syscall(number: int, first: int, second: int) -> int:
    """A system call of two integers, as `syscall`; with little to do between fork and confinement."""
    result: int = _short_syscall(number, first, second)
    return result


def prctl(option: int, value: int = 0, third: int = 0) -> None:
    """`prctl(2)`.

    Raises:
        OSError: It failed.
    """
    if _prctl(option, value, third, 0, 0) < 0:
        checked(-1, f"prctl {option}")


def unshare(flags: int) -> None:
    """`unshare(2)`.

    Raises:
        OSError: It failed.
    """
    checked(_libc.unshare(flags), "unshare")


def mount(source: str, target: str, kind: str | None, flags: int, data: str | None = None) -> None:
    """`mount(2)`.

    Raises:
        OSError: It failed.
    """
    encoded = [None if text is None else os.fsencode(text) for text in (source, target, kind, data)]
    result = _libc.mount(encoded[0], encoded[1], encoded[2], ctypes.c_ulong(flags), encoded[3])
    checked(result, f"mount {target}")


def pivot_root_here() -> None:
    """Make the current directory, which must be a mount point, the root, and let go of the old root.

    Raises:
        OSError: It failed.
    """
    detach = 2
    checked(_libc.pivot_root(b".", b"."), "pivot_root")
    checked(_libc.umount2(b".", detach), "umount2")
    os.chdir("/")


def drop_capabilities() -> None:
    """Give up every capability for good. Nothing executed later can regain one, for root neither.

    Raises:
        OSError: It failed.
    """
    prctl(PR_SET_NO_NEW_PRIVS, 1)
    for capability in range(_LAST_CAPABILITY + 1):
        if _prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) < 0:
            break  # past the last that this kernel has, or no privilege to lose
    _prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)
    _prctl(PR_SET_SECUREBITS, SECUREBITS_NO_ROOT_LOCKED, 0, 0, 0)
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    nothing = (ctypes.c_uint32 * 6)()
    checked(_libc.capset(header, nothing), "capset")


class FilterProgram:
    """A seccomp program, laid out so that loading it costs one call."""

    def __init__(self, instructions: bytes) -> None:
        self._code = ctypes.create_string_buffer(instructions, len(instructions))
        # struct sock_fprog: unsigned short len, padding, pointer.
        self._program = (ctypes.c_uint64 * 2)(len(instructions) // 8, ctypes.addressof(self._code))

    def load(self) -> None:
        """Confine this process. Needs no_new_privs.

        Raises:
            OSError: The kernel has no seccomp filters, or something forbids them.
        """
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.addressof(self._program))


def has_seccomp() -> bool:
    """Whether filters can be loaded: only then is a missing one a bad address."""
    _prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, 0, 0, 0)
    return ctypes.get_errno() == errno.EFAULT


def raw_fork() -> int:
    """`fork(2)` without the interpreter's hooks, which cost half a millisecond.

    Sound only in a process with one thread, where the hooks have nothing to repair.

    Raises:
        OSError: It failed.
    """
    return checked(_raw.fork(), "fork")
