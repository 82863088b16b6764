"""Between protobuf and the external quote service's own values; nothing else here imports generated code."""

from collections.abc import Iterable
from typing import Final

from external_quote.answers_kept import KeptAnswer
from external_quote.provider_guard import ProviderReport
from external_quote.providers.base import route_id_of
from external_quote.providers.reading import read_provider_answer
from external_quote.split_cache import CachedQuote
from quote_core.errors import SolquoteError
from quote_core.generated.solquote.v1 import evidence_pb2 as evidence_pb
from quote_core.generated.solquote.v1 import external_quote_pb2 as pb
from quote_core.generated.solquote.v1 import quotes_pb2 as quotes_pb
from quote_core.quote_id import QuoteId
from quote_core.resilience import BreakerState
from quote_core.serving import begin_evidence, sha256_hex, write_freshness, write_hop, write_token
from quote_core.tokens import Token
from quote_core.units import NS_PER_MS

__all__ = [
    "BATCH_REQUEST",
    "PROVIDER_HEALTH_REQUEST",
    "QUOTE_REQUEST",
    "batch",
    "evidence",
    "failed_quote",
    "provider_health",
    "quote",
]

BATCH_REQUEST: Final = quotes_pb.BatchQuoteRequest.FromString
QUOTE_REQUEST: Final = pb.ExternalQuoteRequest.FromString
PROVIDER_HEALTH_REQUEST: Final = pb.ProviderHealthRequest.FromString

_BREAKERS: Final = {
    BreakerState.CLOSED: pb.BREAKER_STATE_CLOSED,
    BreakerState.OPEN: pb.BREAKER_STATE_OPEN,
    BreakerState.HALF_OPEN: pb.BREAKER_STATE_HALF_OPEN,
}


def quote(
    cached: CachedQuote, *, row: int, report: ProviderReport, price_age_ns: int, route_age_ns: int, is_stale: bool
) -> pb.ExternalQuote:
    """A provider's answer with its ages."""
    key, answer = cached.key, cached.quote
    return pb.ExternalQuote(
        input_mint=key.input_mint,
        output_mint=key.output_mint,
        input_amount=key.input_amount,
        output_amount=answer.output_amount,
        provider=cached.provider,
        route_plan=map(write_hop, answer.route),
        price_impact_bps=answer.price_impact_fraction * 10_000,
        provider_latency_ms=cached.latency_ms,
        price_cache_age_ms=price_age_ns // NS_PER_MS,
        route_cache_age_ms=route_age_ns // NS_PER_MS,
        rate_limit=_rate_limit(report),
        version=cached.version,
        slot=answer.slot,
        row=row,
        route_id=route_id_of(answer),
        quoted_unix_ns=cached.freshness.vouched.unix_ns,
        is_stale=is_stale,
        provider_uptime=report.window.uptime,
        freshness=write_freshness(cached.freshness),
    )


def failed_quote(input_mint: str, output_mint: str, amount: int, *, row: int, error: SolquoteError) -> pb.ExternalQuote:
    """Why there is no answer for one pair and amount of a stream."""
    return pb.ExternalQuote(
        input_mint=input_mint,
        output_mint=output_mint,
        input_amount=amount,
        row=row,
        error=quotes_pb.QuoteError(code=error.code, message=str(error)),
    )


def evidence(quote_id: QuoteId, kept: KeptAnswer, tokens: Iterable[Token]) -> evidence_pb.QuoteEvidence:
    """What a provider's quote rests on: its answer as it came, and what is read out of it."""
    exchange, quote = kept.exchange, read_provider_answer(kept.provider, kept.key, kept.exchange.body)
    message = begin_evidence(quote_id, kept.key.input_mint, kept.key.output_mint)
    message.external.MergeFrom(
        evidence_pb.ExternalEvidence(
            provider=kept.provider,
            request=exchange.request,
            answer=exchange.body,
            answer_sha256=sha256_hex(exchange.body),
            sent_unix_ns=kept.sent_unix_ns,
            latency_ms=kept.latency_ms,
            slot=quote.slot,
            provider_uptime=kept.uptime,
            route=map(write_hop, quote.route),
            price_impact=quote.price_impact_fraction,
            tokens=map(write_token, tokens),
        )
    )
    return message


def batch(quotes: Iterable[pb.ExternalQuote], *, sequence: int, is_snapshot: bool) -> pb.ExternalQuoteBatch:
    """Many quotes in one message."""
    return pb.ExternalQuoteBatch(quotes=quotes, sequence=sequence, snapshot=is_snapshot)


def provider_health(reports: Iterable[ProviderReport]) -> pb.ProviderHealthResponse:
    """How the providers do."""
    return pb.ProviderHealthResponse(
        providers=[
            pb.ProviderHealth(
                provider=report.provider,
                uptime=report.window.uptime,
                latency_p50_ms=report.window.latency_p50_ms,
                latency_p99_ms=report.window.latency_p99_ms,
                request_count=report.window.request_count,
                failure_count=report.window.failure_count,
                breaker=_BREAKERS[report.breaker],
                rate_limit=_rate_limit(report),
                last_error=report.last_error,
            )
            for report in reports
        ]
    )


def _rate_limit(report: ProviderReport) -> pb.RateLimitState:
    return pb.RateLimitState(
        tokens_available=report.tokens_available,
        requests_per_s=report.requests_per_s,
        retry_after_ms=report.retry_after_ms,
    )
