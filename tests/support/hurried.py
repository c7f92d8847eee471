"""`evolve` with shorter waits: `python -m tests.support.hurried WORDS...`.

How long providers and runs are waited for is no setting of the command line, and minutes by default. What a
test changes is in the environment: `HURRIED_PACING` and `HURRIED_GRACE_S`, as JSON.
"""

import functools
import os

import msgspec

from evolve import controller
from evolve.cli import main
from evolve.llm import client
from evolve.llm.retries import Pacing

FAST = Pacing(first=0.05, longest=0.2, probe_every=0.1, patience=1.0)


def hurry() -> None:
    """Put the waits of the environment in the place of the usual ones."""
    text = os.environ.get("HURRIED_PACING")
    pacing = FAST if text is None else msgspec.json.decode(text, type=Pacing)
    setattr(client, "Pacing", functools.partial(Pacing, **msgspec.structs.asdict(pacing)))  # noqa: B010
    controller.GRACE_S = float(os.environ.get("HURRIED_GRACE_S", str(controller.GRACE_S)))


if __name__ == "__main__":
    hurry()
    main()
