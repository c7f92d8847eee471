"""Asks models on behalf of operators. The record, reservations, limits, retries and prices are behind this.

What always holds:

- A call that has ended is never made again: its answer, or that there was none, is taken from the record.
- The most that an attempt can cost is reserved before it is sent, and it is on record before it is sent.
- An answer is on record before anything else happens to it.
- Every attempt is ended on record, also when it is cancelled; what then may have been billed counts in full.

A call is known by its proposal and its place among that proposal's calls, not by its prompt. Where a run that
is continued asks something else at that place than what is on record, because templates or this program have
changed, the answer on record still counts: it is what the uninterrupted run would have worked with, and it
has been paid for.
"""

import random
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

import msgspec

from evolve.config import Budget, Endpoint, ModelSettings, Resources
from evolve.errors import UserError
from evolve.llm.base import (
    Answer,
    CallEnd,
    CallKey,
    CallStatus,
    Ledger,
    Message,
    NoAnswer,
    Prompt,
    Provider,
    ProviderSettings,
    RecordedCall,
    Spending,
)
from evolve.llm.budget import Amount, Purse
from evolve.llm.caching import cacheable_from
from evolve.llm.calls import Call, Desk, LiveCall, Route
from evolve.llm.keys import Keys, Scrubber
from evolve.llm.limits import Gate
from evolve.llm.outages import Health
from evolve.llm.prices import call_price, check_sizes, exact
from evolve.llm.retries import Pacing
from evolve.llm.transcripts import Transcript
from evolve.registry import PROVIDER, find, names

_THROUGH_LITELLM = "litellm"
_QUOTED = 300
"""Characters of a refusal that its reason repeats."""


class AnswerSource(Protocol):
    """Answers that were given before, in place of any provider."""

    def answer(self, key: CallKey, model: str, prompt_hash: str) -> RecordedCall:
        """How that call ended.

        Raises:
            UserError: There is no such call, or it was another one.
        """
        ...


class Client:
    """All models of one run, in one process."""

    def __init__(
        self,
        models: Mapping[str, ModelSettings],
        desk: Desk,
        routes: Mapping[str, Route],
        source: AnswerSource | None,
    ) -> None:
        """Use `start`, which makes the parts."""
        self._models = models
        self._desk = desk
        self._routes = routes
        self._source = source

    @classmethod
    def start(
        cls,
        models: Mapping[str, ModelSettings],
        resources: Resources,
        budget: Budget,
        record: Ledger,
        *,
        source: AnswerSource | None = None,
        keys: Keys | None = None,
        pacing: Pacing | None = None,
    ) -> "Client":
        """A client for these models; nothing is sent yet.

        With a `source`, or with `resources.transcript`, answers come from there: no provider is started, and
        neither key nor price nor budget is looked at.

        Raises:
            UserError: A model cannot be used: no such provider, no SDK, no key, no price; or the transcript
                cannot be read.
        """
        if source is None and resources.transcript is not None:
            source = Transcript.read(Path(resources.transcript))
        pacing = pacing or Pacing()
        if source is not None:
            purse = Purse(None, None, record.spending())
            return cls(models, Desk(record, purse, pacing, Scrubber(), Scrubber(), _jitter()), {}, source)
        keys = keys or Keys()
        routes, used = _routes(models, resources, keys, pacing)
        purse = Purse(budget.max_cost, budget.max_tokens, record.spending())
        desk = Desk(record, purse, pacing, Scrubber(used), keys.scrubber(*used), _jitter())
        return cls(models, desk, routes, None)

    @property
    def spending(self) -> Spending:
        """What the run has spent, over all its continuations; attempts in flight not included."""
        return self._desk.purse.spending

    def session(self, *, proposal: int, operator: str, model: str) -> "Session":
        """A model for one proposal; each proposal has one session."""
        return Session(self, proposal, operator, model, self._models[model])

    async def close(self) -> None:
        """Close all connections."""
        providers = {id(route.provider): route.provider for route in self._routes.values()}
        for provider in providers.values():
            await provider.close()

    async def call(self, key: CallKey, operator: str, model: str, prompt: Prompt) -> Answer:
        """The answer to one call, from the record or from the model; `OK` or `CUT_OFF`.

        Raises:
            NoAnswer: The call has ended without one, for good.
            BudgetReached: It cannot be paid for.
            ProviderDown: The model answers nobody any more.
            UserError: The provider denies the call.
        """
        ended = self._desk.record.recorded(key)
        if ended is None:
            messages = tuple(Message(one.role, self._desk.clean(one.content)) for one in prompt.messages)
            prompt = msgspec.structs.replace(prompt, messages=messages)
            ended = await self._end(Call(key, operator, model, prompt, prompt.hash(model)))
        if ended.status in (CallStatus.OK, CallStatus.CUT_OFF):
            return Answer(ended.text, ended.status, ended.usage)
        raise NoAnswer(_why_nothing(ended))

    async def _end(self, call: Call) -> RecordedCall:
        if self._source is None:
            return await LiveCall(self._desk, self._routes[call.model], call).make()
        ended = self._source.answer(call.key, call.model, call.prompt_hash)
        self._copy(call, ended)
        return ended

    def _copy(self, call: Call, ended: RecordedCall) -> None:
        """Record how a call ended elsewhere, with what it cost there."""
        record, answered = self._desk.record, ended.status.is_answer
        spent = Amount(exact(ended.cost_usd), ended.usage.input + ended.usage.output)
        began = record.begin(call.start(record.attempts(call.key), spent))
        end = CallEnd(
            status=ended.status,
            text=ended.text if answered else None,
            usage=ended.usage if answered else None,
            cost_usd=ended.cost_usd,
            error=ended.error,
        )
        record.end(began, end)
        if not answered:
            record.give_up(call.key, ended.error or "")
        self._desk.purse.add(spent)


