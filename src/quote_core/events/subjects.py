"""Subjects, streams and families as one table of data: where each event goes and how its buffer is marked.

| event               | file id | member | subject                              | stream        |
|---------------------|---------|--------|--------------------------------------|---------------|
| TwoHopArbitrage     | SQOP    | 1      | opportunity.two_hop.<pair>           | OPPORTUNITIES |
| TriangularArbitrage | SQOP    | 2      | opportunity.triangular.<pair>        | OPPORTUNITIES |
| PriceDivergence     | SQOP    | 3      | opportunity.price_divergence.<pair>  | OPPORTUNITIES |
| SourceDivergence    | SQOP    | 4      | opportunity.source_divergence.<pair> | OPPORTUNITIES |
| ExecutionPlan       | SQPL    | 1      | plan.<pair>                          | PLANNED       |
| ExecutionResult     | SQEX    | 1      | executed.<pair>.<plan id, hex>       | EXECUTED      |
| Claim               | SQEX    | 2      | claim.<plan id, hex>                 | CLAIMS        |
| PnlSnapshot         | SQME    | 1      | metrics.pnl                          | METRICS       |
| ServiceHealth       | SQME    | 2      | metrics.health.<service>             | METRICS       |
| KillSwitch          | SQSY    | 1      | system.kill_switch                   | SYSTEM        |
| Lifecycle           | SQSY    | 2      | system.lifecycle.<service>           | SYSTEM        |
| StopRequest         | SQSY    | 3      | system.stop                          | SYSTEM        |
| PriceUpdate         | SQMK    | 1      | market.price.<pair>                  | MARKET_DATA   |
| SlotUpdate          | SQMK    | 2      | market.slot                          | MARKET_DATA   |
| LiquidityUpdate     | SQMK    | 3      | market.liquidity.<pair>.<pool>       | MARKET_DATA   |
| LargeTrade          | SQMK    | 4      | market.large_trade.<pair>.<pool>     | MARKET_DATA   |
| SpreadUpdate        | SQMK    | 5      | market.spread.<pair>                 | MARKET_DATA   |
| VolumeSpike         | SQMK    | 6      | market.volume_spike.<pair>.<pool>    | MARKET_DATA   |
| PoolStateChange     | SQMK    | 7      | market.pool_state.<pair>.<pool>      | MARKET_DATA   |

What a stream keeps, and for how long, is the initializer's business. A plan's result has a subject of its own, so that
the stream itself can refuse a second one (`quote_core.bus.register`).
"""

import enum
import re
from dataclasses import dataclass
from typing import Final

from quote_core.errors import InvalidField
from quote_core.events.types import (
    Claim,
    Event,
    ExecutionPlan,
    ExecutionResult,
    KillSwitch,
    LargeTrade,
    Lifecycle,
    LiquidityUpdate,
    PnlSnapshot,
    PoolStateChange,
    PriceDivergence,
    PriceUpdate,
    ServiceHealth,
    SlotUpdate,
    SourceDivergence,
    SpreadUpdate,
    StopRequest,
    TriangularArbitrage,
    TwoHopArbitrage,
    VolumeSpike,
)

__all__ = [
    "EVENT_KINDS",
    "KILL_SWITCH_HEARTBEAT",
    "EventKind",
    "Stream",
    "covers",
    "dead_letter_subject",
    "is_subject_token",
    "kind_of",
    "subject_of",
    "subjects_of",
]


class Stream(enum.StrEnum):
    """The streams of the bus; each keeps the subjects below its own prefix."""

    MARKET_DATA = "MARKET_DATA"
    OPPORTUNITIES = "OPPORTUNITIES"
    PLANNED = "PLANNED"
    CLAIMS = "CLAIMS"
    EXECUTED = "EXECUTED"
    METRICS = "METRICS"
    SYSTEM = "SYSTEM"
    DEAD_LETTERS = "DEAD_LETTERS"

    @property
    def subjects(self) -> str:
        """What the stream keeps."""
        return _STREAM_SUBJECTS[self]


_STREAM_SUBJECTS: Final = {
    Stream.MARKET_DATA: "market.>",
    Stream.OPPORTUNITIES: "opportunity.>",
    Stream.PLANNED: "plan.>",
    Stream.CLAIMS: "claim.>",
    Stream.EXECUTED: "executed.>",
    Stream.METRICS: "metrics.>",
    Stream.SYSTEM: "system.>",
    Stream.DEAD_LETTERS: "dead.>",
}

