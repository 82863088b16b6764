"""What a message of a stream is as rows. Pure: no database, no clock; the same messages give the same rows for ever."""

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from quote_core.bus.follow import Followed
from quote_core.errors import LayoutMismatch
from quote_core.events import ExecutionMode, ExecutionResult, Header, Hop, Outcome, ServiceHealth, Stream, decode
from quote_core.quotes import Provenance

__all__ = ["BatchRows", "WorkKey", "merged", "result_of", "rows_of"]

Row = dict[str, Any]


@dataclass(frozen=True, slots=True, order=True)
class WorkKey:
    """Whose work, in which span of time."""

    service: str
    instance: str
    span_ns: int
    begin_unix_ns: int


@dataclass(slots=True)
class BatchRows:
    """What a batch adds. Work is added to what the same span has already."""

    events: list[Row] = field(default_factory=list)
    trades: list[Row] = field(default_factory=list)
    routes: list[Row] = field(default_factory=list)
    work: dict[WorkKey, Row] = field(default_factory=dict)
    rejections: dict[tuple[WorkKey, str], int] = field(default_factory=dict)
    malformed_count: int = 0


def rows_of(stream: Stream, batch: Iterable[Followed], *, keeps_events: bool, span_ns: int) -> BatchRows:
    """The rows of a batch, in its order.

    Args:
        stream: Of the batch.
        batch: Messages, oldest first.
        keeps_events: Whether each is also a row of `events`.
        span_ns: Over which work is added up.
    """
    rows = BatchRows()
    for message in batch:
        try:
            event = decode(message.data)
        except LayoutMismatch:
            event = None
            rows.malformed_count += stream is not Stream.DEAD_LETTERS  # whose messages may be anything
        if keeps_events:
            rows.events.append(_event_row(stream, message, event))
        if isinstance(event, ExecutionResult) and stream is Stream.EXECUTED:
            rows.trades.append(_trade_row(message, event))
            rows.routes += _route_rows(message, event)
        elif isinstance(event, ServiceHealth) and stream is Stream.METRICS:
            _add_work(rows, message, event, span_ns)
    return rows


def _event_row(stream: Stream, message: Followed, event: Any) -> Row:
    return {
        "stream": stream.value,
        "stream_created": message.created,
        "sequence": message.sequence,
        "stored_unix_ns": message.stored_unix_ns,
        "subject": _text(message.subject),
        "type": "" if event is None else type(event).__name__,
        "pair": _text(getattr(event, "pair", "")),
        "event_id": "" if event is None else event.header.event_id.hex(),
        "payload": message.data,
    }


_AS_THEY_ARE: Final = (
    "amount_in",
    "expected_amount_out",
    "actual_amount_out",
    "expected_profit_lamports",
    "profit_lamports",
    "flash_fee_lamports",
    "tip_lamports",
    "network_fee_lamports",
    "taken_effect_lamports",
    "latency_effect_lamports",
    "rivals_effect_lamports",
    "opportunity_created_unix_ns",
    "plan_created_unix_ns",
    "taken_unix_ns",
    "finished_unix_ns",
)
_TEXTS: Final = ("run_id", "pair", "reason", "executor")


def _trade_row(message: Followed, result: ExecutionResult) -> Row:
    return {
        "plan_id": result.plan_id.hex(),
        "opportunity_id": result.opportunity_id.hex(),
        "stream_created": message.created,
        "sequence": message.sequence,
        "stored_unix_ns": message.stored_unix_ns,
        "outcome": result.outcome.name,
        "mode": result.mode.name,
        "slot": result.header.slot,
        **{name: _text(getattr(result, name)) for name in _TEXTS},
        **{name: getattr(result, name) for name in _AS_THEY_ARE},
    }


def _route_rows(message: Followed, result: ExecutionResult) -> list[Row]:
    """With the message's sequence, which tells the routes of a plan's two results apart and is no column."""
    said = {"plan_id": result.plan_id.hex(), "sequence": message.sequence}
    return [
        {**said, "hop_index": index, **dataclasses.asdict(hop), "provenance": hop.provenance.name}
        for index, hop in enumerate(result.hops)
    ]


_SUMS: Final = ("window_ms", "handled_count", "error_count", "rpc_call_count", "rpc_failure_count")
_HIGHEST: Final = {
    "memory_used_bytes_max": "memory_used_bytes",
    "memory_limit_bytes_max": "memory_limit_bytes",
    "slot_drift_max": "slot_drift",
    "unwritten_ms_max": "unwritten_ms",
}


def _add_work(rows: BatchRows, message: Followed, health: ServiceHealth, span_ns: int) -> None:
    begin_unix_ns = message.stored_unix_ns // span_ns * span_ns
    key = WorkKey(_text(health.service), _text(health.instance), span_ns, begin_unix_ns)
    one = {
        "report_count": 1,
        "not_serving_count": int(not health.serving),
        **{name: getattr(health, name) for name in _SUMS},
        **{name: getattr(health, of) for name, of in _HIGHEST.items()},
    }
    rows.work[key] = merged(rows.work[key], one) if key in rows.work else one
    for rejection in health.rejected:
        place = (key, rejection.reason.name)
        rows.rejections[place] = max(rejection.count, rows.rejections.get(place, 0))


def merged(before: Row, more: Row) -> Row:
    """The work of one span in two parts, as one: counts are added, of what has a highest value the higher is kept."""
    return {
        name: max(before[name], value) if name in _HIGHEST else before[name] + value for name, value in more.items()
    }


def result_of(row: Any, route: Iterable[Row] = ()) -> ExecutionResult:
    """A row of `trades` as the result it was made of, without its taken depth, event id and trace.

    Args:
        row: Of the table.
        route: Its rows of `trade_routes`, in their order, without `plan_id`; the result has the hops that are given.
    """
    return ExecutionResult(
        header=Header(event_id=bytes(16), created_unix_ns=row.finished_unix_ns, slot=row.slot),
        plan_id=bytes.fromhex(row.plan_id),
        opportunity_id=bytes.fromhex(row.opportunity_id),
        outcome=Outcome[row.outcome],
        mode=ExecutionMode[row.mode],
        hops=tuple(_hop(hop) for hop in route),
        **{name: getattr(row, name) for name in (*_TEXTS, *_AS_THEY_ARE)},
    )


def _hop(row: Row) -> Hop:
    told = {name: value for name, value in row.items() if name != "hop_index"}
    return Hop(**{**told, "provenance": Provenance[told["provenance"]]})


def _text(text: str) -> str:
    """PostgreSQL's text cannot hold the character NUL."""
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}")
