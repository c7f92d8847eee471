"""Makes one call of a model: attempts, retries, reservations, and a record of all of them."""

import asyncio
import random

import msgspec

from evolve.config import Endpoint
from evolve.errors import UserError
from evolve.llm.base import (
    Answer,
    AttemptFailed,
    CallEnd,
    CallKey,
    CallStart,
    CallStatus,
    Ledger,
    Prompt,
    Provider,
    RecordedCall,
)
from evolve.llm.budget import Amount, Purse, Reservation
from evolve.llm.caching import marked
from evolve.llm.keys import Scrubber
from evolve.llm.limits import Gate
from evolve.llm.outages import Health
from evolve.llm.prices import CallPrice, exact
from evolve.llm.retries import Pacing, delay
from evolve.llm.tokens import estimate_messages
from evolve.texts import storable

_FREE = (CallStatus.RATE_LIMITED, CallStatus.SERVER_ERROR, CallStatus.DENIED)
"""Nobody bills for an error that they report themselves."""


class Call(msgspec.Struct, frozen=True):
    """One call, as it is to be made."""

    key: CallKey
    operator: str
    model: str
    prompt: Prompt
    prompt_hash: str

    def start(self, attempt: int, reserved: Amount) -> CallStart:
        """What is recorded before an attempt."""
        return CallStart(
            key=self.key,
            attempt=attempt,
            operator=self.operator,
            model=self.model,
            prompt=self.prompt,
            prompt_hash=self.prompt_hash,
            reserved_usd=float(reserved.usd),
            reserved_tokens=reserved.tokens,
        )


class Route(msgspec.Struct, frozen=True):
    """How one model is reached."""

    provider: Provider
    model: str
    """Its name there."""
    endpoint: Endpoint
    gate: Gate
    health: Health
    price: CallPrice
    cacheable_from: int | None = None
    """Tokens from which on its system messages are worth marking for the provider's cache; None is never."""


class Desk(msgspec.Struct, frozen=True):
    """What all calls of a client share."""

    record: Ledger
    purse: Purse
    pacing: Pacing
    keys: Scrubber
    """Hides the keys in use, in whatever is kept."""
    errors: Scrubber
    """Hides all secrets that are known, in errors."""
    random: random.Random
    """For waits only."""

    def clean(self, text: str) -> str:
        """A text as it can be stored anywhere, so that what was recorded is what was used; without keys."""
        return self.keys.scrub(storable(text))


class _Failed(msgspec.Struct, frozen=True):
    """All retries were in vain."""

    error: str
    others_answered: bool
    """Whether the model answered another call in the end."""


