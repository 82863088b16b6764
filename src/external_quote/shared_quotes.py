"""Answers that hosts with one provider share: whose turn it is to ask, and what the others have heard.

An answer is kept as JSON beside the moment it is vouched for since, which is stamped by the shared cache's own clock;
so its age is the same wherever it is read. What comes from there is read as what a provider sends: bounded, finite,
for the pair that was asked for and of a provider of ours, or refused and counted.

What is shared is named after the providers' URLs, so that a recorded market's stand-in never answers for Jupiter.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Annotated, Final

import orjson
from pydantic import BeforeValidator, Field

from external_quote.providers.base import ProviderQuote, refuse_other_than_asked
from external_quote.providers.jupiter import LEG_COUNT_MAX, Impact
from external_quote.split_cache import CachedQuote, SplitCache
from quote_core.clock import Clock, Moment, moment
from quote_core.errors import LayoutMismatch
from quote_core.outside import address, bounded_int, finite
from quote_core.outside_api import Address, Amount, Answer, Label, Output, Slot, read_answer
from quote_core.quotes import Provenance, QuoteKey, RouteHop
from quote_core.shared_cache import Kept, SharedCache, Turn
from quote_core.units import Pubkey

__all__ = ["FetchTurn", "SharedQuotes"]

_POLL_S: Final = 0.02
"""Between two looks for the answer that another host has asked for."""
_US_MAX: Final = 2**53 - 1
_LATENCY_MS_MAX: Final = 3_600_000.0


def _stamp(told: object) -> int:
    return bounded_int(told, low=0, high=_US_MAX)


def _latency(told: object) -> float:
    return finite(told, low=0.0, high=_LATENCY_MS_MAX)


def _pool(told: object) -> str:
    return "" if told == "" else address(told)


def _provenance(told: object) -> Provenance | None:
    if told is None:
        return None
    if not isinstance(told, str) or told not in Provenance.__members__:
        raise ValueError("must be the name of a provenance")
    return Provenance[told]


class _Hop(Answer):
    pool_id: Annotated[str, BeforeValidator(_pool)]
    protocol: Label
    input_mint: Address
    output_mint: Address
    input_amount: Amount
    output_amount: Amount
    fee_amount: Amount | None
    fee_mint: Address | None
    provenance: Annotated[Provenance | None, BeforeValidator(_provenance)]


class _Shared(Answer):
    provider: Label
    input_mint: Address
    output_mint: Address
    input_amount: Amount
    output_amount: Output
    impact: Impact
    slot: Slot
    latency_ms: Annotated[float, BeforeValidator(_latency)]
    route_stamp: Annotated[int, BeforeValidator(_stamp)]
    route: tuple[_Hop, ...] = Field(min_length=1, max_length=LEG_COUNT_MAX)


@dataclass(slots=True)
class FetchTurn:
    """What others know of all that is wanted, or leave to ask a provider.

    Attributes:
        known: Young answers, one a key in their order; empty = a provider is to be asked.
        heard: What it answered; told to the others when the turn ends.
    """

    known: tuple[CachedQuote, ...] = ()
    heard: list[CachedQuote] = field(default_factory=list)


class SharedQuotes:
    """What is shared of the answers in `split`.

    Args:
        shared: Where.
        split: What this process holds.
        urls: Base URLs by provider; those of other hosts that share are the same.
        clock: For ages.
        price_ttl_ns: A price is young for so long.
        keep_ns: An answer is kept there for so long.
        turn_ns: A turn ends by itself after this.
        patience_ns: How long another host's turn is waited for; what is asked for as a pair takes no longer.
    """

    def __init__(
        self,
        shared: SharedCache,
        split: SplitCache,
        *,
        urls: Mapping[str, str],
        clock: Clock,
        price_ttl_ns: int,
        keep_ns: int,
        turn_ns: int,
        patience_ns: int,
    ) -> None:
        self._shared = shared
        self._split = split
        self._providers = frozenset(name for name, url in urls.items() if url)
        self._topic = f"quotes:{_digest(f'{name}={url}' for name, url in sorted(urls.items()) if url)}"
        self._clock = clock
        self._price_ttl_ns = price_ttl_ns
        self._keep_ns = keep_ns
        self._turn_ns = turn_ns
        self._patience_ns = patience_ns
        self.adopted_count = 0
        """Answers that another process had asked for."""
        self.refused_count = 0
        """Those that cannot be."""

    @contextlib.asynccontextmanager
    async def turn(self, *keys: QuoteKey) -> AsyncIterator[FetchTurn]:
        """Wait for young answers of others where they are being asked for, or for the turn to ask."""
        if not self._shared.is_shared:
            yield FetchTurn()
            return
        known, turn = await self._known_or_turn(keys)
        fetched = FetchTurn(known)
        try:
            yield fetched
        finally:
            if turn is not None:
                self._end(turn, fetched.heard)

    async def news(self, wanted: Container[QuoteKey]) -> tuple[list[CachedQuote], bool]:
        """Adopt what others were answered of what is `wanted`; what is new, and whether there is more."""
        if not self._shared.is_shared:
            return [], False
        news = await self._shared.news(self._topic)
        adopted = []
        for kept in news.kept:
            entry = self._adopted(kept, wanted, is_asked_for=False)
            if entry is not None:
                adopted.append(entry)
        return adopted, news.has_more

    async def _known_or_turn(self, keys: Sequence[QuoteKey]) -> tuple[tuple[CachedQuote, ...], Turn | None]:
        names = [f"{self._topic}:{_name(key)}" for key in keys]
        lock = f"{self._topic}:{min(map(_name, keys))}"
        until_ns = self._clock.mono_ns() + self._patience_ns
        # Two are of one moment: asked for just now, and told when the provider had answered.
        young_ns = self._price_ttl_ns if len(keys) == 1 else min(self._price_ttl_ns, 2 * self._patience_ns)
        while True:
            look = await self._shared.look(names, lock=lock, young_ns=young_ns, turn_ns=self._turn_ns)
            for key, kept in zip(keys, look.kept, strict=True):
                if kept is not None:
                    self._adopted(kept, (key,), is_asked_for=True)
            held = [entry for key in keys if (entry := self._split.newest(key)) is not None]
            if (
                len(held) == len(keys)
                and all(self._split.price_age_ns(one) <= young_ns for one in held)
                and len({one.provider for one in held}) == 1
            ):
                return tuple(held), look.turn
            if look.turn is not None:
                return (), look.turn
            now_ns = self._clock.mono_ns()
            # What is young and of no use, nobody will ask for anew.
            is_young = all(kept is not None and now_ns - kept.mono_ns <= young_ns for kept in look.kept)
            if is_young or now_ns >= until_ns:
                return (), Turn(lock, "", look.instant)
            await asyncio.sleep(_POLL_S)

    def _end(self, turn: Turn, heard: Iterable[CachedQuote]) -> None:
        instant = turn.instant
        told = list(heard)
        if instant is None or not told:
            self._shared.give_up(turn)
            return
        values = {
            f"{self._topic}:{_name(one.key)}": (
                one.freshness.vouched.mono_ns,
                _written(one, instant.stamp_us(one.route_sent.mono_ns)),
            )
            for one in told
        }
        self._shared.put(self._topic, values, turn=turn, keep_ns=self._keep_ns)

    def _adopted(self, kept: Kept, wanted: Container[QuoteKey], *, is_asked_for: bool) -> CachedQuote | None:
        """What is held once `kept` has come, if that is another answer than before and wanted."""
        try:
            told = read_answer("shared cache", _Shared, kept.value, called="a shared answer")
            key = QuoteKey(Pubkey(told.input_mint), Pubkey(told.output_mint), told.input_amount)
            if key not in wanted:
                if is_asked_for:
                    raise LayoutMismatch("shared cache", "answer is of another pair or amount")
                return None
            refuse_other_than_asked(
                "shared cache",
                key,
                (told.input_mint, told.output_mint, told.input_amount),
                [(hop.input_mint, hop.output_mint) for hop in told.route],
            )
            route_mono_ns = kept.instant.mono_ns(told.route_stamp)
            if told.provider not in self._providers or route_mono_ns is None:
                raise LayoutMismatch("shared cache", "answer is of another provider, or of a route not found yet")
        except LayoutMismatch:
            self.refused_count += 1
            return None
        before = self._split.newest(key)
        entry = self._split.adopt(
            key,
            _provider_quote(told),
            provider=told.provider,
            vouched=self._moment(kept.mono_ns),
            route_sent=self._moment(route_mono_ns),
            latency_ms=told.latency_ms,
        )
        if entry is before:
            return None
        self.adopted_count += 1
        return entry

    def _moment(self, mono_ns: int) -> Moment:
        now = moment(self._clock)
        return now.earlier_by(now.mono_ns - mono_ns)


def _provider_quote(told: _Shared) -> ProviderQuote:
    return ProviderQuote(
        output_amount=told.output_amount,
        route=tuple(
            RouteHop(
                pool_id=Pubkey(hop.pool_id),
                protocol=hop.protocol,
                input_mint=Pubkey(hop.input_mint),
                output_mint=Pubkey(hop.output_mint),
                input_amount=hop.input_amount,
                output_amount=hop.output_amount,
                fee_amount=hop.fee_amount,
                fee_mint=None if hop.fee_mint is None else Pubkey(hop.fee_mint),
                provenance=hop.provenance,
            )
            for hop in told.route
        ),
        price_impact_fraction=max(told.impact, 0.0),
        slot=told.slot,
    )


def _written(entry: CachedQuote, route_stamp_us: int) -> bytes:
    """As `_Shared` reads it; amounts are text, for JSON's numbers are not exact everywhere."""
    quote = entry.quote
    return orjson.dumps(
        {
            "provider": entry.provider,
            "inputMint": entry.key.input_mint,
            "outputMint": entry.key.output_mint,
            "inputAmount": str(entry.key.input_amount),
            "outputAmount": str(quote.output_amount),
            "impact": quote.price_impact_fraction,
            "slot": quote.slot,
            "latencyMs": entry.latency_ms,
            "routeStamp": max(route_stamp_us, 0),
            "route": [
                {
                    "poolId": hop.pool_id,
                    "protocol": hop.protocol,
                    "inputMint": hop.input_mint,
                    "outputMint": hop.output_mint,
                    "inputAmount": str(hop.input_amount),
                    "outputAmount": str(hop.output_amount),
                    "feeAmount": None if hop.fee_amount is None else str(hop.fee_amount),
                    "feeMint": hop.fee_mint,
                    "provenance": None if hop.provenance is None else hop.provenance.name,
                }
                for hop in quote.route
            ],
        }
    )


def _name(key: QuoteKey) -> str:
    return f"{key.input_mint}:{key.output_mint}:{key.input_amount}"


def _digest(parts: Iterable[str]) -> str:
    return blake2b("\n".join(parts).encode(), digest_size=8).hexdigest()
