"""Only one process at a time works on a run.

A process takes the lease before it works, renews it while it does, and gives it back. A lease is dead when
its process is: on the same machine that is seen at once, so a killed run can go on immediately; on another
machine the lease is dead when it has not been renewed for a while. Every commit checks that the lease is
still ours, so a process that was asleep while another one took over can commit nothing.
"""

import datetime
import os
import secrets
import socket
from pathlib import Path

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from evolve.archive.engine import Archive
from evolve.archive.models import Lease, Run, table_of
from evolve.archive.records import now
from evolve.archive.software import record_software
from evolve.errors import ArchiveError, UserError

RENEWAL_S = 5.0
"""How often a lease is renewed."""
DEAD_AFTER_S = 30.0
"""How long a process on another machine may be silent until it is taken for dead."""


_RENEW = (
    update(table_of(Lease))
    .where(Lease.run_id == bindparam("of_run"), Lease.token == bindparam("of_token"))
    .values(renewed_at=bindparam("renewed_at"))
)


class RunHeldError(UserError):
    """Somebody alive works on the run."""


class RunLease:
    """The right to work on a run, held from `take` to `give_back`."""

    def __init__(self, archive: Archive, run_id: int, token: str) -> None:
        self._archive = archive
        self._run_id = run_id
        self._token = token

    @classmethod
    def take(cls, archive: Archive, run_id: int, run_name: str) -> "RunLease":
        """Take the lease, also from a process that is gone, and write down with which versions.

        Raises:
            RunHeldError: Somebody alive holds it.
        """
        token = secrets.token_hex(8)
        with archive.writing() as connection:
            refuse_if_held(connection, run_id, run_name)
            connection.execute(delete(Lease).where(Lease.run_id == run_id))
            connection.execute(
                insert(Lease).values(
                    run_id=run_id,
                    token=token,
                    machine=_machine(),
                    process=_process(os.getpid()),
                    renewed_at=now(),
                )
            )
            record_software(connection, run_id)
        return cls(archive, run_id, token)

    def renew(self) -> None:
        """Say that we are still there.

        Raises:
            ArchiveError: Somebody else has taken over.
        """
        with self._archive.writing(beside_others=True) as connection:
            self.check(connection)

    def check(self, connection: Connection) -> None:
        """Make sure, inside a transaction, that the lease is ours; this renews it.

        Raises:
            ArchiveError: Somebody else has taken over.
        """
        kept = connection.execute(
            _RENEW, {"of_run": self._run_id, "of_token": self._token, "renewed_at": now()}
        )
        if kept.rowcount != 1:
            raise ArchiveError("another process has taken this run over; this one ends, and nothing is lost")

    def give_back(self) -> None:
        """Let somebody else have the run; nothing happens if they have it already."""
        with self._archive.writing() as connection:
            connection.execute(delete(Lease).where(Lease.run_id == self._run_id, Lease.token == self._token))


def refuse_if_worked_on(connection: Connection) -> None:
    """Make sure that nobody works on any run of the archive.

    Raises:
        RunHeldError: Somebody does.
    """
    for row in connection.execute(select(Lease.run_id, Run.name).join(Run, Run.id == Lease.run_id)).all():
        refuse_if_held(connection, row.run_id, row.name)


def refuse_if_held(connection: Connection, run_id: int, run_name: str) -> None:
    """Make sure that nobody works on a run.

    Raises:
        RunHeldError: Somebody does.
    """
    held = connection.execute(
        select(Lease.machine, Lease.process, Lease.renewed_at).where(Lease.run_id == run_id)
    ).one_or_none()
    if held is None:
        return
    silent = (now() - _aware(held.renewed_at)).total_seconds()
    if held.machine == _machine():
        alive = _process(int(held.process.partition("@")[0])) == held.process
    else:
        alive = silent < DEAD_AFTER_S
    if alive:
        where = f"process {held.process.partition('@')[0]} on {held.machine.partition('/')[0]}"
        raise RunHeldError(
            f"{where} is working on the run '{run_name}' (last sign of life {max(0.0, silent):.0f} s ago);"
            " wait for it, stop it, or choose another --name"
        )


def _aware(moment: datetime.datetime) -> datetime.datetime:
    """SQLite forgets the zone, which is always UTC here."""
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=datetime.UTC)


def _machine() -> str:
    """Host, boot and process namespace: where all three are the same, process numbers mean the same."""
    boot = Path("/proc/sys/kernel/random/boot_id")
    namespace = Path("/proc/self/ns/pid")
    parts = [socket.gethostname()]
    if boot.exists() and namespace.exists():
        parts += [boot.read_text().strip(), str(namespace.stat().st_ino)]
    return "/".join(parts)


def _process(pid: int) -> str:
    """A process by number and start, so that a number that is used again is not taken for it.

    Where there is no /proc, by number alone.
    """
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return f"{pid}@" if not Path("/proc/self").exists() and _signals(pid) else f"{pid}@gone"
    state, start = fields[0], fields[19]
    return f"{pid}@gone" if state in "ZX" else f"{pid}@{start}"


def _signals(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
