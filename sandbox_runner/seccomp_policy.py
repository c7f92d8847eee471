"""Which system calls a candidate may make, on each architecture.

Everything that is not named here fails with EPERM. The numbers are those of asm/unistd_64.h (x86_64) and
asm-generic/unistd.h (aarch64); None where an architecture lacks the call.
"""

from enum import Enum
from typing import Final, NamedTuple


class Architecture(NamedTuple):
    """What a filter must know about a machine."""

    name: str
    audit: int
    """AUDIT_ARCH_* of linux/audit.h."""
    column: int
    """Which of the two numbers of a call is this machine's."""
    foreign: int | None
    """From here on, call numbers belong to another ABI (x32)."""
    open_flags: int
    """O_CLOEXEC, O_DIRECTORY, O_NOFOLLOW, O_LARGEFILE, O_NOCTTY and O_NONBLOCK; nothing else may be asked."""


_COMMON_OPEN_FLAGS: Final = 0x80000 | 0x100 | 0x800
ARCHITECTURES: Final = (
    Architecture("x86_64", 0xC000003E, 0, 0x40000000, _COMMON_OPEN_FLAGS | 0x10000 | 0x20000 | 0x8000),
    Architecture("aarch64", 0xC00000B7, 1, None, _COMMON_OPEN_FLAGS | 0x4000 | 0x8000 | 0x20000),
)

EPERM: Final = 1
ENOSYS: Final = 38


class Verdict(Enum):
    """What happens to a call."""

    ALLOW = "allow"
    EPERM = "eperm"
    ENOSYS = "enosys"
    KILL = "kill"


class NoBits(NamedTuple):
    """Allow where none of `mask` is set in the low 32 bits of an argument; else EPERM."""

    argument: int
    mask: int


class OneOf(NamedTuple):
    """Allow where the low 32 bits of an argument, under `mask`, are among `values`; else EPERM."""

    argument: int
    mask: int
    values: tuple[int, ...]


class Zero(NamedTuple):
    """Allow where all 64 bits of both arguments are zero; else EPERM."""

    arguments: tuple[int, int]


Rule = Verdict | NoBits | OneOf | Zero

_PROT_EXEC: Final = 4
_NO_EXEC: Final = NoBits(2, _PROT_EXEC)
_FCNTL_COMMANDS: Final = (0, 1, 2, 3, 1030)
"""F_DUPFD, F_GETFD, F_SETFD, F_GETFL, F_DUPFD_CLOEXEC. Not F_SETOWN and F_SETSIG, which send signals."""
_FUTEX_PRIVATE_AND_CLOCK: Final = 128 | 256
_FUTEX_OPERATIONS: Final = (0, 1, 9, 10)
"""WAIT, WAKE, WAIT_BITSET, WAKE_BITSET."""

_COMPUTE: Final[dict[str, tuple[int | None, int | None]]] = {
    "read": (0, 63),
    "write": (1, 64),
    "readv": (19, 65),
    "writev": (20, 66),
    "pread64": (17, 67),
    "lseek": (8, 62),
    "close": (3, 57),
    "dup": (32, 23),
    "dup2": (33, None),
    "dup3": (292, 24),
    "fstat": (5, 80),
    "munmap": (11, 215),
    "mremap": (25, 216),
    "brk": (12, 214),
    "madvise": (28, 233),
    "rt_sigaction": (13, 134),
    "rt_sigprocmask": (14, 135),
    "rt_sigreturn": (15, 139),
    "sigaltstack": (131, 132),
    "getpid": (39, 172),
    "gettid": (186, 178),
    "getppid": (110, 173),
    "getuid": (102, 174),
    "geteuid": (107, 175),
    "getgid": (104, 176),
    "getegid": (108, 177),
    "clock_gettime": (228, 113),
    "clock_getres": (229, 114),
    "clock_nanosleep": (230, 115),
    "nanosleep": (35, 101),
    "gettimeofday": (96, 169),
    "time": (201, None),
    "getrandom": (318, 278),
    "sched_yield": (24, 124),
    "sched_getaffinity": (204, 123),
    "getrusage": (98, 165),
    "times": (100, 153),
    "getrlimit": (97, 163),
    "exit": (60, 93),
    "exit_group": (231, 94),
    "poll": (7, None),
    "ppoll": (271, 73),
    "select": (23, None),
    "pselect6": (270, 72),
    "restart_syscall": (219, 128),
    "uname": (63, 160),
}
_FILES: Final[dict[str, tuple[int | None, int | None]]] = {
    "stat": (4, None),
    "lstat": (6, None),
    "newfstatat": (262, 79),
    "getdents64": (217, 61),
    "getcwd": (79, 17),
}
_OPENAT: Final = (257, 56)
_FILTERED: Final[dict[str, tuple[tuple[int | None, int | None], Rule]]] = {
    "mmap": ((9, 222), _NO_EXEC),
    "mprotect": ((10, 226), _NO_EXEC),
    "fcntl": ((72, 25), OneOf(1, 0xFFFFFFFF, _FCNTL_COMMANDS)),
    "futex": ((202, 98), OneOf(1, 0xFFFFFFFF & ~_FUTEX_PRIVATE_AND_CLOCK, _FUTEX_OPERATIONS)),
    "prlimit64": ((302, 261), Zero((0, 2))),
}
_ABSENT: Final[dict[str, tuple[int | None, int | None]]] = {
    # glibc falls back to the older call only on ENOSYS; its arguments lie in memory that a filter cannot see.
    "clone3": (435, 435),
    "openat2": (437, 437),
}
_HOSTILE: Final[dict[str, tuple[int | None, int | None]]] = {
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "keyctl": (250, 219),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "setns": (308, 268),
    "unshare": (272, 97),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "delete_module": (176, 106),
    "kexec_load": (246, 104),
    "kexec_file_load": (320, 294),
    "reboot": (169, 142),
    "swapon": (167, 224),
    "swapoff": (168, 225),
    "pidfd_getfd": (438, 438),
    "open_by_handle_at": (304, 265),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "fsmount": (432, 432),
    "iopl": (172, None),
    "ioperm": (173, None),
    "modify_ldt": (154, None),
}


def rules(architecture: Architecture, *, files: bool) -> dict[int, Rule]:
    """The rule of every call that does not simply fail with EPERM, by number.

    Args:
        architecture: The machine.
        files: Whether files may be opened to be read, and stat'ed. Without Landlock or a mount namespace
            nothing else keeps them apart, and they may not.
    """
    found: dict[int, Rule] = {}

    def put(numbers: tuple[int | None, int | None], rule: Rule) -> None:
        number = numbers[architecture.column]
        if number is not None:
            found[number] = rule

    for numbers in (*_COMPUTE.values(), *(_FILES.values() if files else ())):
        put(numbers, Verdict.ALLOW)
    for numbers, rule in _FILTERED.values():
        put(numbers, rule)
    if files:
        put(_OPENAT, NoBits(2, 0xFFFFFFFF & ~architecture.open_flags))
    for numbers in _ABSENT.values():
        put(numbers, Verdict.ENOSYS)
    for numbers in _HOSTILE.values():
        put(numbers, Verdict.KILL)
    return found
