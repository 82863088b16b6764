"""What clients send and get, between protobuf and the aggregator's own values.

Besides `upstream_wire` nothing here imports generated code.

Rows are encoded in two parts. The body is the same for everybody and made once a change; the row number is the
subscriber's own, and protobuf lets a field be appended to a message, so a frame is length + body + row number.
Likewise a body is the row's own fields with each source's answer appended as it came.
"""

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from aggregator.confidence import Confidence, Decision
from aggregator.health import HealthReport
from aggregator.held import HeldQuote, Refusal, RowKey, Source
from aggregator.selection import Merged
from quote_core.generated.solquote.v1 import external_quote_pb2 as external_pb
from quote_core.generated.solquote.v1 import local_quote_pb2 as local_pb
from quote_core.generated.solquote.v1 import quote_aggregator_pb2 as pb
from quote_core.generated.solquote.v1 import quotes_pb2 as quotes_pb

__all__ = [
    "AGGREGATED_REQUEST",
    "BATCH_REQUEST",
    "HEALTH_REQUEST",
    "ROUTE_REQUEST",
    "Combo",
    "batch_message",
    "combo_count",
    "combos",
    "encode_row",
    "frame",
    "health_message",
    "refused_body",
    "route_message",
    "row_suffix",
]

_SOURCES: Final = {Source.LOCAL: pb.QUOTE_SOURCE_LOCAL, Source.EXTERNAL: pb.QUOTE_SOURCE_EXTERNAL}
_DECISIONS: Final = {
    Decision.SKIP: pb.DECISION_SKIP,
    Decision.CAUTIOUS: pb.DECISION_CAUTIOUS,
    Decision.VERIFY: pb.DECISION_VERIFY,
    Decision.EXECUTE: pb.DECISION_EXECUTE,
}
_LEN: Final = 2  # protobuf wire type of sub-messages


def _tag(message: type, field: str, wire_type: int) -> bytes:
    number = message.DESCRIPTOR.fields_by_name[field].number  # type: ignore[attr-defined]  # every generated class has it
    return _varint(number << 3 | wire_type)


def _varint(value: int) -> bytes:
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


_LOCAL_TAG: Final = _tag(pb.AggregatedQuote, "local", _LEN)
_EXTERNAL_TAG: Final = _tag(pb.AggregatedQuote, "external", _LEN)
_ROW_TAG: Final = _tag(pb.AggregatedQuote, "row", 0)
_QUOTES_TAG: Final = _tag(pb.BatchQuoteResponse, "quotes", _LEN)

AGGREGATED_REQUEST: Final = pb.AggregatedQuoteRequest.FromString
BATCH_REQUEST: Final = quotes_pb.BatchQuoteRequest.FromString
ROUTE_REQUEST: Final = pb.RouteRequest.FromString
HEALTH_REQUEST: Final = quotes_pb.HealthRequest.FromString


@dataclasses.dataclass(frozen=True, slots=True)
class Combo:
    """One pair and amount of a request, unchecked, and the number its answers carry."""

    number: int
    input_mint: str
    output_mint: str
    amount: int


def combo_count(request: quotes_pb.BatchQuoteRequest) -> int:
    """How many quotes a request asks for, before any work is done for it."""
    return sum(len(pair.amounts) or len(request.amounts) for pair in request.pairs)


def combos(request: quotes_pb.BatchQuoteRequest) -> Iterator[Combo]:
    """Every pair and amount, numbered by the requester or by position.

    Raises:
        ValueError: A pair has another count of row numbers than of amounts.
    """
    position = 0
    for pair in request.pairs:
        amounts = pair.amounts or request.amounts
        numbers: Sequence[int] = pair.rows or range(position, position + len(amounts))
        position += len(amounts)
        for number, amount in zip(numbers, amounts, strict=True):
            yield Combo(number, pair.input_mint, pair.output_mint, amount)


def encode_row(key: RowKey, merged: Merged, version: int) -> bytes:
    """A row's body: an `AggregatedQuote` without row number."""
    best = merged.best_quote
    own = pb.AggregatedQuote(
        input_mint=key.input_mint,
        output_mint=key.output_mint,
        input_amount=key.input_amount,
        best_source=_SOURCES[merged.best] if merged.best is not None else None,
        decision=_DECISIONS[merged.decision],
        output_amount=best.output_amount if best is not None else 0,
        oracle_price=merged.oracle_price,
        version=version,
        error=_error(merged.refusal),
        local_confidence=_score(merged.local_confidence),
        external_confidence=_score(merged.external_confidence),
        local_factors=_factors(merged.local_confidence),
        external_factors=_factors(merged.external_confidence),
    )
    parts = [own.SerializeToString()]
    for tag, quote in ((_LOCAL_TAG, merged.local), (_EXTERNAL_TAG, merged.external)):
        if quote is not None:
            encoded = quote.message.SerializeToString()  # type: ignore[attr-defined]  # a message, opaque to others
            parts += (tag, _varint(len(encoded)), encoded)
    return b"".join(parts)


def refused_body(combo: Combo, refusal: Refusal) -> bytes:
    """The body of a pair and amount that cannot be a row."""
    return pb.AggregatedQuote(
        input_mint=combo.input_mint,
        output_mint=combo.output_mint,
        input_amount=combo.amount,
        decision=pb.DECISION_SKIP,
        error=_error(refusal),
    ).SerializeToString()


def row_suffix(number: int) -> bytes:
    """What makes a body a subscriber's own."""
    return _ROW_TAG + _varint(number)


def frame(body: bytes, suffix: bytes) -> bytes:
    """One row inside a `BatchQuoteResponse`."""
    return b"".join((_QUOTES_TAG, _varint(len(body) + len(suffix)), body, suffix))


def batch_message(frames: Iterable[bytes], *, sequence: int, snapshot: bool) -> bytes:
    """A whole `BatchQuoteResponse`."""
    return b"".join((*frames, pb.BatchQuoteResponse(sequence=sequence, snapshot=snapshot).SerializeToString()))


def _score(confidence: Confidence | None) -> float | None:
    return None if confidence is None else confidence.score


def _factors(confidence: Confidence | None) -> pb.ConfidenceFactors | None:
    if confidence is None:
        return None
    factors = confidence.factors
    return pb.ConfidenceFactors(
        pool_age=factors.pool_age,
        route=factors.route,
        oracle=factors.oracle,
        provider=factors.provider,
        slippage=factors.slippage,
    )


def _error(refusal: Refusal | None) -> quotes_pb.QuoteError | None:
    return None if refusal is None else quotes_pb.QuoteError(code=refusal.code, message=refusal.message)


def route_message(route_id: int, quote: HeldQuote) -> bytes:
    """A `RouteResponse` with the hops of the quote that last used the route."""
    message = quote.message
    assert isinstance(message, local_pb.LocalQuote | external_pb.ExternalQuote)
    hops = message.route if isinstance(message, local_pb.LocalQuote) else message.route_plan
    return pb.RouteResponse(route_id=route_id, route=hops).SerializeToString()


def health_message(report: HealthReport) -> bytes:
    """A `HealthResponse`."""
    return quotes_pb.HealthResponse(
        serving=report.is_serving,
        version=report.version,
        uptime_ms=report.uptime_ms,
        findings=report.findings,
        figures=report.figures,
    ).SerializeToString()
