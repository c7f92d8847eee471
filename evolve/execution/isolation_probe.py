"""Finding the isolation level by attacking: a canary program tries, inside the box, what must not work.

A layer is believed only where the attack failed with the error that this layer gives; a probe that failed for
another reason proves nothing. What must work inside is tried as well.
"""

import errno
import os
import platform
import socket
import sysconfig
import tempfile
from collections.abc import Mapping
from pathlib import Path

import msgspec

from evolve.execution.isolation import IsolationLevel
from evolve.problem import Candidate, InfrastructureError, Limits

SOURCE = """
import ctypes, errno, mmap, os
libc = ctypes.CDLL(None, use_errno=True)

def attempt(action):
    try:
        action()
    except OSError as error:
        return error.errno or -1
    except MemoryError:
        return errno.ENOMEM
    return 0

def call(number, *arguments):
    ctypes.set_errno(0)
    if libc.syscall(ctypes.c_long(number), *arguments) < 0:
        raise OSError(ctypes.get_errno(), "")

def forked():
    child = libc.fork()
    if child == 0:
        os._exit(0)
    if child < 0:
        raise OSError(ctypes.get_errno(), "")

def read(path):
    with open(path, "rb") as file:
        file.read(1)

def connect(port):
    import _socket
    _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM).connect(("127.0.0.1", port))

def reach_unix(path):
    import _socket
    _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM).connect(path)

def executable_memory():
    mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)

def allocate(size):
    mmap.mmap(-1, size)

def probe(canary, port, unix, parent, memory, memfd, stdlib_file):
    return {
        "read": attempt(lambda: read(canary)),
        "stat": attempt(lambda: os.stat(canary)),
        "write": attempt(lambda: os.close(os.open(canary, os.O_WRONLY | os.O_APPEND))),
        "create": attempt(lambda: os.close(os.open(canary + ".new", os.O_WRONLY | os.O_CREAT))),
        "tcp": attempt(lambda: connect(port)),
        "unix-socket": attempt(lambda: reach_unix(unix)),
        "fork": attempt(forked),
        "exec": attempt(lambda: os.execv("/nonexistent", ["nothing"])),
        "signal": attempt(lambda: os.kill(parent, 0)),
        "proc": attempt(lambda: read("/proc/%d/environ" % parent)),
        "memory": attempt(lambda: allocate(memory)),
        "memfd": attempt(lambda: call(memfd, b"x", 0)),
        "executable-memory": attempt(executable_memory),
        "import": attempt(lambda: read(stdlib_file)),
    }
"""


LIMITS = Limits(cpu_seconds=5.0, wall_seconds=30.0, memory_bytes=128 * 2**20)
_BEYOND_MEMORY = 2 * LIMITS.memory_bytes
_MEMFD_CREATE = {"x86_64": 319, "aarch64": 279}

_HIDDEN = frozenset({errno.ENOENT})
_SECCOMP = frozenset({errno.EPERM})
_NO_READ = frozenset({errno.ENOENT, errno.EACCES, errno.EPERM})
"""By a mount namespace, by Landlock, by seccomp."""

_BLOCKED: Mapping[str, frozenset[int]] = {
    "read": _NO_READ,
    "stat": _HIDDEN | _SECCOMP,
    "write": _SECCOMP,
    "create": _SECCOMP,
    "tcp": _SECCOMP,
    "unix-socket": _SECCOMP,
    "fork": _SECCOMP,
    "exec": _SECCOMP,
    "signal": _SECCOMP,
    "proc": _NO_READ,
    "memory": frozenset({errno.ENOMEM}),
    "memfd": _SECCOMP,
    "executable-memory": _SECCOMP,
}
"""The errors with which each attack must fail to count as blocked."""


class Findings(msgspec.Struct, frozen=True):
    """What the attacks came to."""

    level: IsolationLevel
    allowed: tuple[str, ...]


def probe(candidate: Candidate) -> Findings:
    """Let a candidate that was opened on `SOURCE` with `LIMITS` try every attack, and judge.

    Raises:
        InfrastructureError: It did not answer as written.
    """
    with tempfile.TemporaryDirectory(prefix="canary") as folder, socket.socket() as listener:
        # Permissions must not be what stops the attack.
        Path(folder).chmod(0o755)
        canary = Path(folder) / "canary"
        canary.write_bytes(b"canary")
        canary.chmod(0o666)
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        with socket.socket(socket.AF_UNIX) as unix:
            path = str(Path(folder) / "s")
            unix.bind(path)
            unix.listen()
            memfd = _MEMFD_CREATE.get(platform.machine(), 0)
            stdlib_file = str(Path(sysconfig.get_path("stdlib")).resolve() / "os.py")
            port = listener.getsockname()[1]
            arguments = (str(canary), port, path, os.getpid(), _BEYOND_MEMORY, memfd, stdlib_file)
            answer = candidate.call("probe", *arguments)
        if canary.read_bytes() != b"canary":
            raise InfrastructureError("a probe changed a file of this machine")
    try:
        errors = msgspec.convert(answer, dict[str, int])
    except msgspec.ValidationError:
        raise InfrastructureError(f"a probe of the sandbox answered {answer!r}") from None
    return judge(errors)


def judge(errors: Mapping[str, int]) -> Findings:
    """The level that these errors prove; 0 stands for success, -1 for a probe that was not made."""
    allowed = tuple(name for name, blocked in _BLOCKED.items() if errors.get(name, 0) not in blocked)
    imports = errors.get("import") == 0
    if not allowed:
        level = IsolationLevel.FULL if imports else IsolationLevel.COMPUTE_PRELOAD
    elif allowed == ("stat",) and imports:
        level = IsolationLevel.COMPUTE
    elif "memory" not in allowed:
        level = IsolationLevel.LIMITS
    else:
        level = IsolationLevel.NONE
    return Findings(level, allowed)
