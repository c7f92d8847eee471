"""Runs a command as an ordinary user, or with namespaces refused, or both.

    python as_other.py [--uid N] [--no-namespaces] -- COMMAND ...

Started by root for `--uid`. Where the interpreter lies in a directory that only root may enter, the command
gets a mount namespace of its own in which the same paths can be read.
"""

import ctypes
import os
import stat
import struct
import sys
import sysconfig
from pathlib import Path

NEW_MOUNTS = 0x20000
BIND_RECURSIVE = 4096 | 16384
PRIVATE_RECURSIVE = (1 << 18) | 16384
libc = ctypes.CDLL(None, use_errno=True)


def check(result: int) -> None:
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def mount(source: str, target: str, kind: str | None, flags: int, data: str | None = None) -> None:
    texts = [None if text is None else text.encode() for text in (source, target, kind, data)]
    check(libc.mount(texts[0], texts[1], texts[2], ctypes.c_ulong(flags), texts[3]))


def closed_directory(path: str) -> str | None:
    """The uppermost directory on the way to `path` that others may not enter."""
    parts = path.strip("/").split("/")
    for count in range(1, len(parts)):
        directory = "/" + "/".join(parts[:count])
        if not Path(directory).stat().st_mode & stat.S_IXOTH:
            return directory
    return None


def open_up() -> None:
    """Make what the interpreter needs readable to all, in a mount namespace of our own."""
    needed = {os.path.realpath(sys.base_prefix), *map(os.path.realpath, sysconfig.get_paths().values())}
    needed |= {os.path.realpath(path) for path in sys.path if path and Path(path).is_dir()}
    hidden = {path: closed for path in sorted(needed) if (closed := closed_directory(path))}
    if not hidden:
        return
    check(libc.unshare(NEW_MOUNTS))
    mount("none", "/", None, PRIVATE_RECURSIVE)
    opened = {path: os.open(path, os.O_PATH) for path in hidden if Path(path).is_dir()}
    for directory in sorted(set(hidden.values())):
        mount("tmpfs", directory, "tmpfs", 0, "mode=755")
    for path, descriptor in opened.items():
        if Path(path).exists():  # lies in one that is bound already
            continue
        Path(path).mkdir(parents=True)
        mount(f"/proc/self/fd/{descriptor}", path, None, BIND_RECURSIVE)


def refuse_namespaces() -> None:
    """Let `unshare`, and `clone` with a flag for a namespace, fail with EPERM from here on."""
    numbers = {"x86_64": (272, 56, 435), "aarch64": (97, 220, 435)}[os.uname().machine]
    unshare, clone, clone3 = numbers
    flags = 0x10000000 | 0x20000 | 0x20000000 | 0x40000000 | 0x08000000 | 0x04000000 | 0x02000000
    allow, eperm, enosys = 0x7FFF0000, 0x50001, 0x50026
    code = [
        (0x20, 0, 0, 0),
        (0x15, 5, 0, unshare),
        (0x15, 5, 0, clone3),
        (0x15, 0, 2, clone),
        (0x20, 0, 0, 16),
        (0x45, 1, 0, flags),
        (0x06, 0, 0, allow),
        (0x06, 0, 0, eperm),
        (0x06, 0, 0, enosys),
    ]
    instructions = ctypes.create_string_buffer(b"".join(struct.pack("<HBBI", *one) for one in code))
    program = (ctypes.c_uint64 * 2)(len(code), ctypes.addressof(instructions))
    zero = ctypes.c_ulong(0)
    check(libc.prctl(38, ctypes.c_ulong(1), zero, zero, zero))
    check(libc.prctl(22, ctypes.c_ulong(2), ctypes.c_ulong(ctypes.addressof(program)), zero, zero))


def main() -> None:
    separator = sys.argv.index("--")
    options, command = sys.argv[1:separator], sys.argv[separator + 1 :]
    if "--uid" in options:
        uid = int(options[options.index("--uid") + 1])
        open_up()
        os.setgroups([])
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)
    if "--no-namespaces" in options:
        refuse_namespaces()
    os.execv(command[0], command)


if __name__ == "__main__":
    main()
