"""A process that does cells, one at a time: jobs come as lines of JSON, answers go back likewise."""

import os
import select
import signal
import sys
import threading

import msgspec

from evolve.benchmarking.cells import Cell, Finished
from evolve.benchmarking.searching import search
from evolve.benchmarking.suites import Suite
from evolve.errors import UserError


class Job(msgspec.Struct, frozen=True):
    """A cell to be done."""

    suite: Suite
    cell: Cell
    evaluations: int
    archive: str


class Answer(msgspec.Struct, frozen=True):
    """A finished cell, or why there is none."""

    finished: Finished | None
    trouble: str = ""


def _answer(job: Job) -> Answer:
    try:
        return Answer(search(job.suite, job.cell, job.evaluations, job.archive))
    except UserError as error:
        return Answer(None, str(error))
    except Exception as error:  # noqa: BLE001 - a process boundary: whatever it is ends the comparison by name
        return Answer(None, f"{type(error).__name__}: {error}")


def _end_with_parent() -> None:
    """End this process when the other end of its input is closed, even in the middle of a cell."""
    closed = select.poll()
    closed.register(0, select.POLLHUP)
    closed.poll()
    os.kill(os.getpid(), signal.SIGKILL)


def main() -> None:
    """Answer jobs until there are no more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a plug-in prints must not be taken for an answer
    threading.Thread(target=_end_with_parent, name="watch parent", daemon=True).start()
    for line in sys.stdin.buffer:
        answers.write(msgspec.json.encode(_answer(msgspec.json.decode(line, type=Job))) + b"\n")
        answers.flush()


if __name__ == "__main__":
    main()
