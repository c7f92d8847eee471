"""Landlock: which files may be read; no TCP, abstract sockets or signals beyond the domain (Linux ≥ 5.13).

The numbers are those of include/uapi/linux/landlock.h; they are the same on every architecture.
"""

import ctypes
import os
from collections.abc import Sequence
from struct import pack
from typing import Final

from sandbox_runner import kernel

_CREATE_RULESET: Final = 444
_ADD_RULE: Final = 445
_RESTRICT_SELF: Final = 446
_VERSION: Final = 1
_PATH_BENEATH: Final = 1
_READ_FILE: Final = 1 << 2
_READ_DIR: Final = 1 << 3
_ALL_NET: Final = 0b11
_ALL_SCOPES: Final = 0b11
_FILE_RIGHTS: Final = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}
"""How many of the rights on files each version of the interface knows; the last goes for later ones."""


def version() -> int:
    """The version of the kernel's Landlock interface; 0 where there is none."""
    return max(0, kernel.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint32(_VERSION)))


def ruleset(readable: Sequence[str], listable: Sequence[str]) -> int:
    """A descriptor of a ruleset under which only what lies in or under `readable` can be opened, to be read.

    Directories in and under `listable` can be listed, though not the files in them read.

    Raises:
        OSError: The kernel refuses; paths that do not exist are passed over.
    """
    abi = version()
    rights = (1 << _FILE_RIGHTS.get(abi, 16)) - 1
    attributes = pack("<QQQ", rights, _ALL_NET if abi >= 4 else 0, _ALL_SCOPES if abi >= 6 else 0)
    size = 24 if abi >= 6 else 16 if abi >= 4 else 8
    number = kernel.syscall(_CREATE_RULESET, attributes, ctypes.c_size_t(size), ctypes.c_uint32(0))
    descriptor = kernel.checked(number, "landlock_create_ruleset")
    rights_of = dict.fromkeys(listable, _READ_DIR)
    for path in readable:
        rights_of[path] = _READ_FILE | (_READ_DIR if os.path.isdir(path) else 0)  # noqa: PTH112
    for path, rights in rights_of.items():
        try:
            opened = os.open(path, os.O_PATH | os.O_CLOEXEC)
        except FileNotFoundError:
            continue
        try:
            _allow(descriptor, opened, rights)
        finally:
            os.close(opened)
    return descriptor


def _allow(descriptor: int, opened: int, rights: int) -> None:
    rule = pack("<Qi", rights, opened)
    number = kernel.syscall(
        _ADD_RULE,
        ctypes.c_int(descriptor),
        ctypes.c_int(_PATH_BENEATH),
        rule,
        ctypes.c_uint32(0),
    )
    kernel.checked(number, "landlock_add_rule")


def restrict(descriptor: int) -> None:
    """Confine this process by a ruleset. Needs no_new_privs.

    Raises:
        OSError: The kernel refuses.
    """
    kernel.checked(kernel.short_syscall(_RESTRICT_SELF, descriptor, 0), "landlock_restrict_self")
