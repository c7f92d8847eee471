"""Hostile programs that try one forbidden thing and tell which error stopped them.

An attack is an expression or some statements that `attack` runs; it answers `["errno", n]` where the system
refused, and `["done", what]` where it succeeded. Names in `TARGETS` are given as arguments.
"""

import errno
from dataclasses import dataclass, field

PRELUDE = """
import ctypes, mmap, os, sys
libc = ctypes.CDLL(None, use_errno=True)
X86 = os.uname().machine == "x86_64"

def syscall(x86, arm, *arguments):
    ctypes.set_errno(0)
    result = libc.syscall(ctypes.c_long(x86 if X86 else arm), *arguments)
    if result < 0:
        raise OSError(ctypes.get_errno(), "")
    return result

def call(name, *arguments):
    ctypes.set_errno(0)
    result = getattr(libc, name)(*arguments)
    if result < 0:
        raise OSError(ctypes.get_errno(), "")
    return result

def told(action):
    try:
        return ["done", repr(action())]
    except OSError as error:
        return ["errno", error.errno]
    except (MemoryError, RuntimeError, ImportError) as error:
        return [type(error).__name__, str(error)]
"""

EPERM = frozenset({errno.EPERM})
NO_READ = frozenset({errno.EPERM, errno.EACCES, errno.ENOENT})
"""seccomp (no files at all), Landlock, mount namespace."""


@dataclass(frozen=True)
class Attack:
    """One forbidden thing."""

    name: str
    body: str
    errors: frozenset[int] = EPERM
    exception: str = ""
    """The exception, where it is none with an errno."""
    breached_at: frozenset[str] = field(default_factory=frozenset)
    """Levels that do not promise to stop it."""

    @property
    def source(self) -> str:
        """The program. Its arguments: a file with a secret, its folder, the evaluator's and the zygote's pid,
        a TCP port, the path of a Unix socket, the name of an abstract one."""
        body = "\n".join("        " + line for line in self.body.strip().splitlines())
        signature = "secret, folder, evaluator, zygote, port, unix, abstract"
        return f"{PRELUDE}\ndef attack({signature}):\n    def action():\n{body}\n    return told(action)\n"


