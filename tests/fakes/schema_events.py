"""Classes for tables of `proto/events` that nothing publishes yet: the codec writes and reads them all the same."""

from dataclasses import dataclass
from typing import Any, Final

from quote_core.events import EVENT_KINDS, Header, Stream
from quote_core.events.fields import F64, I32, I64, U16, U32, U64, Address
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


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceUpdate:
    header: Header
    pair: str
    input_mint: Address
    output_mint: Address
    input_amount: U64
    output_amount: U64
    route_id: U64
    oracle_price: F64


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotUpdate:
    header: Header
    parent_slot: U64
    unix_timestamp: I64


@dataclass(frozen=True, slots=True, kw_only=True)
class LiquidityUpdate:
    header: Header
    pool_id: Address
    depth_a_amount: U64
    depth_b_amount: U64


@dataclass(frozen=True, slots=True, kw_only=True)
class LargeTrade:
    header: Header
    pool_id: Address
    input_mint: Address
    output_mint: Address
    input_amount: U64
    output_amount: U64
    signature: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SpreadUpdate:
    header: Header
    pair: str
    spread_bps: I32
    amount_lamports: U64


@dataclass(frozen=True, slots=True, kw_only=True)
class VolumeSpike:
    header: Header
    pool_id: Address
    window_ms: U32
    volume_amount: U64
    usual_volume_amount: U64


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolStateChange:
    header: Header
    pool_id: Address
    tradable: bool
    reason: str


def _row(event: type[Any], file_identifier: bytes, member: int) -> EventKind:
    return EventKind(
        event=event, file_identifier=file_identifier, member=member, subject="none", stream=Stream.MARKET_DATA
    )


_UNPUBLISHED: Final = (
    _row(TriangularArbitrage, b"SQOP", 2),
    *(
        _row(event, b"SQMK", member)
        for member, event in enumerate(
            (PriceUpdate, SlotUpdate, LiquidityUpdate, LargeTrade, SpreadUpdate, VolumeSpike, PoolStateChange), 1
        )
    ),
)
_PUBLISHED: Final = {(kind.file_identifier, kind.member) for kind in EVENT_KINDS}

SCHEMA_KINDS: Final = (
    *EVENT_KINDS,
    *(kind for kind in _UNPUBLISHED if (kind.file_identifier, kind.member) not in _PUBLISHED),
)
"""Every table that is a member of a family's union."""
