"""What the quote services send and get, between protobuf and the aggregator's own values.

The one place where a neighbour's message becomes ours. An answer that no quote can be (it gives nothing, or more than
there can be; its impact is no fraction) becomes a refusal of its row that says so, and costs no other row anything.
Behind it all values are finite and within what shared memory and events can hold.

Besides `wire`, `columns` and `row_bytes` nothing here imports generated code.
"""

import dataclasses
import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final

import grpc
from google.protobuf.message import DecodeError

from aggregator.held import IMPOSSIBLE, HeldQuote, Refusal, Source
from aggregator.oracle import OraclePrice
from quote_core.dex.labels import ALL_DEXES
from quote_core.dex.pool import Dex, SwapMode
from quote_core.errors import LayoutMismatch
from quote_core.freshness import Freshness
from quote_core.generated.solquote.v1 import evidence_pb2 as evidence_pb
from quote_core.generated.solquote.v1 import external_quote_pb2 as external_pb
from quote_core.generated.solquote.v1 import local_quote_pb2 as local_pb
from quote_core.generated.solquote.v1 import quotes_pb2 as quotes_pb
from quote_core.quotes import Provenance, QuoteKey, RouteHop
from quote_core.serving import QuoteRequest, read_freshness, read_provenance, read_route
from quote_core.units import AMOUNT_MAX, BPS, NS_PER_MS, Pubkey

__all__ = [
    "EXTERNAL_EVIDENCE",
    "EXTERNAL_QUOTE",
    "EXTERNAL_STREAM",
    "LOCAL_EVIDENCE",
    "LOCAL_POOLS",
    "LOCAL_PRICES",
    "LOCAL_QUOTE",
    "LOCAL_STREAM",
    "SLOT_MAX",
    "PoolSummary",
    "Rpc",
    "batch_request",
    "explain_request",
    "external_answers",
    "external_request",
    "held_external",
    "held_local",
    "held_local_bytes",
    "hop_count",
    "local_request",
    "oracle_prices",
    "pool_summaries",
    "pools_request",
    "prices_request",
]


SLOT_MAX: Final = 2**32 - 1
"""Shared memory's field; at 400 ms a slot the chain reaches it in the 2070s."""

USD_MIN: Final = 1e-9
USD_MAX: Final = 1e9
"""Bounds of a token's price: beyond them it is an error, and ratios of two stay finite within them."""

_REFUSAL_CHARACTERS_MAX: Final = 500

_DEX_IDS: Final = {dex.label: dex.value for dex in Dex}
_UNKNOWN_DEX_ID: Final = 0  # a provider's own label, a DEX newer than this build, or no single one: several swaps


@dataclasses.dataclass(frozen=True, slots=True)
class Rpc:
    """One method of a quote service: its path, and how its messages become bytes and back; no `decode` = not at all.

    The messages of a stream are read by whoever takes them: what grpc cannot decode it hands on as None.
    """

    path: str
    encode: Callable[[Any], bytes]
    decode: Callable[[bytes], Any] | None


_LOCAL: Final = "/solquote.v1.LocalQuoteService/"
_EXTERNAL: Final = "/solquote.v1.ExternalQuoteService/"

LOCAL_STREAM: Final = Rpc(
    _LOCAL + "StreamQuoteColumns",
    quotes_pb.BatchQuoteRequest.SerializeToString,
    None,
)
LOCAL_QUOTE: Final = Rpc(
    _LOCAL + "GetQuote", local_pb.LocalQuoteRequest.SerializeToString, local_pb.LocalQuote.FromString
)
LOCAL_PRICES: Final = Rpc(
    _LOCAL + "GetOraclePrices",
    local_pb.OraclePricesRequest.SerializeToString,
    local_pb.OraclePricesResponse.FromString,
)
LOCAL_POOLS: Final = Rpc(
    _LOCAL + "ListPools", local_pb.ListPoolsRequest.SerializeToString, local_pb.ListPoolsResponse.FromString
)
LOCAL_EVIDENCE: Final = Rpc(_LOCAL + "ExplainQuote", evidence_pb.ExplainQuoteRequest.SerializeToString, None)
EXTERNAL_EVIDENCE: Final = Rpc(_EXTERNAL + "ExplainQuote", evidence_pb.ExplainQuoteRequest.SerializeToString, None)
EXTERNAL_STREAM: Final = Rpc(
    _EXTERNAL + "StreamQuoteBatches",
    quotes_pb.BatchQuoteRequest.SerializeToString,
    None,
)
EXTERNAL_QUOTE: Final = Rpc(
    _EXTERNAL + "GetQuote",
    external_pb.ExternalQuoteRequest.SerializeToString,
    external_pb.ExternalQuote.FromString,
)


@dataclasses.dataclass(frozen=True, slots=True)
class PoolSummary:
    """One pool as the local service holds it; prices and depths are for people and scores."""

    pool_id: Pubkey
    protocol: str
    mint_a: Pubkey
    mint_b: Pubkey
    slot: int
    age_ms: int
    is_stale: bool
    is_tradable: bool
    refusal: str
    price: float
    fee_fraction_a_to_b: float
    fee_fraction_b_to_a: float
    depth_a_amount: int
    depth_b_amount: int
    provenance: Provenance | None


