"""Values of the aggregator as HTTP answers. Pure.

Quotes are asked for again and again, all else now and then: a quote is written as plain values, in a fifth of the time
its model takes, and a test holds it to that model. It is put together of parts, in the model's order: some are the
same until the answer is another, some are of the request, and some of the moment.
"""

from collections.abc import Sequence
from typing import Any, Final

from aggregator.confidence import Cap, CapReason, Confidence, Decision
from aggregator.held import HeldQuote, Source
from aggregator.http_models import HealthAnswer, PoolAnswer, QuoteParameters
from aggregator.selection import Merged
from aggregator.upstream_wire import PoolSummary, provider_of
from quote_core.dex.fixed_point import mul_div_ceil, mul_div_floor
from quote_core.dex.labels import jupiter_label
from quote_core.health import HealthReport
from quote_core.quote_id import quote_id_of
from quote_core.quotes import Provenance, RouteHop, worst_provenance
from quote_core.units import BPS, NS_PER_MS, NS_PER_S

__all__ = [
    "amounts_part",
    "health_answer",
    "id_part",
    "pool_answer",
    "provenance_part",
    "quote_answer",
    "route_part",
    "source_part",
    "state_part",
    "terms_part",
    "time_part",
    "trust_part",
]


def quote_answer(merged: Merged, asked: QuoteParameters, *, now_mono_ns: int, started_mono_ns: int) -> dict[str, Any]:
    """The better source's quote, a `QuoteAnswer` as JSON has it; `HeldAnswers` writes the same from kept bytes.

    Args:
        merged: One with a price.
        asked: The request, for its slippage.
        now_mono_ns: Now, for `timeTaken`.
        started_mono_ns: When the request came.
    """
    quote, confidence = merged.best_quote, merged.best_confidence
    assert quote is not None
    assert confidence is not None
    age_ns = quote.freshness.age_ns(merged.at)
    fee_amount = mul_div_floor(quote.output_amount, asked.platform_fee_bps, BPS)
    left_amount = quote.output_amount - fee_amount
    return {
        **amounts_part(quote) | {"outAmount": str(left_amount)},
        **terms_part(quote.key.input_amount, left_amount, asked),
        **route_part(quote) | {"platformFee": _platform_fee(fee_amount, asked)},
        **time_part(now_mono_ns, started_mono_ns),
        **source_part(quote),
        **trust_part(confidence, merged.decision),
        **provenance_part(quote),
        **state_part(merged.oracle_rate, merged.oracle_disagreement, age_ns),
        **id_part(quote),
    }


def amounts_part(quote: HeldQuote) -> dict[str, Any]:
    """What goes in and comes out."""
    return {
        "inputMint": quote.key.input_mint,
        "inAmount": str(quote.key.input_amount),
        "outputMint": quote.key.output_mint,
        "outAmount": str(quote.output_amount),
    }


def terms_part(input_amount: int, output_amount: int, asked: QuoteParameters) -> dict[str, Any]:
    """What the request makes of the amounts: the least output, or with ExactOut the most input, that it allows."""
    if asked.swap_mode == "ExactIn":
        threshold = mul_div_floor(output_amount, BPS - asked.slippage_bps, BPS)
    else:
        threshold = mul_div_ceil(input_amount, BPS + asked.slippage_bps, BPS)
    return {
        "otherAmountThreshold": str(threshold),
        "swapMode": asked.swap_mode,
        "slippageBps": asked.slippage_bps,
    }


def route_part(quote: HeldQuote) -> dict[str, Any]:
    """Which way, and what it costs."""
    return {
        "priceImpactPct": f"{quote.price_impact_fraction:.10f}".rstrip("0").rstrip("."),
        "platformFee": None,
        "routePlan": _route_plan(quote.route),
        "contextSlot": quote.freshness.vouched_slot,
    }


def time_part(now_mono_ns: int, started_mono_ns: int) -> dict[str, Any]:
    """How long the answer took."""
    return {"timeTaken": (now_mono_ns - started_mono_ns) / NS_PER_S}


def source_part(quote: HeldQuote) -> dict[str, Any]:
    """Who says so."""
    return {"source": _SOURCE_NAMES[quote.source], "provider": provider_of(quote)}


