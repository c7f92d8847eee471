"""A box of namespaces of our own, for machines without bubblewrap: a root with nothing but the interpreter.

The process that enters stays outside the new process namespace and waits; its child is process 1 inside, and
takes everything with it when it dies.
"""

import os
import signal
import sys
from collections.abc import Sequence
from typing import Final

from sandbox_runner import kernel

_NEW_USER: Final = 0x10000000
_NEW_OTHERS: Final = 0x00020000 | 0x20000000 | 0x40000000 | 0x08000000 | 0x04000000 | 0x02000000
"""Mounts, processes, network, System V IPC, host name, control groups."""
_READ_ONLY: Final = 1
_BIND: Final = 4096
_RECURSIVE: Final = 16384
_REMOUNT: Final = 32
_PRIVATE: Final = 1 << 18
_NO_SUID_DEV: Final = 2 | 4
_KEPT_FLAGS: Final = (
    {os.ST_NOSUID: 2, os.ST_NODEV: 4, os.ST_NOEXEC: 8, os.ST_NOATIME: 1024} if sys.platform == "linux" else {}
)
_NOBODY: Final = 65534
_MOUNT_POINT: Final = "/proc"
"""Any directory that holds nothing we bind; the new root is built over it."""


def enter(readable: Sequence[str], masked: Sequence[str], control: int) -> None:
    """Move into a new box; returns in its process 1. The calling process waits for that one and ends with it.

    Args:
        readable: What is bound, read-only, under its own path.
        masked: Directories inside these that are made empty before deeper ones are bound.
        control: Descriptor of the control socket, closed in the process that stays outside.

    Raises:
        OSError: The kernel, or a policy on it, refuses.
    """
    _unshare()
    kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
    child = os.fork()
    if child:
        os.close(control)
        _, status = os.waitpid(child, 0)
        os._exit(os.waitstatus_to_exitcode(status) & 0xFF)
    kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
    _build_root(readable, masked)


def _unshare() -> None:
    """New namespaces; with a user namespace where one is to be had, else by root's own right."""
    user, group = os.geteuid(), os.getegid()
    try:
        kernel.unshare(_NEW_USER | _NEW_OTHERS)
    except OSError:
        if user != 0:
            raise
        kernel.unshare(_NEW_OTHERS)
        return
    _write("/proc/self/setgroups", "deny")
    _write("/proc/self/uid_map", f"{_NOBODY} {user} 1")
    _write("/proc/self/gid_map", f"{_NOBODY} {group} 1")


def _write(path: str, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY)
    try:
        os.write(descriptor, text.encode())
    finally:
        os.close(descriptor)


def _build_root(readable: Sequence[str], masked: Sequence[str]) -> None:
    kernel.mount("none", "/", None, _RECURSIVE | _PRIVATE)
    kernel.mount("tmpfs", _MOUNT_POINT, "tmpfs", _NO_SUID_DEV, "mode=755,size=1m")
    # Shallow paths first, so that what lies deeper is mounted into them.
    for path in sorted({*readable, *masked}, key=lambda path: path.count("/")):
        target = _MOUNT_POINT + path
        if path in masked:
            kernel.mount("tmpfs", target, "tmpfs", _NO_SUID_DEV, "mode=755,size=1m")
        elif os.path.exists(path):  # noqa: PTH110 - pathlib is not worth its import here
            _bind(path, target)
    for path in ("", *masked):
        kernel.mount("none", _MOUNT_POINT + path, None, _REMOUNT | _READ_ONLY | _NO_SUID_DEV)
    os.chdir(_MOUNT_POINT)
    kernel.pivot_root_here()


def _bind(path: str, target: str) -> None:
    if os.path.isdir(path):  # noqa: PTH112
        os.makedirs(target, exist_ok=True)  # noqa: PTH103
    else:
        os.makedirs(os.path.dirname(target), exist_ok=True)  # noqa: PTH103, PTH120
        os.close(os.open(target, os.O_CREAT | os.O_WRONLY))
    kernel.mount(path, target, None, _BIND | _RECURSIVE)
    had = os.statvfs(target).f_flag
    kept = sum(flag for bit, flag in _KEPT_FLAGS.items() if had & bit)
    kernel.mount("none", target, None, _BIND | _REMOUNT | _READ_ONLY | kept | _NO_SUID_DEV)