SOCKET = "import _socket\n"
FILES = (
    Attack("read secret", "return open(secret).read()", NO_READ),
    Attack("read secret by descriptor", "return os.open(secret, os.O_RDONLY)", NO_READ),
    Attack("read /etc/passwd", "return open('/etc/passwd').read()", NO_READ),
    Attack("read /etc/shadow", "return open('/etc/shadow').read()", NO_READ),
    Attack("list folder", "return os.listdir(folder)", NO_READ),
    Attack(
        "stat secret",
        "return os.stat(secret).st_size",
        EPERM | {errno.ENOENT},
        breached_at=frozenset({"compute"}),
    ),
    Attack("open with O_PATH", "return os.open(secret, os.O_PATH)"),
    Attack("write secret", "return os.open(secret, os.O_WRONLY)"),
    Attack("append to secret", "return os.open(secret, os.O_RDWR | os.O_APPEND)"),
    Attack("truncate by open", "return os.open(secret, os.O_RDONLY | os.O_TRUNC)"),
    Attack("truncate", "return os.truncate(secret, 0)"),
    Attack("create", "return os.open(folder + '/new', os.O_WRONLY | os.O_CREAT)"),
    Attack("create in /tmp", "return os.open('/tmp/hostile', os.O_WRONLY | os.O_CREAT)"),
    Attack("O_TMPFILE", "return os.open('/tmp', os.O_RDWR | os.O_TMPFILE)"),
    Attack(
        "openat2", "return syscall(437, 437, -100, secret.encode(), bytes(24), 24)", frozenset({errno.ENOSYS})
    ),
    Attack("creat", "return call('creat', secret.encode(), 0o600)"),
    Attack("mkdir", "return os.mkdir(folder + '/new')"),
    Attack("symlink", "return os.symlink(secret, folder + '/link')"),
    Attack("hard link", "return os.link(secret, folder + '/link')"),
    Attack("rename", "return os.rename(secret, secret + '2')"),
    Attack("unlink", "return os.unlink(secret)"),
    Attack("chmod", "return os.chmod(secret, 0o777)"),
    Attack("chown", "return os.chown(secret, 0, 0)"),
    Attack("utime", "return os.utime(secret)"),
    Attack("mknod", "return os.mknod(folder + '/node')"),
    Attack("chdir", "return os.chdir('/')"),
    Attack("readlink", "return os.readlink('/proc/self/exe')"),
    Attack("sendfile", "return os.sendfile(1, 0, None, 1)"),
)
PROCESSES = (
    Attack("evaluator's memory", "return os.open(f'/proc/{evaluator}/mem', os.O_RDONLY)", NO_READ),
    Attack("evaluator's environment", "return open(f'/proc/{evaluator}/environ').read()", NO_READ),
    Attack("evaluator's descriptors", "return os.listdir(f'/proc/{evaluator}/fd')", NO_READ),
    Attack("own /proc entry", "return open('/proc/self/status').read()", NO_READ),
    Attack("pidfd_open", "return syscall(434, 434, evaluator, 0)"),
    Attack("pidfd_send_signal", "return syscall(424, 424, 3, 9, None, 0)"),
    Attack("kill evaluator", "return os.kill(evaluator, 9)"),
    Attack("kill zygote", "return os.kill(zygote, 9)"),
    Attack("kill parent", "return os.kill(os.getppid(), 9)"),
    Attack("kill everybody", "return os.kill(-1, 9)"),
    Attack("kill the group", "return os.killpg(0, 9)"),
    Attack("kill itself", "return os.kill(os.getpid(), 9)"),
    Attack("tgkill", "return syscall(234, 131, evaluator, evaluator, 9)"),
    Attack("sigqueue", "return call('sigqueue', evaluator, 9, None)"),
    Attack("owner of a descriptor's signals", "import fcntl\nreturn fcntl.fcntl(3, fcntl.F_SETOWN, zygote)"),
    Attack("signal of a descriptor", "import fcntl\nreturn fcntl.fcntl(3, 10, 9)"),
    Attack("O_ASYNC", "import fcntl\nreturn fcntl.fcntl(3, fcntl.F_SETFL, 0x2000)"),
    Attack("pipe size", "import fcntl\nreturn fcntl.fcntl(4, 1031, 4096)"),
    Attack("fork", "return call('fork')"),
    Attack("os.fork", "return os.fork()"),
    Attack("vfork by number", "return syscall(58, 220, 0x4111, 0, 0, 0, 0)"),
    Attack("clone", "return syscall(56, 220, 17, 0, 0, 0, 0)"),
    Attack("clone into namespaces", "return syscall(56, 220, 0x10000000 | 17, 0, 0, 0, 0)"),
    Attack("clone3", "return syscall(435, 435, bytes(64), 64)", frozenset({errno.ENOSYS})),
    Attack("thread", "import _thread\nreturn _thread.start_new_thread(print, ())", exception="RuntimeError"),
    Attack("exec", "return os.execv('/bin/sh', ['sh', '-c', 'id'])"),
    Attack("execveat", "return syscall(322, 281, 3, b'', None, None, 0x1000)"),
    Attack("wait", "return os.waitpid(-1, os.WNOHANG)"),
    Attack("setsid", "return os.setsid()"),
    Attack("setuid", "return os.setuid(0)"),
    Attack("setresuid", "return os.setresuid(0, 0, 0)"),
    Attack("setgroups", "return os.setgroups([0])"),
    Attack("capset", "return syscall(126, 91, bytes(8), bytes(24))"),
    Attack("prctl dumpable", "return call('prctl', 4, 1, 0, 0, 0)"),
    Attack("prctl parent death", "return call('prctl', 1, 0, 0, 0, 0)"),
    Attack("personality", "return syscall(135, 92, 0x400000)"),
    Attack("priority", "return os.setpriority(os.PRIO_PROCESS, 0, -20)"),
    Attack("nice", "return os.nice(5)"),
    Attack("affinity", "return os.sched_setaffinity(0, [0])"),
    Attack("scheduler", "return os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))"),
    Attack(
        "raise the memory limit",
        "import resource\nreturn resource.setrlimit(resource.RLIMIT_AS, (-1, -1))",
        exception="ValueError",
    ),
    Attack("raise the CPU limit of the zygote", "return syscall(302, 261, zygote, 0, bytes(16), None)"),
    Attack("read the zygote's limits", "return syscall(302, 261, zygote, 0, None, bytes(16))"),
    Attack("timer that signals", "return call('setitimer', 0, bytes(32), None)"),
    Attack("seccomp", "return syscall(317, 277, 1, 0, bytes(16))"),
    Attack("landlock", "return syscall(444, 444, None, 0, 1)"),
)
NETWORK = (
    Attack("TCP", SOCKET + "return _socket.socket(2, 1).connect(('127.0.0.1', port))"),
    Attack("UDP", SOCKET + "return _socket.socket(2, 2).sendto(b'x', ('127.0.0.1', port))"),
    Attack("IPv6", SOCKET + "return _socket.socket(10, 1)"),
    Attack("Unix socket", SOCKET + "return _socket.socket(1, 1).connect(unix)"),
    Attack("abstract socket", SOCKET + "return _socket.socket(1, 1).connect(abstract)"),
    Attack("socketpair", SOCKET + "return _socket.socketpair()"),
    Attack("raw socket", SOCKET + "return _socket.socket(2, 3, 1)"),
    Attack("packet socket", SOCKET + "return _socket.socket(17, 3)"),
    Attack("netlink", SOCKET + "return _socket.socket(16, 3)"),
    Attack("vsock", SOCKET + "return _socket.socket(40, 1)"),
    Attack("sendmsg on its own pipe", "return syscall(46, 211, 4, bytes(56), 0)"),
    Attack("recvmsg on its own pipe", "return syscall(47, 212, 3, bytes(56), 0)"),
)
LOAD_MACHINE_CODE = """
import sysconfig
from importlib.machinery import ExtensionFileLoader
from importlib.util import module_from_spec, spec_from_file_location
folder = [p for p in sys.path if p.endswith('lib-dynload')][0]
name = '_bz2'
path = f"{folder}/{name}.{sys.implementation.cache_tag}-{sys.implementation._multiarch}.so"
spec = spec_from_file_location(name, path, loader=ExtensionFileLoader(name, path))
module_from_spec(spec)
"""
KERNEL = (
    Attack("memfd", "return syscall(319, 279, b'x', 0)"),
    Attack("memfd_secret", "return syscall(447, 447, 0)"),
    Attack("shared memory", "return syscall(29, 194, 0, 1 << 20, 0o1600)"),
    Attack("message queue", "return syscall(68, 186, 0, 0o1600)"),
    Attack("semaphores", "return syscall(64, 190, 0, 1, 0o1600)"),
    Attack("executable memory", "return mmap.mmap(-1, 4096, prot=7)"),
    Attack("execute only memory", "return mmap.mmap(-1, 4096, prot=4)"),
    Attack(
        "make memory executable",
        "m = mmap.mmap(-1, 4096)\n"
        "a = ctypes.addressof(ctypes.c_char.from_buffer(m))\n"
        "return call('mprotect', ctypes.c_void_p(a), ctypes.c_size_t(4096), 5)",
    ),
    Attack("pkey_mprotect", "return syscall(329, 288, 0, 4096, 7, -1)"),
    Attack("load machine code", LOAD_MACHINE_CODE, exception="ImportError"),
    Attack("terminal input", "import fcntl\nreturn fcntl.ioctl(0, 0x5412, b'x')"),
    Attack("ioctl", "import fcntl\nreturn fcntl.ioctl(4, 0x541B, bytes(4))"),
    Attack("inotify", "return syscall(294, 26, 0)"),
    Attack("eventfd", "return syscall(290, 19, 0, 0)"),
    Attack("epoll", "return syscall(291, 20, 0)"),
    Attack("timerfd", "return syscall(283, 85, 1, 0)"),
    Attack("signalfd", "return syscall(289, 74, -1, bytes(8), 8, 0)"),
    Attack("pipe", "return os.pipe()"),
    Attack("splice", "return syscall(275, 76, 3, None, 4, None, 1, 0)"),
    Attack("futex requeue", "return syscall(202, 98, ctypes.byref(ctypes.c_int()), 3, 0, 0, 0, 0)"),
    Attack("process_madvise", "return syscall(440, 440, 3, None, 0, 0, 0)"),
    Attack("sysinfo", "return syscall(99, 179, bytes(128))"),
    Attack("sethostname", "return syscall(170, 161, b'x', 1)"),
    Attack("clock_settime", "return syscall(227, 112, 0, bytes(16))"),
    Attack("mlock", "return syscall(149, 228, 0, 4096)"),
)
ATTACKS = (*FILES, *PROCESSES, *NETWORK, *KERNEL)

