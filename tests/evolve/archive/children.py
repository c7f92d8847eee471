"""Work that is done in a process of its own."""

import multiprocessing
import sqlite3
from collections.abc import Callable
from multiprocessing.connection import Connection as Pipe

from evolve.errors import ArchiveError, UserError

FORK = multiprocessing.get_context("fork")


def in_a_child(work: Callable[[], object]) -> str:
    """What `work` returns, or the error it ends with, in a process of its own."""
    return in_children([work])[0]


def in_children(works: list[Callable[[], object]]) -> list[str]:
    """What each returns, or the error it ends with, all at the same time."""
    started = []
    for work in works:
        receiver, sender = FORK.Pipe(duplex=False)
        child = FORK.Process(target=_send_result, args=(work, sender))
        child.start()
        started.append((receiver, child))
    results: list[str] = [receiver.recv() for receiver, _ in started]
    for _, child in started:
        child.join()
    return results


def _send_result(work: Callable[[], object], sender: "Pipe[str, str]") -> None:
    try:
        sender.send(str(work()))
    except (UserError, ArchiveError, OSError, sqlite3.Error) as error:
        sender.send(f"{type(error).__name__}: {error}")
