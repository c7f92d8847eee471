"""Tells a model that is down from a call that it cannot answer.

A call that failed after all its retries is given up for good only if the model answers others. If it answers
nobody, the fault is not the call's: giving up would spend a run's proposals on an outage, one after the
other, and they could never be made again. So the call is held. Those that are held try again by turns, one
every half minute, until the model answers somebody, and then all of them do. When it has been silent for too
long, the run ends in good order, with nothing given up, and can be resumed.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from evolve.errors import UserError
from evolve.llm.base import CallKey
from evolve.llm.retries import Pacing


class ProviderDown(UserError):  # noqa: N818 - the orderly end of a run
    """A model answers nobody any more. Its calls are not given up: a continuation makes them again."""


class Health:
    """Whether one model answers, as seen by all calls of one process."""

    def __init__(self, model: str, pacing: Pacing) -> None:
        self._model = model
        self._pacing = pacing
        self._answers = 0
        self._silent_since: float | None = None
        self._failures = 0
        self._failing: set[CallKey] = set()
        self._last_error = ""
        self._held: list[object] = []
        self._next_probe = 0.0
        self._changed = asyncio.Event()
        self._quiet_until = 0.0
        self._pardon_used = False
        self._calls = 0

    @property
    def answers(self) -> int:
        """How many answers there have been."""
        return self._answers

    @property
    def quiet_until(self) -> float:
        """Until when the provider has asked to be left alone, on the loop's clock."""
        return self._quiet_until

    @contextmanager
    def in_flight(self) -> Iterator[None]:
        """A call is being made while the block runs."""
        self._calls += 1
        try:
            yield
        finally:
            self._calls -= 1

    def answered(self) -> None:
        """The model has answered somebody."""
        self._answers += 1
        self._failures = 0
        self._failing.clear()
        self._silent_since = None
        if self._held:
            self._wake()

    def failed(self, key: CallKey, error: str, asked: float | None) -> None:
        """An attempt at a call failed; the provider may have asked to wait."""
        now = asyncio.get_running_loop().time()
        self._failing.add(key)
        self._failures += 1
        self._last_error = error
        if self._silent_since is None:
            self._silent_since = now
        if asked is not None:
            self._quiet_until = max(self._quiet_until, now + min(asked, self._pacing.longest_asked))

    def answers_others(self, key: CallKey, before_first: int, before_last: int) -> bool:
        """Whether a call that has failed all its retries is the only one to fail.

        So it is if another call was answered while it waited for its last attempt, or since its first one
        with no failure of others after that. `before_first` and `before_last` are how many answers there
        had been when the first attempt had failed, and the last but one.
        """
        return self._answers > before_last or (self._answers > before_first and self._failing <= {key})

    def pardon(self) -> bool:
        """Whether a call may be given up without a sign that the model answers others; once in a process.

        That is for a call that failed all its retries in an earlier process already, and now again with no
        other call in flight. If it alone is what the model cannot answer, the run could never go on.
        """
        granted = self._calls == 1 and not self._pardon_used
        self._pardon_used |= granted
        return granted

    async def hold(self) -> bool:
        """Wait until the model has answered somebody (True), or until it is our turn to try (False).

        Raises:
            ProviderDown: The model has been silent for too long.
        """
        loop = asyncio.get_running_loop()
        me, seen = object(), self._answers
        if not self._held:
            self._next_probe = loop.time() + self._pacing.probe_every
        self._held.append(me)
        try:
            while True:
                now = loop.time()
                if self._answers != seen:
                    return True
                deadline = (now if self._silent_since is None else self._silent_since) + self._pacing.patience
                if now >= deadline:
                    raise ProviderDown(self._obituary(now))
                mine = self._held[0] is me
                if mine and now >= self._next_probe:
                    self._next_probe = now + self._pacing.probe_every
                    return False
                await self._wait(min(deadline, self._next_probe) - now if mine else deadline - now)
        finally:
            self._held.remove(me)
            self._wake()

    async def _wait(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._changed.wait()
        except TimeoutError:
            pass

    def _wake(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    def _obituary(self, now: float) -> str:
        minutes = (now - (self._silent_since or now)) / 60
        return (
            f"'{self._model}' has not answered for {minutes:.0f} minutes: {self._failures} attempts failed,"
            f" the last with: {self._last_error}."
            " Nothing is lost; `evolve resume` goes on when it answers again"
        )
