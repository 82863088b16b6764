"""Classes for tables of `proto/events` that nothing publishes yet: the codec writes and reads them all the same."""

from dataclasses import dataclass
from typing import Any, Final

from quote_core.events import EVENT_KINDS, Header, Stream
from quote_core.events.fields import I32, I64, U16, U32, U64, Address
from quote_core.events.subjects import EventKind

__all__ = ["SCHEMA_KINDS"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TriangularArbitrage:
    header: Header
    pair: str
    mints: tuple[Address, ...]
    amounts: tuple[U64, ...]
    route_ids: tuple[U64, ...]
    rows: tuple[U32, ...]
    gross_profit_lamports: I64
    net_profit_lamports: I64
    gross_profit_bps: I32
    flash_fee_lamports: U64
    tip_lamports: U64
    network_fee_lamports: U64
    confidence_bps: U16
    price_impact_ppm: U32
    quoted_unix_ns: U64


def _row(event: type[Any], file_identifier: bytes, member: int) -> EventKind:
    return EventKind(
        event=event, file_identifier=file_identifier, member=member, subject="none", stream=Stream.OPPORTUNITIES
    )


_UNPUBLISHED: Final = (_row(TriangularArbitrage, b"SQOP", 2),)
_PUBLISHED: Final = {(kind.file_identifier, kind.member) for kind in EVENT_KINDS}

SCHEMA_KINDS: Final = (
    *EVENT_KINDS,
    *(kind for kind in _UNPUBLISHED if (kind.file_identifier, kind.member) not in _PUBLISHED),
)
"""Every table that is a member of a family's union."""
