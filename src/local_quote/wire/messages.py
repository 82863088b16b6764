"""Between protobuf messages and our own values; quotes themselves go through `quote_bytes`."""

import hashlib
import math
from collections.abc import Iterable, Sequence

from local_quote.impact import Curve
from local_quote.market import LocalMarket, RoutedQuote
from local_quote.oracle import OracleReading
from local_quote.pool_ranking import DroppedPool
from local_quote.pool_store import PoolEntry
from local_quote.quoter import PricedSwap
from local_quote.routes import HopRequest, SimulatedRoute, checked_amount
from local_quote.taken_depth import LocalTakenDepth
from quote_core.dex.pool import Direction
from quote_core.errors import InvalidField, MarketError
from quote_core.generated.solquote.v1 import local_quote_pb2, quotes_pb2
from quote_core.quotes import RouteHop, route_id, split_route_id, worst_provenance
from quote_core.serving import write_freshness, write_hop, write_provenance
from quote_core.units import Pubkey

__all__ = [
    "BatchQuoteRequest",
    "HealthRequest",
    "HealthResponse",
    "ListPoolsRequest",
    "ListPoolsResponse",
    "LocalQuoteRequest",
    "OraclePricesRequest",
    "OraclePricesResponse",
    "PairedQuote",
    "PairedQuoteRequest",
    "PoolState",
    "PoolStateRequest",
    "SimulateRouteRequest",
    "SimulateRouteResponse",
    "hops_from",
    "oracle_prices_to",
    "paired_to",
    "pool_state_to",
    "pools_to",
    "routed_to",
    "simulation_to",
]

BatchQuoteRequest = quotes_pb2.BatchQuoteRequest
HealthRequest = quotes_pb2.HealthRequest
HealthResponse = quotes_pb2.HealthResponse
ListPoolsRequest = local_quote_pb2.ListPoolsRequest
ListPoolsResponse = local_quote_pb2.ListPoolsResponse
LocalQuoteRequest = local_quote_pb2.LocalQuoteRequest
OraclePricesRequest = local_quote_pb2.OraclePricesRequest
OraclePricesResponse = local_quote_pb2.OraclePricesResponse
PairedQuote = local_quote_pb2.PairedQuote
PairedQuoteRequest = local_quote_pb2.PairedQuoteRequest
PoolState = local_quote_pb2.PoolState
PoolStateRequest = local_quote_pb2.PoolStateRequest
SimulateRouteRequest = local_quote_pb2.SimulateRouteRequest
SimulateRouteResponse = local_quote_pb2.SimulateRouteResponse

_NS_PER_MS = 1_000_000


def hops_from(request: local_quote_pb2.SimulateRouteRequest) -> list[HopRequest]:
    """Read the hops of a route.

    Raises:
        InvalidField: A taken depth of nothing, or of a price that is none; names the hop.
    """
    return [
        HopRequest(
            hop.input_mint,
            hop.output_mint,
            hop.pool_id,
            _taken_from(hop.taken, f"hops[{position}].taken") if hop.HasField("taken") else None,
        )
        for position, hop in enumerate(request.hops)
    ]


def _taken_from(taken: local_quote_pb2.TakenDepth, field: str) -> LocalTakenDepth:
    prices = {"price_before": taken.price_before, "price_after": taken.price_after}
    for name, price in prices.items():
        if not (math.isfinite(price) and price >= 0.0):
            raise InvalidField(f"{field}.{name}", "must be a finite number, not below zero")
    return LocalTakenDepth(
        input_amount=checked_amount(taken.input_amount, field=f"{field}.input_amount"),
        price_before=taken.price_before,
        price_after=taken.price_after,
        since_slot=taken.since_slot,
    )