def trust_part(confidence: Confidence, decision: Decision) -> dict[str, Any]:
    """How far to trust it at this moment."""
    factors = confidence.factors
    return {
        "confidence": confidence.score,
        "confidenceFactors": {
            "poolAge": factors.pool_age,
            "route": factors.route,
            "oracle": factors.oracle,
            "provider": factors.provider,
            "slippage": factors.slippage,
        },
        "decision": _DECISION_NAMES[decision],
        "caps": [_cap(cap) for cap in confidence.caps],
    }


def provenance_part(quote: HeldQuote) -> dict[str, Any]:
    """Where the pools are from."""
    return {"provenance": _least_genuine(quote.route)}


def state_part(oracle_rate: float | None, oracle_disagreement: float, age_ns: int) -> dict[str, Any]:
    """What it is judged by at this moment."""
    return {"oraclePrice": oracle_rate, "oracleDisagreement": oracle_disagreement, "ageMs": age_ns // NS_PER_MS}


def id_part(quote: HeldQuote) -> dict[str, Any]:
    """Its route's name, and its own."""
    slot = quote.freshness.vouched_slot
    own = quote_id_of(
        quote.source, quote.route_id, quote.key.input_mint, quote.key.input_amount, quote.output_amount, slot
    )
    return {"routeId": str(quote.route_id), "quoteId": own.text}


_SOURCE_NAMES: Final = {source: source.name.lower() for source in Source}
_DECISION_NAMES: Final = {decision: decision.name.lower() for decision in Decision}
_CAP_NAMES: Final = {reason: reason.name.lower() for reason in CapReason}
_PROVENANCE_NAMES: Final = {None: None} | {provenance: provenance.name.lower() for provenance in Provenance}


def _cap(cap: Cap) -> dict[str, Any]:
    return {
        "reason": _CAP_NAMES[cap.reason],
        "value": cap.value,
        "limit": cap.limit,
        "atMost": _DECISION_NAMES[cap.at_most],
    }


def pool_answer(pool: PoolSummary) -> PoolAnswer:
    """One pool."""
    return PoolAnswer(
        pool_id=pool.pool_id,
        protocol=pool.protocol,
        mint_a=pool.mint_a,
        mint_b=pool.mint_b,
        slot=pool.slot,
        age_ms=pool.age_ms,
        is_stale=pool.is_stale,
        is_tradable=pool.is_tradable,
        refusal=pool.refusal or None,
        price=pool.price,
        fee_fraction_a_to_b=pool.fee_fraction_a_to_b,
        fee_fraction_b_to_a=pool.fee_fraction_b_to_a,
        depth_a_amount=str(pool.depth_a_amount),
        depth_b_amount=str(pool.depth_b_amount),
        provenance=_PROVENANCE_NAMES[pool.provenance],
    )


def health_answer(report: HealthReport) -> HealthAnswer:
    """How the service is."""
    return HealthAnswer(
        is_serving=report.is_serving,
        version=report.version,
        uptime_ms=report.uptime_ms,
        findings=list(report.findings),
        figures=dict(report.figures),
    )


def _platform_fee(fee_amount: int, asked: QuoteParameters) -> dict[str, Any] | None:
    if not asked.platform_fee_bps:
        return None
    return {"amount": str(fee_amount), "feeBps": asked.platform_fee_bps}


def _route_plan(route: Sequence[RouteHop]) -> list[dict[str, Any]]:
    in_by_mint: dict[str, int] = {}
    for leg in route:
        in_by_mint[leg.input_mint] = in_by_mint.get(leg.input_mint, 0) + leg.input_amount
    return [
        {
            "swapInfo": {
                "ammKey": leg.pool_id,
                "label": jupiter_label(leg.protocol),
                "inputMint": leg.input_mint,
                "inAmount": str(leg.input_amount),
                "outputMint": leg.output_mint,
                "outAmount": str(leg.output_amount),
                "feeAmount": None if leg.fee_amount is None else str(leg.fee_amount),
                "feeMint": leg.fee_mint,
                "provenance": _PROVENANCE_NAMES[leg.provenance],
            },
            "percent": round(100 * leg.input_amount / in_by_mint[leg.input_mint]) if leg.input_amount else 100,
        }
        for leg in route
    ]


def _least_genuine(route: Sequence[RouteHop]) -> str | None:
    known = [leg.provenance for leg in route if leg.provenance is not None]
    if len(known) < len(route) or not known:
        return None
    return _PROVENANCE_NAMES[worst_provenance(known)]
