"""Every forbidden thing is refused, for the right reason, and leaves no trace."""

import errno
import os
import secrets
import socket
import stat
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from evolve.program import SourceFile, bundle
from tests.conformance.attacks import ATTACKS, KILLED, PRELUDE, Attack
from tests.conformance.harness import Driver


@dataclass(frozen=True)
class Targets:
    """What attacks are aimed at: a folder with a secret that everybody may read and write, and listeners."""

    folder: Path
    secret: Path
    token: str
    tcp: socket.socket
    unix: socket.socket
    abstract: socket.socket

    def arguments(self, driver: Driver) -> list[Any]:
        """The arguments of `attack`."""
        return [
            str(self.secret),
            str(self.folder),
            driver.state["pid"],
            driver.state["zygote"],
            self.tcp.getsockname()[1],
            self.unix.getsockname(),
            "\0" + self.abstract.getsockname()[1:].decode(),
        ]

    def untouched(self) -> None:
        """Assert that nothing happened to them."""
        assert self.secret.read_text() == self.token
        assert stat.S_IMODE(self.secret.stat().st_mode) == 0o666
        assert sorted(path.name for path in self.folder.iterdir()) == ["secret", "socket"]
        for listener in (self.tcp, self.unix, self.abstract):
            with pytest.raises(BlockingIOError):
                listener.accept()


@pytest.fixture(scope="module")
def targets() -> Iterator[Targets]:
    with tempfile.TemporaryDirectory(dir="/var/tmp") as name:
        folder = Path(name)
        folder.chmod(0o777)
        secret = folder / "secret"
        token = secrets.token_hex()
        secret.write_text(token)
        secret.chmod(0o666)
        with (
            socket.socket() as tcp,
            socket.socket(socket.AF_UNIX) as unix,
            socket.socket(socket.AF_UNIX) as abstract,
        ):
            tcp.bind(("127.0.0.1", 0))
            unix.bind(str(folder / "socket"))
            (folder / "socket").chmod(0o777)
            abstract.bind("\0" + secrets.token_hex())
            for listener in (tcp, unix, abstract):
                listener.listen()
                listener.setblocking(False)
            yield Targets(folder, secret, token, tcp, unix, abstract)


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: str(attack.name))
def test_refused(driver: Driver, targets: Targets, attack: Attack) -> None:
    found = driver.attempt(attack.source, *targets.arguments(driver))
    if driver.configuration.level in attack.breached_at:
        assert found.value[0] == "done"
        return
    if attack.exception == "ValueError":  # an exception that says that the system refused
        assert found.status == "crashed"
        assert "not allowed to raise maximum limit" in found.feedback
        return
    kind, what = found.value
    if attack.exception:
        assert kind in (attack.exception, "ModuleNotFoundError"), found.value
    else:
        assert kind == "errno", found.value
        assert what in attack.errors, f"{os.strerror(what)}, expected {sorted(attack.errors)}"
    targets.untouched()


def test_refused_alike_to_every_file_of_a_program(driver: Driver, targets: Targets) -> None:
    allowed = []
    for attack in ATTACKS:
        files = (
            SourceFile("main.py", "from lib.hostile import attack\n"),
            SourceFile("lib/hostile.py", attack.source),
        )
        one = driver.attempt(attack.source, *targets.arguments(driver))
        several = driver.attempt(bundle(files), *targets.arguments(driver))
        assert several.status == one.status, attack.name
        if one.status == "ok":
            assert several.value[0] == one.value[0], attack.name
            assert several.value == one.value or one.value[0] != "errno", attack.name
            allowed += [attack] if several.value[0] == "done" else []
    assert all(driver.configuration.level in attack.breached_at for attack in allowed)
    targets.untouched()


IMPORTS = """
import importlib
def attack(names):
    found = []
    for name in names:
        try:
            importlib.import_module(name)
            found.append(name)
        except (ImportError, OSError):
            pass
    return found
"""


def test_files_of_a_program_make_nothing_else_importable(driver: Driver) -> None:
    ours = ["lib.a", "lib", "main"]
    names = ["evolve", "evolve.program", "tests.conformance.driver", "sandbox_runner.none", "lib.none", *ours]
    files = SourceFile("main.py", IMPORTS), SourceFile("lib/a.py", "")
    assert driver.attempt(bundle(files), names).value == ours
    assert driver.attempt(IMPORTS, names).value == []


LIST = """
import os
def attack(folders):
    found = {}
    for folder in folders:
        try:
            found[folder] = os.listdir(folder)
        except OSError as error:
            found[folder] = error.errno
    return found
"""


def test_no_listing_of_the_machine(driver: Driver) -> None:
    """At `full` the machine's folders do not exist; the rest, like everywhere below, may not be listed."""
    home, own = str(Path.home()), str(Path(__file__).resolve().parents[2])
    found = driver.attempt(LIST, ["/", "/etc", "/proc", "/tmp", "/var", home, own, own + "/problems"]).value
    refused = {
        "compute": {errno.EACCES},
        "compute-preload": {errno.EPERM},
        "full": {errno.EACCES, errno.ENOENT},
    }
    assert set(found.values()) <= refused[driver.configuration.level]
    if driver.configuration.level == "full":
        assert found["/etc"] == found["/var"] == found[own + "/problems"] == errno.ENOENT


@pytest.mark.parametrize("name", KILLED)
def test_killed(driver: Driver, targets: Targets, name: str) -> None:
    signature = "secret, folder, evaluator, zygote, port, unix, abstract"
    source = f"{PRELUDE}\ndef attack({signature}):\n    return told(lambda: {KILLED[name]})\n"
    found = driver.attempt(source, *targets.arguments(driver))
    assert found.status == "crashed"
    assert "forbidden system call" in found.feedback


def test_attacks_work_where_nothing_stops_them(targets: Targets) -> None:
    """The control: outside a sandbox the same programs do what they say."""
    worked = 0
    arguments = [str(targets.secret), str(targets.folder), os.getpid(), os.getpid()]
    arguments += [targets.tcp.getsockname()[1], targets.unix.getsockname(), "\0none"]
    harmless: tuple[str, ...] = (
        "read secret",
        "stat secret",
        "list folder",
        "O_TMPFILE",
        "memfd",
        "executable memory",
    )
    harmless += ("open with O_PATH", "own /proc entry", "pidfd_open", "socketpair", "pipe", "epoll", "IPv6")
    for attack in ATTACKS:
        if attack.name in harmless:
            namespace: dict[str, Any] = {}
            exec(attack.source, namespace)
            kind, _ = namespace["attack"](*arguments)
            assert kind == "done", attack.name
            worked += 1
    assert worked == len(harmless)
    targets.untouched()