def simulation_to(route: SimulatedRoute, now_mono_ns: int) -> local_quote_pb2.SimulateRouteResponse:
    """Write a priced route; its age is that of the pool vouched for least lately."""
    swaps = route.swaps
    oldest = max((swap.entry for swap in swaps), key=lambda entry: entry.age_ns(now_mono_ns))
    return local_quote_pb2.SimulateRouteResponse(
        route=[write_hop(_hop_of(swap)) for swap in swaps],
        output_amount=swaps[-1].output_amount,
        slot=min(swap.entry.slot for swap in swaps),
        pool_state_age_ms=oldest.age_ns(now_mono_ns) // _NS_PER_MS,
        freshness=write_freshness(oldest.freshness),
        price_impacts=[swap.price_impact for swap in swaps],
        route_id=route_id([swap.entry.pool.address for swap in swaps]),
        depth_amounts=[swap.depth_amount for swap in swaps],
        taken=[
            local_quote_pb2.TakenDepth(
                input_amount=taken.input_amount,
                price_before=taken.price_before,
                price_after=taken.price_after,
                since_slot=taken.since_slot,
            )
            for taken in route.taken
        ],
    )


def routed_to(quote: RoutedQuote, oracle_price: float | None, *, now_mono_ns: int, stale_after_ns: int) -> bytes:
    """Write a quote through a route: of its pools the least lately vouched for says how old it is."""
    route, swaps = quote.route, quote.route.swaps
    entries = [swap.entry for swap in swaps]
    oldest = max(entries, key=lambda entry: entry.age_ns(now_mono_ns))
    message = local_quote_pb2.LocalQuote(
        input_mint=quote.input_token.mint,
        output_mint=quote.output_token.mint,
        input_amount=route.input_amount,
        output_amount=route.output_amount,
        price_impact=route.price_impact,
        pool_id=entries[0].pool.address,
        protocol=entries[0].pool.dex.label,
        pool_state_age_ms=oldest.age_ns(now_mono_ns) // _NS_PER_MS,
        is_stale=any(entry.is_stale(now_mono_ns, stale_after_ns) for entry in entries),
        version=quote.version,
        slot=min(entry.slot for entry in entries),
        route=[
            write_hop(_hop_of(swap, leg=number, leg_percent=leg.percent))
            for number, leg in enumerate(route.legs)
            for swap in leg.swaps
        ],
        route_id=split_route_id([([swap.entry.pool.address for swap in leg.swaps], leg.percent) for leg in route.legs]),
        quoted_unix_ns=quote.quoted_unix_ns,
        depth_amount=route.depth_amount,
        provenance=write_provenance(worst_provenance(entry.provenance for entry in entries)),
        freshness=write_freshness(oldest.freshness),
    )
    if oracle_price is not None:
        scale = 10.0 ** (quote.input_token.decimals - quote.output_token.decimals)
        rate = route.output_amount / route.input_amount * scale
        message.oracle_price = oracle_price
        message.deviation_percent = (rate - oracle_price) / oracle_price * 100
    return message.SerializeToString()


def _hop_of(swap: PricedSwap, *, leg: int = 0, leg_percent: int = 0) -> RouteHop:
    pool = swap.entry.pool
    a_to_b = swap.direction is Direction.A_TO_B
    return RouteHop(
        pool_id=pool.address,
        protocol=pool.dex.label,
        input_mint=pool.mint_a if a_to_b else pool.mint_b,
        output_mint=pool.mint_b if a_to_b else pool.mint_a,
        input_amount=swap.input_amount,
        output_amount=swap.output_amount,
        fee_amount=swap.fee_amount,
        fee_mint=swap.fee_mint,
        provenance=swap.entry.provenance,
        leg=leg,
        leg_percent=leg_percent,
    )


def pool_state_to(entry: PoolEntry, market: LocalMarket, now_mono_ns: int) -> local_quote_pb2.PoolState:
    """Write a pool as it is held now; prices only where it can be traded."""
    pool = entry.pool
    refusal = market.quoter.closed_reason(entry)
    state = local_quote_pb2.PoolState(
        pool_id=pool.address,
        protocol=pool.dex.label,
        program_id=_owner_of(entry, market),
        mint_a=pool.mint_a,
        mint_b=pool.mint_b,
        slot=entry.slot,
        age_ms=entry.age_ns(now_mono_ns) // _NS_PER_MS,
        is_stale=not entry.is_loaded or entry.is_stale(now_mono_ns, market.stale_after_ns),
        tradable=not refusal,
        refusal=refusal,
        provenance=write_provenance(entry.provenance),
        accounts=[account for pubkey in entry.accounts for account in _account_to(pubkey, market)],
        update_count=entry.update_count,
        freshness=write_freshness(entry.freshness),
    )
    if not refusal:
        _add_prices(state, entry, market)
    return state