def local_request(asked: QuoteRequest) -> local_pb.LocalQuoteRequest:
    """Ask the local service for one quote."""
    is_exact_in = asked.mode is SwapMode.EXACT_IN
    return local_pb.LocalQuoteRequest(
        input_mint=asked.input_mint,
        output_mint=asked.output_mint,
        input_amount=asked.amount if is_exact_in else 0,
        output_amount=0 if is_exact_in else asked.amount,
        dexes=[] if asked.dexes == ALL_DEXES else sorted(dex.label for dex in asked.dexes),
        max_hops=asked.hop_count_max,
        max_splits=asked.leg_count_max,
        max_accounts=asked.account_count_max,
    )


def external_request(key: QuoteKey, *, slippage_bps: int) -> external_pb.ExternalQuoteRequest:
    """Ask the external service for one quote."""
    return external_pb.ExternalQuoteRequest(
        input_mint=key.input_mint,
        output_mint=key.output_mint,
        input_amount=key.input_amount,
        slippage_bps=slippage_bps,
    )


def explain_request(quote_id: str) -> evidence_pb.ExplainQuoteRequest:
    """Ask a service what a quote of its rests on."""
    return evidence_pb.ExplainQuoteRequest(quote_id=quote_id)


def prices_request() -> local_pb.OraclePricesRequest:
    """Ask for all reference prices."""
    return local_pb.OraclePricesRequest()


def pools_request() -> local_pb.ListPoolsRequest:
    """Ask for all pools."""
    return local_pb.ListPoolsRequest()


def oracle_prices(response: local_pb.OraclePricesResponse) -> dict[Pubkey, OraclePrice | None]:
    """The prices by mint; `None` where none is known, or none that is possible and not stale."""
    return {Pubkey(price.mint): _oracle_price(price) for price in response.prices}


def _oracle_price(price: local_pb.OraclePrice) -> OraclePrice | None:
    if not price.HasField("usd") or not USD_MIN <= price.usd <= USD_MAX or price.is_stale:
        return None
    return OraclePrice(
        price.usd,
        read_freshness(price),
        _disagreement(price.disagreement),
        _disagreement(price.disagreement_in_sol) if price.HasField("disagreement_in_sol") else None,
    )


def _disagreement(told: float) -> float:
    """At most the whole price: more lowers nothing further, and what is no number vouches for no agreement."""
    return told if 0.0 <= told <= 1.0 else 1.0


def pool_summaries(response: local_pb.ListPoolsResponse) -> Iterator[PoolSummary]:
    """Take the pools over, in the service's order."""
    for pool in response.pools:
        yield PoolSummary(
            pool_id=Pubkey(pool.pool_id),
            protocol=pool.protocol,
            mint_a=Pubkey(pool.mint_a),
            mint_b=Pubkey(pool.mint_b),
            slot=pool.slot,
            age_ms=pool.age_ms,
            is_stale=pool.is_stale,
            is_tradable=pool.tradable,
            refusal=pool.refusal,
            price=pool.price,
            fee_fraction_a_to_b=pool.fee_fraction_a_to_b,
            fee_fraction_b_to_a=pool.fee_fraction_b_to_a,
            depth_a_amount=pool.depth_a_amount,
            depth_b_amount=pool.depth_b_amount,
            provenance=read_provenance(pool.provenance),
        )


