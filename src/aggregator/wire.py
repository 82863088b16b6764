"""What clients send and get, between protobuf and the aggregator's own values.

Besides `upstream_wire`, `columns` and `row_bytes` nothing here imports generated code.

Rows of the table are encoded by `row_bytes` in C. What is here is for answers that are in no table, and says the same.
"""

import struct
from typing import Final

from aggregator.confidence import Cap, CapLimits, Confidence, Decision
from aggregator.held import HeldQuote, Refusal, Source
from aggregator.routes import Route
from aggregator.selection import Merged
from aggregator.upstream_wire import hops_of
from quote_core.clock import Moment
from quote_core.errors import RequestError
from quote_core.generated.solquote.v1 import evidence_pb2 as evidence_pb
from quote_core.generated.solquote.v1 import external_quote_pb2 as external_pb
from quote_core.generated.solquote.v1 import local_quote_pb2 as local_pb
from quote_core.generated.solquote.v1 import quote_aggregator_pb2 as pb
from quote_core.generated.solquote.v1 import quotes_pb2 as quotes_pb
from quote_core.quotes import QuoteKey
from quote_core.serving import Combination
from quote_core.units import NS_PER_MS, Pubkey

__all__ = [
    "AGGREGATED_REQUEST",
    "BATCH_REQUEST",
    "ROUTE_REQUEST",
    "encode_row",
    "encode_scoring",
    "evidence_pair",
    "refused_body",
    "route_message",
    "row_prefix",
    "row_suffix",
]

_VARINT: Final = 0  # protobuf wire types
_FIXED64: Final = 1
_LEN: Final = 2


def _tag(message: type, field: str, wire_type: int) -> bytes:
    number = message.DESCRIPTOR.fields_by_name[field].number  # type: ignore[attr-defined]  # every generated class has it
    return _varint(number << 3 | wire_type)


def _long_varint(value: int) -> bytes:
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


_SHORT_VARINTS: Final = tuple(map(_long_varint, range(1 << 14)))  # lengths, row numbers, most versions


def _varint(value: int) -> bytes:
    return _SHORT_VARINTS[value] if value < len(_SHORT_VARINTS) else _long_varint(value)


_SOURCES: Final = {
    Source.LOCAL: _varint(pb.QUOTE_SOURCE_LOCAL),
    Source.EXTERNAL: _varint(pb.QUOTE_SOURCE_EXTERNAL),
}
_DECISIONS: Final = {
    Decision.SKIP: _varint(pb.DECISION_SKIP),
    Decision.CAUTIOUS: _varint(pb.DECISION_CAUTIOUS),
    Decision.VERIFY: _varint(pb.DECISION_VERIFY),
    Decision.EXECUTE: _varint(pb.DECISION_EXECUTE),
}
_LOCAL_TAG: Final = _tag(pb.AggregatedQuote, "local", _LEN)
_EXTERNAL_TAG: Final = _tag(pb.AggregatedQuote, "external", _LEN)
_ROW_TAG: Final = _tag(pb.AggregatedQuote, "row", _VARINT)
_VERSION_TAG: Final = _tag(pb.AggregatedQuote, "version", _VARINT)
_DECISION_TAG: Final = _tag(pb.AggregatedQuote, "decision", _VARINT)
_BEST_TAG: Final = _tag(pb.AggregatedQuote, "best_source", _VARINT)
_OUTPUT_TAG: Final = _tag(pb.AggregatedQuote, "output_amount", _VARINT)
_ORACLE_TAG: Final = _tag(pb.AggregatedQuote, "oracle_price", _FIXED64)
_LOCAL_SCORE_TAG: Final = _tag(pb.AggregatedQuote, "local_confidence", _FIXED64)
_EXTERNAL_SCORE_TAG: Final = _tag(pb.AggregatedQuote, "external_confidence", _FIXED64)
_LOCAL_FACTORS_TAG: Final = _tag(pb.AggregatedQuote, "local_factors", _LEN)
_EXTERNAL_FACTORS_TAG: Final = _tag(pb.AggregatedQuote, "external_factors", _LEN)
_FACTOR_TAGS: Final = tuple(
    _tag(pb.ConfidenceFactors, name, _FIXED64) for name in ("pool_age", "route", "oracle", "provider", "slippage")
)
_FACTORS_BYTES: Final = len(_FACTOR_TAGS) * 9  # each a tag of one byte and eight of a double
_DISAGREEMENT_TAG: Final = _tag(pb.AggregatedQuote, "oracle_disagreement", _FIXED64)
_DISAGREEMENT: Final = struct.Struct("<2sd")
_ORACLE: Final = struct.Struct("<1sd")
_SCORES: Final = struct.Struct("<1sd1sB" + "1sd" * len(_FACTOR_TAGS))
_STALE_FIELDS: Final = {
    Source.LOCAL: _tag(local_pb.LocalQuote, "is_stale", _VARINT) + b"\1",
    Source.EXTERNAL: _tag(external_pb.ExternalQuote, "is_stale", _VARINT) + b"\1",
}
_AGE_TAGS: Final = {
    Source.LOCAL: _tag(local_pb.LocalQuote, "pool_state_age_ms", _VARINT),
    Source.EXTERNAL: _tag(external_pb.ExternalQuote, "price_cache_age_ms", _VARINT),
}

AGGREGATED_REQUEST: Final = pb.AggregatedQuoteRequest.FromString
BATCH_REQUEST: Final = quotes_pb.BatchQuoteRequest.FromString
ROUTE_REQUEST: Final = pb.RouteRequest.FromString