def _add_prices(state: local_quote_pb2.PoolState, entry: PoolEntry, market: LocalMarket) -> None:
    try:
        curves: list[Curve] = [market.quoter.curve(entry, direction) for direction in Direction]
        spot = entry.pool.spot_price(market.quoter.now_on_chain())
    except MarketError as error:
        state.tradable, state.refusal = False, str(error)
        return
    token_a, token_b = (market.registry.by_mint(mint, field="mint") for mint in (entry.pool.mint_a, entry.pool.mint_b))
    state.price = spot * 10.0 ** (token_a.decimals - token_b.decimals)
    state.fee_fraction_a_to_b, state.fee_fraction_b_to_a = (curve.fee_fraction for curve in curves)
    state.depth_a_amount, state.depth_b_amount = (curve.depth_amount for curve in curves)


def _owner_of(entry: PoolEntry, market: LocalMarket) -> str:
    held = market.store.account(entry.pool.address)
    return held.account.owner if held is not None and held.account is not None else ""


def _account_to(pubkey: Pubkey, market: LocalMarket) -> list[local_quote_pb2.PoolAccount]:
    held = market.store.account(pubkey)
    if held is None or held.account is None:
        return []
    return [
        local_quote_pb2.PoolAccount(
            pubkey=pubkey,
            owner=held.account.owner,
            slot=held.slot,
            size_bytes=len(held.account.data),
            data_sha256=hashlib.sha256(held.account.data).hexdigest(),
        )
    ]


def pools_to(
    entries: Iterable[PoolEntry], dropped: Iterable[DroppedPool], market: LocalMarket, now_mono_ns: int
) -> local_quote_pb2.ListPoolsResponse:
    """Write pools, by pair and address, and those not held, by pair and DEX, deepest first."""
    ordered = sorted(entries, key=lambda entry: (entry.pair, entry.pool.address))
    candidates = sorted(dropped, key=lambda one: (one.candidate.pair, one.candidate.dex.label, one.candidate.rank()))
    return local_quote_pb2.ListPoolsResponse(
        pools=[pool_state_to(entry, market, now_mono_ns) for entry in ordered],
        dropped=[
            local_quote_pb2.DroppedPool(
                pool_id=one.candidate.pool_id,
                protocol=one.candidate.dex.label,
                mint_a=one.candidate.pair[0],
                mint_b=one.candidate.pair[1],
                depth_lamports=one.candidate.depth_lamports,
                reason=one.reason.value,
            )
            for one in candidates
        ],
    )


def paired_to(forward: bytes, reverse: bytes, slot: int) -> local_quote_pb2.PairedQuote:
    """Write two quotes, each given as the bytes of its message."""
    return local_quote_pb2.PairedQuote(
        forward=local_quote_pb2.LocalQuote.FromString(forward),
        reverse=local_quote_pb2.LocalQuote.FromString(reverse),
        slot=slot,
    )


def oracle_prices_to(readings: Sequence[OracleReading], slot: int) -> local_quote_pb2.OraclePricesResponse:
    """Write the reference prices."""
    return local_quote_pb2.OraclePricesResponse(prices=[_oracle_price_to(reading) for reading in readings], slot=slot)


def _oracle_price_to(reading: OracleReading) -> local_quote_pb2.OraclePrice:
    return local_quote_pb2.OraclePrice(
        mint=reading.token.mint,
        symbol=reading.token.symbol,
        usd=reading.usd,
        source=reading.source,
        age_ms=reading.age_ms,
        is_stale=reading.is_stale,
        provenance=write_provenance(reading.provenance),
        freshness=write_freshness(reading.freshness),
        confidence_usd=reading.conf_usd,
        disagreement=reading.disagreement,
        disagreement_in_sol=reading.disagreement_in_sol,
        sources=[
            local_quote_pb2.OracleSourceReading(
                source=one.source,
                usd=one.usd,
                confidence_usd=one.conf_usd,
                age_ms=one.age_ms,
                standing=one.standing,
                why=one.why,
            )
            for one in reading.sources
        ],
    )