class LiveCall:
    """The attempts of this process at one call."""

    def __init__(self, desk: Desk, route: Route, call: Call) -> None:
        self._desk = desk
        self._route = route
        self._call = call
        self._before = desk.record.attempts(call.key)
        self._made = 0
        self._prompt = marked(call.prompt, route.cacheable_from)
        self._most = _most(route.price, call.prompt)

    async def make(self) -> RecordedCall:
        """How the call ended. It is given up only when the model answers others; see `evolve.llm.outages`.

        Raises:
            BudgetReached: It cannot be paid for.
            ProviderDown: The model answers nobody any more.
            UserError: The provider denies the call.
        """
        health = self._route.health
        with health.in_flight():
            waited = False
            while True:
                ended = await self._round()
                if isinstance(ended, RecordedCall):
                    return ended
                if ended.others_answered or waited or self._pardoned():
                    return self._give_up(ended)
                while not await health.hold():
                    probed = await self._attempt()
                    if isinstance(probed, RecordedCall):
                        return probed
                waited = True

    async def _round(self) -> RecordedCall | _Failed:
        """Attempts until there is an answer, or no retry is left."""
        health, retries = self._route.health, self._route.endpoint.retries
        answers = [health.answers]
        for retry in range(retries + 1):
            ended = await self._attempt()
            if isinstance(ended, RecordedCall):
                return ended
            if retry < retries:
                answers.append(health.answers)
                await asyncio.sleep(delay(self._desk.pacing, retry, ended.retry_after, self._desk.random))
        before_first = answers[min(1, retries)]
        return _Failed(str(ended), health.answers_others(self._call.key, before_first, answers[-1]))

    def _pardoned(self) -> bool:
        failed_before = self._before > self._route.endpoint.retries
        return failed_before and self._route.health.pardon()

    def _give_up(self, last: _Failed) -> RecordedCall:
        count = self._before + self._made
        times = "once" if count == 1 else f"{count} times"
        reason = f"'{self._call.model}' was asked {times} and did not answer: {last.error}"
        self._desk.record.give_up(self._call.key, reason)
        ended = self._desk.record.recorded(self._call.key)
        assert ended is not None, "it has just been given up"
        return ended

    async def _attempt(self) -> RecordedCall | AttemptFailed:
        """One attempt, when it can be paid for and the limits allow it."""
        call, health = self._call, self._route.health
        ended: RecordedCall | AttemptFailed | None = None
        while ended is None:
            await self._leave_alone(health)
            async with (
                self._desk.purse.reserve(call.key, self._most) as reservation,
                self._route.gate.turn(call.key, self._most.tokens) as turn,
            ):
                if health.quiet_until > asyncio.get_running_loop().time():
                    turn.used = 0  # while this one waited for its turn, others were asked to wait
                    continue
                ended = await self._send(reservation)
                if ended.usage is not None:
                    turn.used = ended.usage.input + ended.usage.output
        if isinstance(ended, AttemptFailed):
            health.failed(call.key, str(ended), ended.retry_after)
        else:
            health.answered()
        return ended

    async def _leave_alone(self, health: Health) -> None:
        """Wait as long as the provider has asked for; afterwards not all come at once."""
        loop = asyncio.get_running_loop()
        while (wait := health.quiet_until - loop.time()) > 0:
            jitter = self._desk.random.uniform(0.0, min(wait, self._desk.pacing.first))
            await asyncio.sleep(wait + jitter)

    async def _send(self, reservation: Reservation) -> RecordedCall | AttemptFailed:
        """Record, send, record. However the attempt ends, that is on record when this is left."""
        loop = asyncio.get_running_loop()
        number = self._before + self._made
        began = self._desk.record.begin(self._call.start(number, self._most))
        self._made += 1
        started = loop.time()
        end = CallEnd(status=CallStatus.LOST, error="interrupted before the answer came")
        ended: RecordedCall | AttemptFailed | None = None
        try:
            answer = await self._complete()
            ended = self._answered(answer)
            end = CallEnd(
                status=ended.status,
                text=ended.text,
                usage=ended.usage,
                cost_usd=ended.cost_usd,
                request_id=answer.request_id,
            )
        except AttemptFailed as failed:
            message = self._desk.errors.scrub_error(storable(str(failed)))
            ended = AttemptFailed(failed.status, message, failed.retry_after, failed.usage)
            cost = self._cost_of_failure(failed)
            end = CallEnd(status=failed.status, usage=failed.usage, cost_usd=cost, error=message)
        finally:
            end = msgspec.structs.replace(end, latency=loop.time() - started)
            reservation.settle(end)
            self._desk.record.end(began, end)
        if end.status is CallStatus.DENIED:
            raise UserError(end.error or "") from None
        return ended

    async def _complete(self) -> Answer:
        """What the provider says within its time; what is wrong with a plug-in is told with its name."""
        seconds = self._route.endpoint.timeout
        try:
            async with asyncio.timeout(seconds):
                answer = await self._route.provider.complete(self._route.model, self._prompt)
            defect = "" if answer.status.is_answer else f"it answered with status '{answer.status}'"
        except TimeoutError:
            raise AttemptFailed(CallStatus.TIMEOUT, f"no whole answer within {seconds:g} s") from None
        except AttemptFailed:
            raise
        except Exception as error:  # noqa: BLE001 - whatever a plug-in raises ends the run in good order
            defect = self._desk.errors.scrub_error(f"{type(error).__name__}: {error}")
        if defect:
            raise UserError(f"the provider of '{self._call.model}' failed: {defect}")
        return answer

    def _answered(self, answer: Answer) -> RecordedCall:
        return RecordedCall(
            key=self._call.key,
            model=self._call.model,
            prompt_hash=self._call.prompt_hash,
            status=answer.status,
            text=self._desk.clean(answer.text),
            usage=answer.usage,
            cost_usd=float(self._route.price.cost(answer.usage)),
        )

    def _cost_of_failure(self, failed: AttemptFailed) -> float | None:
        """What a failed attempt cost; None where it may have been billed."""
        if failed.usage is not None:
            return float(self._route.price.cost(failed.usage))
        return 0.0 if failed.status in _FREE else None


def _most(price: CallPrice, prompt: Prompt) -> Amount:
    """The most that an attempt can cost."""
    input_tokens = estimate_messages(prompt.messages)
    usd = price.most(input_tokens, prompt.max_output_tokens)
    return Amount(exact(float(usd)), input_tokens + prompt.max_output_tokens)
