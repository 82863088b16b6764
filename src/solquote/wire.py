"""Ask the services over gRPC, and turn their messages into answers and their refusals into one kind of error.

Every call has a deadline. A service that cannot be reached is told apart from one that does not answer in time.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, cast

import grpc

from quote_core.access.caller import Caller
from quote_core.channel import open_blocking_channel
from quote_core.clock import SYSTEM_CLOCK, Clock
from quote_core.dex.pool import SwapMode
from quote_core.generated.solquote.v1 import (
    external_quote_pb2,
    local_quote_pb2,
    local_quote_pb2_grpc,
    quote_aggregator_pb2,
    quote_aggregator_pb2_grpc,
    quotes_pb2,
)
from quote_core.quote_id import EXTERNAL, LOCAL, quote_id_of
from quote_core.tokens import Token
from solquote.answers import (
    PrintedCap,
    PrintedDroppedPool,
    PrintedHop,
    PrintedOracleSource,
    PrintedPool,
    PrintedPrice,
    PrintedQuote,
    PrintedSource,
)
from solquote.output import with_status

__all__ = ["ANY_ROUTE", "AskedRoute", "ask_pools", "ask_prices", "ask_quote", "service_channel"]

_SECOND_SOURCE_WAIT_S: Final = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedRoute:
    """What a route may be: as in `AggregatedQuoteRequest`, 0 and empty = not asked for."""

    max_hops: int = 0
    max_splits: int = 0
    dexes: Sequence[str] = ()
    exclude_dexes: Sequence[str] = ()


ANY_ROUTE: Final = AskedRoute()


def ask_quote(
    address: str,
    base: Token,
    quote: Token,
    amount: int,
    *,
    timeout_s: float,
    mode: SwapMode = SwapMode.EXACT_IN,
    terms: AskedRoute = ANY_ROUTE,
    clock: Clock = SYSTEM_CLOCK,
    caller: Caller | None = None,
) -> PrintedQuote:
    """Ask the aggregator for one quote, and wait a little for the slower of the two sources.

    With EXACT_OUT `amount` is the wanted output, which only the local source answers, as it alone does with `terms`.

    Raises:
        CommandFailed: With the status of the aggregator's refusal.
    """
    request = quote_aggregator_pb2.AggregatedQuoteRequest(
        input_mint=base.mint,
        output_mint=quote.mint,
        input_amount=amount if mode is SwapMode.EXACT_IN else 0,
        output_amount=amount if mode is SwapMode.EXACT_OUT else 0,
        dexes=terms.dexes,
        exclude_dexes=terms.exclude_dexes,
        max_hops=terms.max_hops,
        max_splits=terms.max_splits,
    )
    with service_channel("aggregator", address, caller) as channel:
        stub = quote_aggregator_pb2_grpc.QuoteAggregatorServiceStub(channel)
        answer = stub.GetQuote(request, timeout=timeout_s)
        if mode is SwapMode.EXACT_IN and terms == ANY_ROUTE and not _has_both(answer):
            answer = _with_both(stub, request, answer)
    return _quote(answer, base, quote, now_unix_ns=clock.unix_ns())


def ask_pools(
    address: str,
    mint_a: str,
    mint_b: str,
    *,
    with_dropped: bool = False,
    timeout_s: float,
    caller: Caller | None = None,
) -> tuple[tuple[PrintedPool, ...], tuple[PrintedDroppedPool, ...]]:
    """Ask the local quote service for the pools of a pair, or for all with empty mints: those held, and the others."""
    request = local_quote_pb2.ListPoolsRequest(mint_a=mint_a, mint_b=mint_b, include_dropped=with_dropped)
    with service_channel("local quote service", address, caller) as channel:
        answer = local_quote_pb2_grpc.LocalQuoteServiceStub(channel).ListPools(request, timeout=timeout_s)
    return tuple(map(_pool, answer.pools)), tuple(map(_dropped_pool, answer.dropped))


def ask_prices(address: str, *, timeout_s: float, caller: Caller | None = None) -> dict[str, PrintedPrice]:
    """Ask the local quote service for the reference prices, by mint."""
    with service_channel("local quote service", address, caller) as channel:
        stub = local_quote_pb2_grpc.LocalQuoteServiceStub(channel)
        answer = stub.GetOraclePrices(local_quote_pb2.OraclePricesRequest(), timeout=timeout_s)
    return {price.mint: _price(price) for price in answer.prices}


def _with_both(
    stub: quote_aggregator_pb2_grpc.QuoteAggregatorServiceStub,
    request: quote_aggregator_pb2.AggregatedQuoteRequest,
    answer: quote_aggregator_pb2.AggregatedQuote,
) -> quote_aggregator_pb2.AggregatedQuote:
    """The slower source's quote follows as an update of the stream; without it the first answer stands."""
    updates: Iterator[quote_aggregator_pb2.AggregatedQuote] = stub.StreamQuotes(request, timeout=_SECOND_SOURCE_WAIT_S)
    try:
        return next((update for update in updates if _has_both(update)), answer)
    except grpc.RpcError:
        return answer


