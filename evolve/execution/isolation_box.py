"""What goes into a box, and the commands that start a zygote in one."""

import importlib.util
import json
import os
import platform
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import msgspec

import sandbox_runner

NAMESPACES = ("bubblewrap", "own", "none")
"""Ways to make a box, best first."""


class Box(msgspec.Struct, frozen=True):
    """How a zygote is to be confined. The switches exist so that tests can do without a layer."""

    namespaces: str
    needs_numpy: bool
    landlock: bool = True
    seccomp: bool = True


class BoxError(Exception):
    """This kind of box cannot be made on this machine; the message says why."""


_NEVER_LOADED = (
    "_tkinter",
    "_curses",
    "readline",
    "_sqlite3",
    "_ssl",
    "_hashlib",
    "_dbm",
    "_gdbm",
    "nis",
    "_test",
)
"""Extension modules that no zygote imports and that are linked to much that the others are not."""

_BOOTSTRAP = "import sys; sys.path.insert(0, sys.argv[2]); from sandbox_runner.zygote import main; main()"


def environment() -> dict[str, str]:
    """The zygote's environment, built from nothing. It empties it before the first candidate."""
    variables = {
        "PYTHONHASHSEED": "0",
        "LC_ALL": "C.UTF-8",
        "LD_BIND_NOW": "1",
        # glibc fills memory that it hands out with the complement of this byte, that is with zeros, unless
        # it comes from the thread cache. A program that reads what it never wrote reads the same every time.
        "GLIBC_TUNABLES": "glibc.malloc.perturb=255:glibc.malloc.tcache_count=0",
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
    }
    for name in ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH"):  # some interpreters are found no other way
        if name in os.environ:
            variables[name] = os.environ[name]
    return variables


def command(box: Box, control: int) -> list[str]:
    """The command that starts a zygote whose control socket is descriptor `control`.

    Raises:
        BoxError: bubblewrap is wanted and absent, or numpy is.
    """
    if sys.platform != "linux" and box.namespaces != "none":
        raise BoxError(f"there are no namespaces on {platform.system()}")
    readable, masked = importable(box.needs_numpy), hidden()
    runner = str(Path(sandbox_runner.__file__).resolve().parent)
    configuration = {
        "control": control,
        "namespaces": box.namespaces,
        "readable": readable,
        "masked": masked,
        "site": str(Path(_numpy_folder()).parent) if box.needs_numpy else None,
        "path": _import_path(),
        "landlock": box.landlock,
        "seccomp": box.seccomp,
    }
    interpreter = os.path.realpath(sys.executable)
    # Neither site packages nor the current folder; PYTHONHASHSEED is the one variable to be heeded.
    python = [interpreter, "-s", "-S", "-P", "-B", "-X", "utf8", "-c", _BOOTSTRAP]
    python += [json.dumps(configuration), str(Path(runner).parent)]
    if box.namespaces != "bubblewrap":
        return python
    return [*_bubblewrap(interpreter, runner, readable, masked), *python]


def _bubblewrap(interpreter: str, runner: str, readable: Sequence[str], masked: Sequence[str]) -> list[str]:
    program = bubblewrap_path()
    if program is None:
        raise BoxError("bubblewrap is not installed")
    line = [program, "--unshare-user", "--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts"]
    line += ["--unshare-cgroup-try", "--uid", "65534", "--gid", "65534", "--hostname", "box", "--as-pid-1"]
    line += ["--die-with-parent", "--new-session", "--cap-drop", "ALL", "--chdir", "/"]
    libraries = _libraries(tuple(readable))
    bound = {*readable, interpreter, runner, *libraries}
    # There is no cache of the dynamic loader in the box, and not all folders are among its defaults.
    line += ["--setenv", "LD_LIBRARY_PATH", ":".join(sorted({str(Path(path).parent) for path in libraries}))]
    # Shallow paths first, so that what lies deeper is mounted into them.
    for path in sorted({*bound, *masked}, key=lambda path: (path.count("/"), path)):
        line += ["--tmpfs", path] if path in masked else ["--ro-bind", path, path]
    for path in masked:
        line += ["--remount-ro", path]
    return [*line, "--remount-ro", "/", "--"]