def row_prefix(key: QuoteKey) -> bytes:
    """The part of a row's body that never changes."""
    return pb.AggregatedQuote(
        input_mint=key.input_mint, output_mint=key.output_mint, input_amount=key.input_amount
    ).SerializeToString()


def encode_row(prefix: bytes, merged: Merged, version: int) -> bytes:
    """A row's body: an `AggregatedQuote` without row number."""
    parts = [prefix, _VERSION_TAG, _varint(version), _DECISION_TAG, _DECISIONS[merged.decision]]
    best = merged.best_quote
    if best is not None:
        parts += (_BEST_TAG, _SOURCES[best.source], _OUTPUT_TAG, _varint(best.output_amount))
    if merged.oracle_rate is not None:
        parts.append(_ORACLE.pack(_ORACLE_TAG, merged.oracle_rate))
        if merged.oracle_disagreement > 0.0:
            parts.append(_DISAGREEMENT.pack(_DISAGREEMENT_TAG, merged.oracle_disagreement))
    if merged.local_confidence is not None:
        parts.append(_scores(_LOCAL_SCORE_TAG, _LOCAL_FACTORS_TAG, merged.local_confidence))
    if merged.external_confidence is not None:
        parts.append(_scores(_EXTERNAL_SCORE_TAG, _EXTERNAL_FACTORS_TAG, merged.external_confidence))
    for tag, quote in ((_LOCAL_TAG, merged.local), (_EXTERNAL_TAG, merged.external)):
        if quote is not None:
            now = _as_of(quote, merged.at) if quote.refusal is None else b""
            parts += (tag, _varint(len(quote.message) + len(now)), quote.message, now)
    local_caps, external_caps = _caps(merged.local_confidence), _caps(merged.external_confidence)
    if local_caps or external_caps:
        parts.append(pb.AggregatedQuote(local_caps=local_caps, external_caps=external_caps).SerializeToString())
    if merged.refusal is not None:
        parts.append(pb.AggregatedQuote(error=_error(merged.refusal)).SerializeToString())
    return b"".join(parts)


def _as_of(quote: HeldQuote, now: Moment) -> bytes:
    """What has changed about an answer while it was held, to be appended to it: of two values the last one counts."""
    age = _AGE_TAGS[quote.source] + _varint(quote.freshness.age_ns(now) // NS_PER_MS)
    return age + _STALE_FIELDS[quote.source] if quote.is_stale else age


def refused_body(asked: Combination, error: RequestError) -> bytes:
    """The body of a pair and amount that cannot be a row."""
    return pb.AggregatedQuote(
        input_mint=asked.input_mint,
        output_mint=asked.output_mint,
        input_amount=asked.amount,
        decision=pb.DECISION_SKIP,
        error=quotes_pb.QuoteError(code=error.code, message=str(error)),
    ).SerializeToString()


def row_suffix(number: int) -> bytes:
    """What makes a body a subscriber's own."""
    return _ROW_TAG + _varint(number)


def _scores(score_tag: bytes, factors_tag: bytes, confidence: Confidence) -> bytes:
    factors = confidence.factors
    return _SCORES.pack(
        score_tag,
        confidence.score,
        factors_tag,
        _FACTORS_BYTES,
        _FACTOR_TAGS[0],
        factors.pool_age,
        _FACTOR_TAGS[1],
        factors.route,
        _FACTOR_TAGS[2],
        factors.oracle,
        _FACTOR_TAGS[3],
        factors.provider,
        _FACTOR_TAGS[4],
        factors.slippage,
    )


def _caps(confidence: Confidence | None) -> list[pb.DecisionCap]:
    """The caps of one source, which most rows have none of."""
    return [_cap(cap) for cap in confidence.caps] if confidence is not None and confidence.caps else []


def _cap(cap: Cap) -> pb.DecisionCap:
    return pb.DecisionCap(
        reason=f"CAP_REASON_{cap.reason.name}",
        value=cap.value,
        limit=cap.limit,
        at_most=f"DECISION_{cap.at_most.name}",
    )


def _error(refusal: Refusal | None) -> quotes_pb.QuoteError | None:
    return None if refusal is None else quotes_pb.QuoteError(code=refusal.code, message=refusal.message)


def route_message(route_id: int, route: Route) -> bytes:
    """A `RouteResponse`: the amounts of the quote that last used the route, the pools as whoever knows them says."""
    response = pb.RouteResponse(route_id=route_id, route=hops_of(route.newest))
    if route.knower is not route.newest:
        for hop, known in zip(response.route, hops_of(route.knower), strict=False):
            if hop.pool_id == known.pool_id:
                hop.protocol, hop.provenance = known.protocol, known.provenance
    return response.SerializeToString()


def evidence_pair(evidence: bytes) -> tuple[Pubkey, Pubkey]:
    """Input and output mint of encoded evidence."""
    message = evidence_pb.QuoteEvidence.FromString(evidence)
    return Pubkey(message.input_mint), Pubkey(message.output_mint)


def encode_scoring(limits: CapLimits, oracle_rate: float | None, oracle_disagreement: float) -> bytes:
    """What a score is made of beside a service's encoded evidence, as bytes that complete it."""
    bounds = evidence_pb.CapBounds(
        impact_cautious=limits.impact_cautious,
        impact_skip=limits.impact_skip,
        deviation_skip=limits.deviation_skip,
    )
    return evidence_pb.QuoteEvidence(
        cap_bounds=bounds, oracle_rate=oracle_rate, oracle_disagreement=oracle_disagreement
    ).SerializeToString()