def _has_both(answer: quote_aggregator_pb2.AggregatedQuote) -> bool:
    return answer.HasField("local") and answer.HasField("external")


@contextmanager
def service_channel(service: str, address: str, caller: Caller | None) -> Iterator[grpc.Channel]:
    """A channel to one service; its refusals become failures that name it."""
    try:
        with open_blocking_channel(address, caller if caller is not None else Caller()) as channel:
            yield channel
    except grpc.RpcError as raised:
        error = cast("grpc.Call", raised)  # what a stub raises is the call itself
        name = error.code().name
        if name == "UNAVAILABLE":
            sentence = f"the {service} at {address} cannot be reached; `solquote up` starts it"
        elif name == "DEADLINE_EXCEEDED":
            sentence = f"the {service} at {address} did not answer in time"
        else:
            sentence = error.details() or name
        raise with_status(name, sentence) from None


def _quote(
    message: quote_aggregator_pb2.AggregatedQuote, base: Token, quote: Token, *, now_unix_ns: int
) -> PrintedQuote:
    sources = []
    best = None
    if message.HasField("local"):
        sources.append(_local(message))
        best = "local" if message.best_source == quote_aggregator_pb2.QUOTE_SOURCE_LOCAL else None
    if message.HasField("external"):
        sources.append(_external(message, now_unix_ns=now_unix_ns))
        if message.best_source == quote_aggregator_pb2.QUOTE_SOURCE_EXTERNAL:
            best = message.external.provider
    return PrintedQuote(
        input=base,
        output=quote,
        input_amount=message.input_amount,
        output_amount=message.output_amount,
        best=best,
        decision=_enum_word(quote_aggregator_pb2.Decision.Name(message.decision)),
        oracle_price=message.oracle_price if message.HasField("oracle_price") else None,
        oracle_disagreement=message.oracle_disagreement,
        sources=tuple(sources),
    )


def _local(message: quote_aggregator_pb2.AggregatedQuote) -> PrintedSource:
    local = message.local
    return PrintedSource(
        name="local",
        output_amount=local.output_amount,
        price_impact_fraction=local.price_impact,
        confidence=message.local_confidence,
        factors=_factors(message.local_factors),
        caps=tuple(map(_cap, message.local_caps)),
        age_ms=local.pool_state_age_ms,
        is_stale=local.is_stale,
        slot=local.slot,
        route=tuple(_hop(hop) for hop in local.route),
        error=_error(local.error) if local.HasField("error") else None,
        quote_id=_quote_id(LOCAL, local),
    )


def _external(message: quote_aggregator_pb2.AggregatedQuote, *, now_unix_ns: int) -> PrintedSource:
    external = message.external
    return PrintedSource(
        name=external.provider or "external",
        output_amount=external.output_amount,
        price_impact_fraction=external.price_impact_bps / 10_000,
        confidence=message.external_confidence,
        factors=_factors(message.external_factors),
        caps=tuple(map(_cap, message.external_caps)),
        age_ms=max(0, now_unix_ns - external.quoted_unix_ns) // 1_000_000,
        is_stale=external.is_stale,
        slot=external.slot,
        route=tuple(_hop(hop) for hop in external.route_plan),
        error=_error(external.error) if external.HasField("error") else None,
        quote_id=_quote_id(EXTERNAL, external),
    )