KILL_SWITCH_HEARTBEAT: Final = "heartbeat.kill_switch"
"""Core NATS only, kept by no stream: the manager repeats the `KillSwitch` in force, as its sign of life."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EventKind:
    """One row of the table; `member` is the event's number in its family's union."""

    event: type[Event]
    file_identifier: bytes
    member: int
    subject: str
    stream: Stream


def _row(event: type[Event], file_identifier: bytes, member: int, subject: str, stream: Stream) -> EventKind:
    return EventKind(event=event, file_identifier=file_identifier, member=member, subject=subject, stream=stream)


EVENT_KINDS: Final = (
    _row(TwoHopArbitrage, b"SQOP", 1, "opportunity.two_hop.{pair}", Stream.OPPORTUNITIES),
    _row(TriangularArbitrage, b"SQOP", 2, "opportunity.triangular.{pair}", Stream.OPPORTUNITIES),
    _row(PriceDivergence, b"SQOP", 3, "opportunity.price_divergence.{pair}", Stream.OPPORTUNITIES),
    _row(SourceDivergence, b"SQOP", 4, "opportunity.source_divergence.{pair}", Stream.OPPORTUNITIES),
    _row(ExecutionPlan, b"SQPL", 1, "plan.{pair}", Stream.PLANNED),
    _row(ExecutionResult, b"SQEX", 1, "executed.{pair}.{plan_id}", Stream.EXECUTED),
    _row(Claim, b"SQEX", 2, "claim.{plan_id}", Stream.CLAIMS),
    _row(PnlSnapshot, b"SQME", 1, "metrics.pnl", Stream.METRICS),
    _row(ServiceHealth, b"SQME", 2, "metrics.health.{service}", Stream.METRICS),
    _row(KillSwitch, b"SQSY", 1, "system.kill_switch", Stream.SYSTEM),
    _row(Lifecycle, b"SQSY", 2, "system.lifecycle.{service}", Stream.SYSTEM),
    _row(StopRequest, b"SQSY", 3, "system.stop", Stream.SYSTEM),
    _row(PriceUpdate, b"SQMK", 1, "market.price.{pair}", Stream.MARKET_DATA),
    _row(SlotUpdate, b"SQMK", 2, "market.slot", Stream.MARKET_DATA),
    _row(LiquidityUpdate, b"SQMK", 3, "market.liquidity.{pair}.{pool_id}", Stream.MARKET_DATA),
    _row(LargeTrade, b"SQMK", 4, "market.large_trade.{pair}.{pool_id}", Stream.MARKET_DATA),
    _row(SpreadUpdate, b"SQMK", 5, "market.spread.{pair}", Stream.MARKET_DATA),
    _row(VolumeSpike, b"SQMK", 6, "market.volume_spike.{pair}.{pool_id}", Stream.MARKET_DATA),
    _row(PoolStateChange, b"SQMK", 7, "market.pool_state.{pair}.{pool_id}", Stream.MARKET_DATA),
)

_BY_EVENT: Final = {kind.event: kind for kind in EVENT_KINDS}
_PLACEHOLDER: Final = re.compile(r"\{(\w+)\}")
_TOKEN: Final = re.compile(r"[A-Za-z0-9_$-]{1,64}")


def kind_of(event: type[Event]) -> EventKind:
    """The table's row of an event class."""
    return _BY_EVENT[event]


def subject_of(event: Event) -> str:
    """The subject an event is published on.

    Raises:
        InvalidField: A part of the subject holds what a subject's token may not.
    """

    def token(match: re.Match[str]) -> str:
        value = getattr(event, match[1])
        if isinstance(value, bytes):
            return value.hex()
        if not is_subject_token(str(value)):
            raise InvalidField(match[1], f"must be 1 to 64 letters, digits, '-', '_' or '$', got {value!r}")
        return str(value)

    return _PLACEHOLDER.sub(token, _BY_EVENT[type(event)].subject)


def is_subject_token(text: str) -> bool:
    """Whether a name may stand in a subject as it is."""
    return _TOKEN.fullmatch(text) is not None


def subjects_of(event: type[Event]) -> str:
    """The filter that matches every subject of an event class."""
    return _PLACEHOLDER.sub("*", _BY_EVENT[event].subject)


def dead_letter_subject(stream: Stream, consumer: str) -> str:
    """Where a consumer's poison messages end."""
    return f"dead.{stream}.{consumer}"


def covers(pattern: str, subject: str) -> bool:
    """Whether a subject, or every subject of a pattern, is matched by `pattern`."""
    have, want = pattern.split("."), subject.split(".")
    for position, part in enumerate(have):
        if part == ">":
            return len(want) > position
        if position >= len(want) or want[position] == ">" or part not in {"*", want[position]}:
            return False
    return len(have) == len(want)