def batch_request(rows: Iterable[tuple[int, QuoteKey]], *, refresh_interval_ns: int) -> quotes_pb.BatchQuoteRequest:
    """Ask a quote service for these rows under their numbers, one entry a direction, amounts ascending."""
    by_direction: dict[tuple[Pubkey, Pubkey], list[tuple[int, int]]] = {}
    for index, key in rows:
        by_direction.setdefault((key.input_mint, key.output_mint), []).append((key.input_amount, index))
    pairs = []
    for (input_mint, output_mint), rungs in by_direction.items():
        rungs.sort()
        pairs.append(
            quotes_pb.TokenPair(
                input_mint=input_mint,
                output_mint=output_mint,
                amounts=[amount for amount, _ in rungs],
                rows=[index for _, index in rungs],
            )
        )
    return quotes_pb.BatchQuoteRequest(pairs=pairs, refresh_interval_ms=refresh_interval_ns // NS_PER_MS)


def held_local_bytes(encoded: bytes) -> HeldQuote:
    """The same of a message inside another.

    Raises:
        LayoutMismatch: The bytes are no such message.
    """
    try:
        return held_local(local_pb.LocalQuote.FromString(encoded))
    except DecodeError as error:
        raise LayoutMismatch("LocalQuote", "protobuf cannot read it") from error


def external_answers(batch: bytes) -> list[HeldQuote]:
    """Take over a message of the external stream.

    Raises:
        LayoutMismatch: The bytes are no such message.
    """
    try:
        quotes = external_pb.ExternalQuoteBatch.FromString(batch).quotes
    except DecodeError as error:
        raise LayoutMismatch("ExternalQuoteBatch", "protobuf cannot read it") from error
    return [held_external(quote) for quote in quotes]


def held_local(quote: local_pb.LocalQuote) -> HeldQuote:
    """Take over the local service's answer, or say that it cannot be one."""
    freshness = read_freshness(quote)
    quote, refusal = _possible(quote, quote.price_impact, 1.0, freshness)
    route = read_route(quote.route)
    return HeldQuote(
        source=Source.LOCAL,
        row=quote.row,
        key=QuoteKey(Pubkey(quote.input_mint), Pubkey(quote.output_mint), quote.input_amount),
        output_amount=quote.output_amount,
        route_id=quote.route_id,
        hop_count=hop_count(route),
        price_impact_fraction=max(quote.price_impact, 0.0),
        depth_amount=quote.depth_amount,
        oracle_price=_positive(quote.oracle_price) if quote.HasField("oracle_price") else None,
        uptime=1.0,
        dex_id=_DEX_IDS.get(quote.protocol, _UNKNOWN_DEX_ID) if len(route) <= 1 else _UNKNOWN_DEX_ID,
        is_stale=quote.is_stale,
        version=quote.version,
        freshness=freshness,
        refusal=refusal,
        route=route,
        message=quote.SerializeToString(),
    )


def held_external(quote: external_pb.ExternalQuote) -> HeldQuote:
    """Take over a provider's answer, or say that it cannot be one."""
    freshness = read_freshness(quote)
    quote, refusal = _possible(quote, quote.price_impact_bps / BPS, quote.provider_uptime, freshness)
    route = read_route(quote.route_plan)
    return HeldQuote(
        source=Source.EXTERNAL,
        row=quote.row,
        key=QuoteKey(Pubkey(quote.input_mint), Pubkey(quote.output_mint), quote.input_amount),
        output_amount=quote.output_amount,
        route_id=quote.route_id,
        hop_count=hop_count(route),
        price_impact_fraction=max(quote.price_impact_bps, 0.0) / BPS,
        depth_amount=0,
        oracle_price=None,
        uptime=quote.provider_uptime,
        dex_id=_UNKNOWN_DEX_ID,
        is_stale=quote.is_stale,
        version=quote.version,
        freshness=freshness,
        refusal=refusal,
        route=route,
        message=quote.SerializeToString(),
    )


def _possible(quote: Any, impact: float, uptime: float, freshness: Freshness) -> tuple[Any, Refusal | None]:
    """The answer as it came, or a refusal in its place when no quote can be like that; and what it refuses."""
    if quote.HasField("error"):
        return quote, _refusal(quote.error)
    rule = _broken_rule(quote.output_amount, impact, uptime, freshness)
    if rule is None:
        return quote, None
    refused = type(quote)(
        input_mint=quote.input_mint,
        output_mint=quote.output_mint,
        input_amount=quote.input_amount,
        row=quote.row,
        version=quote.version,
        error=quotes_pb.QuoteError(code=IMPOSSIBLE, message=rule),
    )
    return refused, _refusal(refused.error)


def _broken_rule(output_amount: int, impact: float, uptime: float, freshness: Freshness) -> str | None:
    """What no quote can be, in words that name the field; comparisons are written so that NaN fails them.

    An impact below zero is a provider's way to say that the size got a better price; it counts as none.
    """
    if not 0 < output_amount <= AMOUNT_MAX:
        return f"output_amount: must be from 1 to {AMOUNT_MAX}, got {output_amount}"
    if not -1.0 <= impact <= 1.0:
        return f"price_impact: must be a fraction, got {impact}"
    if not 0.0 <= uptime <= 1.0:
        return f"provider_uptime: must be from 0 to 1, got {uptime}"
    if freshness.vouched_slot > SLOT_MAX:
        return f"vouched_slot: must be at most {SLOT_MAX}, got {freshness.vouched_slot}"
    return None


def _refusal(error: quotes_pb.QuoteError) -> Refusal:
    code = error.code if error.code in grpc.StatusCode.__members__ else grpc.StatusCode.UNKNOWN.name
    return Refusal(code, error.message[:_REFUSAL_CHARACTERS_MAX])


def _positive(value: float) -> float | None:
    return value if value > 0.0 and math.isfinite(value) else None


def hop_count(route: Sequence[RouteHop]) -> int:
    """Swaps one after the other: of a split the longest part's."""
    if len(route) <= 1:
        return 1
    # A provider that splits a swap does not say which part is whose: what goes between the same tokens is one hop.
    return max(Counter(leg for leg, _, _ in {(hop.leg, hop.input_mint, hop.output_mint) for hop in route}).values())


def hops_of(quote: HeldQuote) -> Sequence[quotes_pb.RouteHop]:
    """The route of a quote as the source's message has it."""
    if quote.source is Source.LOCAL:
        return local_pb.LocalQuote.FromString(quote.message).route
    return external_pb.ExternalQuote.FromString(quote.message).route_plan


def provider_of(quote: HeldQuote) -> str | None:
    """Who outside gave the quote."""
    if quote.source is Source.LOCAL:
        return None
    return external_pb.ExternalQuote.FromString(quote.message).provider