KILLED = {
    "ptrace": "syscall(101, 117, 16, evaluator, 0, 0)",
    "process_vm_readv": "syscall(310, 270, evaluator, None, 0, None, 0, 0)",
    "process_vm_writev": "syscall(311, 271, zygote, None, 0, None, 0, 0)",
    "pidfd_getfd": "syscall(438, 438, 3, 0, 0)",
    "bpf": "syscall(321, 280, 0, bytes(64), 64)",
    "keyctl": "syscall(250, 219, 0, -3, 0)",
    "add_key": "syscall(248, 217, b'user', b'x', b'y', 1, -3)",
    "perf_event_open": "syscall(298, 241, bytes(128), 0, -1, -1, 0)",
    "io_uring_setup": "syscall(425, 425, 8, bytes(120))",
    "userfaultfd": "syscall(323, 282, 0)",
    "mount": "syscall(165, 40, b'x', b'/', b'tmpfs', 0, None)",
    "umount": "syscall(166, 39, b'/', 2)",
    "pivot_root": "syscall(155, 41, b'/', b'/')",
    "chroot": "os.chroot('/')",
    "unshare": "syscall(272, 97, 0x10000000)",
    "setns": "syscall(308, 268, 3, 0)",
    "fsopen": "syscall(430, 430, b'tmpfs', 0)",
    "open_by_handle_at": "syscall(304, 265, 3, bytes(64), 0)",
    "init_module": "syscall(175, 105, bytes(8), 8, b'')",
    "kexec_load": "syscall(246, 104, 0, 0, None, 0)",
    "reboot": "syscall(169, 142, 0, 0, 0, None)",
    "x32 getpid": "syscall(0x40000000 + 39, 101, 16, evaluator, 0, 0)",
}
"""Calls that end the process at once. The last is `ptrace` where there is no such ABI."""
