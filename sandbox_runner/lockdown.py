"""What a forked process gives up, in which order, before it runs a program."""

import mmap
import os
import resource
import signal
import sys
from collections.abc import Sequence
from typing import Final

from sandbox_runner import kernel, landlock
from sandbox_runner.seccomp_filters import FILTERS

REQUESTS: Final = 3
REPLIES: Final = 4
"""The descriptors through which a candidate talks to the evaluator. Beside them only 0, 1 and 2 are open."""

_MOST_DESCRIPTORS: Final = 64
_FIXED_LIMITS: Final = {
    "RLIMIT_CORE": 0,
    "RLIMIT_FSIZE": 0,
    "RLIMIT_MEMLOCK": 0,
    "RLIMIT_MSGQUEUE": 0,
    "RLIMIT_SIGPENDING": 64,
    "RLIMIT_STACK": 16 * 2**20,
    "RLIMIT_NOFILE": _MOST_DESCRIPTORS,
}
_LINUX: Final = sys.platform == "linux"


class Lockdown:
    """The confinement of one zygote's candidates. Made once, in the zygote; applied in each fork."""

    def __init__(
        self,
        readable: Sequence[str],
        listable: Sequence[str],
        *,
        use_landlock: bool,
        use_seccomp: bool,
        boxed: bool,
    ) -> None:
        """Prepare.

        Args:
            readable: Files and directories that programs may import from.
            listable: Directories that the import system must list.
            use_landlock: False to go without, as on a kernel that lacks it.
            use_seccomp: False to go without.
            boxed: Whether a mount namespace hides all other files already.
        """
        self.landlock_version = 0
        self._ruleset = -1
        if _LINUX and use_landlock and landlock.version():
            self._ruleset = landlock.ruleset(readable, listable)
            self.landlock_version = landlock.version()
        self.reads_files = boxed or self._ruleset >= 0
        self._filter: kernel.FilterProgram | None = None
        if _LINUX and use_seccomp and kernel.has_seccomp():
            instructions = FILTERS.get((kernel.machine(), self.reads_files))
            if instructions is not None:
                self._filter = kernel.FilterProgram(instructions)
        self.seccomp = self._filter is not None
        self._zygote = os.getpid()
        self._baseline = _address_space()
        self._most_memory = _most(resource.RLIMIT_AS)
        self._most_seconds = _most(resource.RLIMIT_CPU)

    def enter_zygote(self) -> None:
        """Give up, in the zygote, what neither it nor its candidates need.

        Raises:
            OSError: The kernel refuses.
        """
        for name, value in _FIXED_LIMITS.items():
            number = getattr(resource, name, None)
            if number is not None:
                _limit(number, value)
        if not _LINUX:
            return
        if os.geteuid() == 0 and self.seccomp and not self.reads_files:
            # Nothing will be read from disk any more, so an interpreter that only root can read is no reason
            # to stay root.
            os.setgroups([])
            os.setresgid(65534, 65534, 65534)
            os.setresuid(65534, 65534, 65534)
        kernel.drop_capabilities()
        kernel.prctl(kernel.PR_SET_DUMPABLE, 0)
        # A change of user disarms this signal, so it is armed last.
        kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)

    def enter_candidate(self, descriptors: Sequence[int], cpu_ns: int, memory_bytes: int) -> None:
        """Give up everything else, in the fork.

        Args:
            descriptors: The pipes that become `REQUESTS`, `REPLIES`, and both standard output and error.
            cpu_ns: CPU limit. The kernel's own limit, in whole seconds, is set above it as a second lock.
            memory_bytes: Address space to be had beyond the zygote's.

        Raises:
            OSError: The kernel refuses; the program must not run.
        """
        if _LINUX:
            kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
            if os.getppid() != self._zygote:
                os._exit(1)
        if self._ruleset >= 0:
            landlock.restrict(self._ruleset)
        requests, replies, output = descriptors
        os.dup2(output, 1)
        os.dup2(output, 2)
        os.dup2(requests, REQUESTS)
        os.dup2(replies, REPLIES)
        os.closerange(REPLIES + 1, _MOST_DESCRIPTORS)
        memory = min(self._baseline + memory_bytes, self._most_memory)
        try:
            resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
        except ValueError:
            if _LINUX:
                raise
            # macOS has the name of this limit only; probing finds that it does not hold.
        # Elsewhere than on Linux this is the only limit on CPU time, in whole seconds. On Linux the zygote
        # watches, by a better clock: this one counts ticks, and has killed after 5/6 of its time.
        whole = -(-cpu_ns // 10**9)
        seconds = min(2 * whole + 2 if _LINUX else whole, self._most_seconds)
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
        if self._filter is not None:
            self._filter.load()
        else:
            os.setsid()
            _limit(resource.RLIMIT_NPROC, 0)


def _limit(number: int, value: int) -> None:
    value = min(value, _most(number))
    resource.setrlimit(number, (value, value))


def _most(number: int) -> int:
    """The highest value that a limit may be given."""
    hard = resource.getrlimit(number)[1]
    return sys.maxsize if hard == resource.RLIM_INFINITY else hard


def _address_space() -> int:
    """Bytes of address space in use, found by lowering the limit until a page cannot be had.

    A box without /proc offers no other way.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    low, high = 0, 2**40
    try:
        while high - low > 65536:
            middle = (low + high) // 2
            resource.setrlimit(resource.RLIMIT_AS, (middle, hard))
            try:
                mmap.mmap(-1, mmap.PAGESIZE).close()
                high = middle
            except (OSError, MemoryError):
                low = middle
    except (OSError, ValueError):
        return 2**32  # a lower hard limit is in force, or the system has no such limit
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
    return high
