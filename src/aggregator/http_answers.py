"""Values of the aggregator as HTTP answers. Pure."""

from collections.abc import Mapping, Sequence
from typing import Final, Literal

from aggregator.confidence import CapReason, Decision
from aggregator.held import HeldQuote, Source
from aggregator.http_models import (
    CapAnswer,
    FactorsAnswer,
    HealthAnswer,
    PoolAnswer,
    QuoteAnswer,
    QuoteParameters,
    RouteStep,
    SwapInfo,
)
from aggregator.selection import Merged
from aggregator.upstream_wire import PoolSummary, provider_of, route_of
from quote_core.dex.fixed_point import mul_div_ceil, mul_div_floor
from quote_core.dex.labels import jupiter_label
from quote_core.health import HealthReport
from quote_core.quotes import RouteHop, worst_provenance
from quote_core.units import BPS, NS_PER_MS, NS_PER_S

__all__ = ["health_answer", "pool_answer", "quote_answer"]


def quote_answer(merged: Merged, asked: QuoteParameters, *, now_mono_ns: int, started_mono_ns: int) -> QuoteAnswer:
    """The better source's quote.

    Args:
        merged: One with a price.
        asked: The request, for its slippage.
        now_mono_ns: Now, for `timeTaken`.
        started_mono_ns: When the request came.
    """
    quote, confidence = merged.best_quote, merged.best_confidence
    assert quote is not None
    assert confidence is not None
    route = route_of(quote)
    factors = confidence.factors
    return QuoteAnswer(
        input_mint=quote.key.input_mint,
        in_amount=str(quote.key.input_amount),
        output_mint=quote.key.output_mint,
        out_amount=str(quote.output_amount),
        other_amount_threshold=str(_threshold(quote, asked)),
        swap_mode=asked.swap_mode,
        slippage_bps=asked.slippage_bps,
        price_impact_pct=f"{quote.price_impact_fraction:.10f}".rstrip("0").rstrip("."),
        route_plan=_route_plan(route),
        context_slot=quote.freshness.vouched_slot,
        time_taken=(now_mono_ns - started_mono_ns) / NS_PER_S,
        source="local" if quote.source is Source.LOCAL else "external",
        provider=provider_of(quote),
        confidence=confidence.score,
        confidence_factors=FactorsAnswer(
            pool_age=factors.pool_age,
            route=factors.route,
            oracle=factors.oracle,
            provider=factors.provider,
            slippage=factors.slippage,
        ),
        decision=_DECISION_NAMES[merged.decision.name],
        caps=[
            CapAnswer(
                reason=_CAP_NAMES[cap.reason],
                value=cap.value,
                limit=cap.limit,
                at_most="skip" if cap.at_most is Decision.SKIP else "cautious",
            )
            for cap in confidence.caps
        ],
        provenance=_least_genuine(route),
        oracle_price=merged.oracle_rate,
        age_ms=quote.freshness.age_ns(merged.at) // NS_PER_MS,
        route_id=str(quote.route_id),
    )


def _threshold(quote: HeldQuote, asked: QuoteParameters) -> int:
    """The least output, or with ExactOut the most input, that the slippage allows."""
    if asked.swap_mode == "ExactIn":
        return mul_div_floor(quote.output_amount, BPS - asked.slippage_bps, BPS)
    return mul_div_ceil(quote.key.input_amount, BPS + asked.slippage_bps, BPS)


_DECISION_NAMES: Final = {"SKIP": "skip", "CAUTIOUS": "cautious", "VERIFY": "verify", "EXECUTE": "execute"}


_CAP_NAMES: Final[Mapping[CapReason, Literal["price_impact", "oracle_deviation", "stale"]]] = {
    CapReason.PRICE_IMPACT: "price_impact",
    CapReason.ORACLE_DEVIATION: "oracle_deviation",
    CapReason.STALE: "stale",
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
        provenance=None if pool.provenance is None else pool.provenance.name.lower(),
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


def _route_plan(route: Sequence[RouteHop]) -> list[RouteStep]:
    in_by_mint: dict[str, int] = {}
    for leg in route:
        in_by_mint[leg.input_mint] = in_by_mint.get(leg.input_mint, 0) + leg.input_amount
    return [
        RouteStep(
            swap_info=SwapInfo(
                amm_key=leg.pool_id,
                label=jupiter_label(leg.protocol),
                input_mint=leg.input_mint,
                in_amount=str(leg.input_amount),
                output_mint=leg.output_mint,
                out_amount=str(leg.output_amount),
                fee_amount=None if leg.fee_amount is None else str(leg.fee_amount),
                fee_mint=leg.fee_mint,
                provenance=None if leg.provenance is None else leg.provenance.name.lower(),
            ),
            percent=round(100 * leg.input_amount / in_by_mint[leg.input_mint]) if leg.input_amount else 100,
        )
        for leg in route
    ]


def _least_genuine(route: Sequence[RouteHop]) -> str | None:
    known = [leg.provenance for leg in route if leg.provenance is not None]
    if len(known) < len(route) or not known:
        return None
    return worst_provenance(known).name.lower()