class Session:
    """A model for one proposal (`evolve.llm.base.Model`): its calls are counted from 0, and known by that."""

    def __init__(
        self, client: Client, proposal: int, operator: str, model: str, settings: ModelSettings
    ) -> None:
        self._client = client
        self._proposal = proposal
        self._operator = operator
        self._model = model
        self._settings = settings
        self._calls = 0

    @property
    def name(self) -> str:
        """`provider/model`."""
        return self._model

    @property
    def context_tokens(self) -> int:
        """How many tokens prompt and answer may have together."""
        return self._settings.context_tokens

    @property
    def max_output_tokens(self) -> int:
        """How long an answer may be, reasoning included."""
        return self._settings.max_output_tokens

    async def ask(self, messages: tuple[Message, ...], cut: tuple[str, ...] = ()) -> Answer:
        """The model's answer; see `Client.call` for what it raises."""
        key = CallKey(self._proposal, self._calls)
        self._calls += 1
        prompt = prompt_of(self._settings, messages, cut)
        return await self._client.call(key, self._operator, self._model, prompt)


def prompt_of(settings: ModelSettings, messages: tuple[Message, ...], cut: tuple[str, ...] = ()) -> Prompt:
    """What a model with these settings is asked."""
    return Prompt(
        messages=messages,
        max_output_tokens=settings.max_output_tokens,
        temperature=settings.temperature,
        effort=settings.effort,
        cut=cut,
    )


def _routes(
    models: Mapping[str, ModelSettings], resources: Resources, keys: Keys, pacing: Pacing
) -> tuple[dict[str, Route], tuple[str, ...]]:
    """The way to each model, and the keys that are used on the way."""
    providers: dict[str, tuple[Provider, Endpoint, Gate]] = {}
    routes: dict[str, Route] = {}
    used: list[str] = []
    for model, settings in models.items():
        provider_name, name = _split(model)
        endpoint = resources.providers.get(provider_name, Endpoint())
        price = call_price(model, resources)
        if endpoint.api_base is None:
            check_sizes(model, settings)
        plugin = provider_name if provider_name in names(PROVIDER) else _THROUGH_LITELLM
        if provider_name not in providers:
            key = keys.find(provider_name)
            used += [key] if key else []
            gate = Gate(endpoint.concurrency, endpoint.requests_per_minute, endpoint.tokens_per_minute)
            settings_of_provider = ProviderSettings(
                name=provider_name,
                api_base=endpoint.api_base,
                api_key=key,
                timeout=endpoint.timeout,
                concurrency=endpoint.concurrency,
            )
            providers[provider_name] = find(PROVIDER, plugin).start(settings_of_provider), endpoint, gate
        provider, endpoint, gate = providers[provider_name]
        name_there = name if plugin == provider_name else model
        routes[model] = Route(
            provider,
            name_there,
            endpoint,
            gate,
            Health(model, pacing),
            price,
            cacheable_from(model, resources),
        )
    return routes, tuple(used)


def _split(model: str) -> tuple[str, str]:
    provider, _, name = model.partition("/")
    if not provider or not name:
        raise UserError(f"'{model}' does not say whose model it is; write provider/model, as in openai/gpt-5")
    return provider, name


def _why_nothing(ended: RecordedCall) -> str:
    """Why a call ended without an answer; the same whether that is new or on record."""
    if ended.status is CallStatus.EMPTY:
        return f"'{ended.model}' gave an empty answer"
    if ended.status is CallStatus.REFUSED:
        said = ended.text.strip()[:_QUOTED]
        return f"'{ended.model}' refused{f': {said}' if said else ''}"
    return ended.error or f"'{ended.model}' did not answer"


def _jitter() -> random.Random:
    """For waits, which change no result."""
    return random.Random()