def bubblewrap_path() -> str | None:
    """Where bubblewrap is, if it is installed."""
    return shutil.which("bwrap")


@cache
def bubblewrap_version() -> str | None:
    """Its version, if it is installed."""
    program = bubblewrap_path()
    if program is None:
        return None
    done = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=10, check=False)
    return done.stdout.removeprefix("bubblewrap").strip() or None


def importable(needs_numpy: bool) -> list[str]:
    """The directories that programs may import from."""
    folders = {os.path.realpath(sysconfig.get_path(name)) for name in ("stdlib", "platstdlib")}
    if needs_numpy:
        numpy = _numpy_folder()
        folders.add(numpy)
        libraries = Path(numpy).with_name("numpy.libs")
        if libraries.is_dir():
            folders.add(str(libraries))
    return sorted(folders)


def hidden() -> list[str]:
    """The directories inside the standard library's that hold what was installed beside it: also us."""
    stdlib = Path(os.path.realpath(sysconfig.get_path("stdlib")))
    return [str(stdlib / name) for name in ("dist-packages", "site-packages") if (stdlib / name).is_dir()]


def _import_path() -> list[str]:
    stdlib, plat = (os.path.realpath(sysconfig.get_path(name)) for name in ("stdlib", "platstdlib"))
    return [stdlib, str(Path(plat) / "lib-dynload")]


@cache
def _numpy_folder() -> str:
    found = importlib.util.find_spec("numpy")
    if found is None or found.origin is None:
        raise BoxError("numpy is not installed: pip install numpy")
    return str(Path(found.origin).resolve().parent)


@cache
def _libraries(folders: tuple[str, ...]) -> tuple[str, ...]:
    """The shared libraries that the interpreter and the extension modules in `folders` are linked to.

    The dynamic loader itself is asked, once for all; where it cannot be (no glibc), the whole library
    directories are bound.
    """
    interpreter = os.path.realpath(sys.executable)
    modules = sorted(str(path) for folder in folders for path in _extension_modules(Path(folder)))
    loader = _loader(interpreter)
    if loader is not None:
        variables = {
            **environment(),
            "LD_PRELOAD": ":".join(map(str, modules)),
            "LD_TRACE_LOADED_OBJECTS": "1",
        }
        listing = subprocess.run(
            [loader, interpreter], env=variables, capture_output=True, text=True, timeout=30, check=False
        )
        found = {
            word for line in listing.stdout.splitlines() for word in line.split() if word.startswith("/")
        }
        inside = tuple(folder + "/" for folder in folders)
        if listing.returncode == 0 and found:
            return tuple(sorted({loader, *(path for path in found if not path.startswith(inside))}))
    return tuple(path for path in ("/lib", "/lib64", "/usr/lib", "/usr/lib64") if Path(path).is_dir())


def _extension_modules(folder: Path) -> list[Path]:
    """The shared objects in a folder of imports that a zygote may load."""
    if (folder / "lib-dynload").is_dir():  # the standard library; what was installed inside is hidden
        found = [*folder.glob("*.so*"), *(folder / "lib-dynload").glob("*.so*")]
    else:
        found = list(folder.rglob("*.so*"))
    return [path for path in found if path.is_file() and not path.name.startswith(_NEVER_LOADED)]


def _loader(interpreter: str) -> str | None:
    """The path of the ELF interpreter that a program names for itself."""
    with Path(interpreter).open("rb") as file:
        head = file.read(4096)
    start = head.find(b"/lib")
    if head[:4] != b"\x7fELF" or start < 0:
        return None
    path = head[start : head.index(b"\0", start)].decode("ascii", "replace")
    return path if "ld-linux" in path and Path(path).exists() else None
