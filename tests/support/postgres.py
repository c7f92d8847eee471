"""A real PostgreSQL server for tests: made in a temporary folder, run by an unprivileged user, removed."""

import ctypes
import itertools
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

USER = "evolve"
NewUrl = Callable[[], str]
"""Gives the URL of an archive that is not there yet, another one at each call."""
OWNERS = ("postgres", "nobody")
"""Who runs the server where the tests are run by root, whom PostgreSQL refuses; the first that there is."""
PASSWORD = "correct-horse"
"""Of the user `evolve`, who needs it on the loopback interface and not on the socket."""
_ADMISSION = f"""
local all all trust
host all {USER} 127.0.0.1/32 scram-sha-256
"""
_numbers = itertools.count()


class Server:
    """A running server."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder
        self.port = port

    def url(self, database: str) -> str:
        """Of a database, through the server's socket."""
        return f"postgresql://{USER}@/{database}?host={self.folder}&port={self.port}"

    def tcp_url(self, database: str, password: str | None = PASSWORD) -> str:
        """Of a database, over the loopback interface, where a password is needed."""
        secret = "" if password is None else f":{password}"
        return f"postgresql://{USER}{secret}@127.0.0.1:{self.port}/{database}"

    def connect(self, database: str = "postgres") -> Any:
        """A connection of the driver's that commits each statement."""
        import psycopg

        return psycopg.connect(
            host=str(self.folder), port=self.port, user=USER, dbname=database, autocommit=True
        )

    def new_database(self) -> str:
        """The name of a database that is empty."""
        name = f"archive_{next(_numbers)}"
        with self.connect() as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return name

    def drop(self, database: str) -> None:
        """Remove a database, whoever is connected to it."""
        with self.connect() as connection:
            connection.execute(f"DROP DATABASE IF EXISTS {database} WITH (FORCE)")

    @contextmanager
    def new_urls(self) -> Iterator[NewUrl]:
        """Gives the URL of an empty database, another one at each call; they are removed at the end."""
        made: list[str] = []

        def new() -> str:
            made.append(self.new_database())
            return self.url(made[-1])

        try:
            yield new
        finally:
            for database in made:
                self.drop(database)


def programs() -> Path | None:
    """The folder of the newest server that is installed."""
    beside = shutil.which("initdb")
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda file: int(file.parts[-3]))
    found = debian[-1] if debian else None if beside is None else Path(beside).resolve()
    return None if found is None else found.parent


def server_missing() -> str | None:
    """Why there can be no server here; None where there can be one."""
    if programs() is None:
        return "no PostgreSQL server; tests/install_system_packages.sh installs one"
    try:
        import psycopg  # noqa: F401
    except ModuleNotFoundError:
        return "no driver for PostgreSQL; pip install 'evolve-adrs[postgres]'"
    return None


@contextmanager
def running_server(*, durable: bool = False) -> Iterator[Server]:
    """A server until the block ends; one that is not durable does not wait for the disk."""
    missing = server_missing()
    if missing is not None:
        assert not os.environ.get("CI"), f"in CI nothing is skipped: {missing}"
        pytest.skip(missing)
    folder = Path(tempfile.mkdtemp(prefix="evolve-test-postgres-", dir="/tmp"))
    owner = _owner()
    try:
        _give_to(folder, owner)
        with _started(folder, owner, durable=durable) as server:
            yield server
    finally:
        shutil.rmtree(folder)


def _owner() -> pwd.struct_passwd:
    if os.getuid() != 0:
        return pwd.getpwuid(os.getuid())
    known = {one.pw_name: one for one in pwd.getpwall()}
    return next(known[name] for name in OWNERS if name in known)


def _give_to(folder: Path, owner: pwd.struct_passwd) -> None:
    if os.getuid() == 0:
        os.chown(folder, owner.pw_uid, owner.pw_gid)


def _identity(owner: pwd.struct_passwd) -> dict[str, Any]:
    """What makes `subprocess` run something as the owner."""
    environment = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "HOME": "/"}
    if os.getuid() != 0:
        return {"env": environment}
    return {"env": environment, "user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []}


@contextmanager
def _started(folder: Path, owner: pwd.struct_passwd, *, durable: bool) -> Iterator[Server]:
    bin_folder, data = programs(), folder / "data"
    assert bin_folder is not None
    made = subprocess.run(
        [bin_folder / "initdb", "-D", data, "-U", USER, "-A", "trust", "-E", "UTF8", "--no-sync"],
        capture_output=True,
        text=True,
        cwd=folder,
        **_identity(owner),
    )
    assert made.returncode == 0, made.stderr
    (data / "pg_hba.conf").write_text(_ADMISSION)
    server = Server(folder, _free_port())
    settings = {
        "port": server.port,
        "listen_addresses": "127.0.0.1",
        "unix_socket_directories": folder,
        "max_connections": 50,
        "shared_buffers": "64MB",
        **({} if durable else {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}),
    }
    words = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [bin_folder / "postgres", "-D", data, *words],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            preexec_fn=_end_with_parent,  # noqa: PLW1509 - it calls the kernel and nothing else
            **_identity(owner),
        )
    try:
        _wait_for(server, process)
        with server.connect() as connection:
            connection.execute(f"ALTER USER {USER} PASSWORD '{PASSWORD}'")
        yield server
    finally:
        with suppress(ProcessLookupError):
            process.send_signal(signal.SIGINT)  # ends connections, then itself
        process.wait(timeout=60)


_PRCTL = ctypes.CDLL(None).prctl
_DEATH_SIGNAL = 1


def _end_with_parent() -> None:
    """Have the kernel end the server when the tests are killed, however that happens."""
    _PRCTL(_DEATH_SIGNAL, signal.SIGQUIT)


def _wait_for(server: Server, process: "subprocess.Popen[bytes]") -> None:
    import psycopg

    deadline = time.monotonic() + 60
    while True:
        try:
            server.connect().close()
            return
        except psycopg.OperationalError:
            log = (server.folder / "log").read_text()
            assert process.poll() is None, log
            assert time.monotonic() < deadline, log
            time.sleep(0.05)


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port