def _quote_id(source: int, quote: local_quote_pb2.LocalQuote | external_quote_pb2.ExternalQuote) -> str:
    """The id that follows from a quote; empty where there is none."""
    if quote.HasField("error"):
        return ""
    slot = quote.freshness.vouched_slot
    return quote_id_of(source, quote.route_id, quote.input_mint, quote.input_amount, quote.output_amount, slot).text


def _factors(message: quote_aggregator_pb2.ConfidenceFactors) -> dict[str, float]:
    return {
        "pool_age": message.pool_age,
        "route": message.route,
        "oracle": message.oracle,
        "provider": message.provider,
        "slippage": message.slippage,
    }


def _cap(message: quote_aggregator_pb2.DecisionCap) -> PrintedCap:
    return PrintedCap(
        reason=quote_aggregator_pb2.CapReason.Name(message.reason).removeprefix("CAP_REASON_").lower(),
        value=message.value,
        limit=message.limit,
        at_most=_enum_word(quote_aggregator_pb2.Decision.Name(message.at_most)),
    )


def _hop(message: quotes_pb2.RouteHop) -> PrintedHop:
    return PrintedHop(
        pool_id=message.pool_id,
        protocol=message.protocol,
        input_mint=message.input_mint,
        output_mint=message.output_mint,
        input_amount=message.input_amount,
        output_amount=message.output_amount,
        provenance=_enum_word(quotes_pb2.Provenance.Name(message.provenance)),
        fee_amount=message.fee_amount,
        fee_mint=message.fee_mint,
        leg=message.leg,
        leg_percent=message.leg_percent,
    )


def _pool(message: local_quote_pb2.PoolState) -> PrintedPool:
    return PrintedPool(
        pool_id=message.pool_id,
        protocol=message.protocol,
        mint_a=message.mint_a,
        mint_b=message.mint_b,
        price=message.price,
        fee_fraction_a_to_b=message.fee_fraction_a_to_b,
        fee_fraction_b_to_a=message.fee_fraction_b_to_a,
        depth_a_amount=message.depth_a_amount,
        depth_b_amount=message.depth_b_amount,
        age_ms=message.age_ms,
        slot=message.slot,
        is_stale=message.is_stale,
        is_tradable=message.tradable,
        refusal=message.refusal,
        provenance=_enum_word(quotes_pb2.Provenance.Name(message.provenance)),
    )


def _dropped_pool(pool: local_quote_pb2.DroppedPool) -> PrintedDroppedPool:
    return PrintedDroppedPool(
        pool_id=pool.pool_id,
        protocol=pool.protocol,
        mint_a=pool.mint_a,
        mint_b=pool.mint_b,
        depth_lamports=pool.depth_lamports if pool.HasField("depth_lamports") else None,
        reason=pool.reason,
    )


def _price(message: local_quote_pb2.OraclePrice) -> PrintedPrice:
    return PrintedPrice(
        mint=message.mint,
        usd=message.usd if message.HasField("usd") else None,
        source=message.source,
        age_ms=message.age_ms,
        is_stale=message.is_stale,
        provenance=_enum_word(quotes_pb2.Provenance.Name(message.provenance)),
        confidence_usd=message.confidence_usd if message.HasField("confidence_usd") else None,
        disagreement=message.disagreement,
        sources=tuple(
            PrintedOracleSource(
                source=one.source,
                usd=one.usd if one.HasField("usd") else None,
                confidence_usd=one.confidence_usd if one.HasField("confidence_usd") else None,
                age_ms=one.age_ms,
                standing=one.standing,
                why=one.why,
            )
            for one in message.sources
        ),
    )


def _error(message: quotes_pb2.QuoteError) -> str:
    return message.message or message.code


def _enum_word(name: str) -> str:
    """`execute` for DECISION_EXECUTE; nothing for an unspecified one."""
    word = name.partition("_")[2].lower()
    return "" if word == "unspecified" else word
