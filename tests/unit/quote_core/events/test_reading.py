import math
import struct

import pytest
from fakes.pipeline_events import opportunity

from quote_core.clock import SYSTEM_CLOCK
from quote_core.errors import LayoutMismatch
from quote_core.events import Lifecycle, Phase, PriceDivergence, decode, encode, stamp
from quote_core.events.layout import EVENT_BYTES_MAX

LIFECYCLE = Lifecycle(
    header=stamp(SYSTEM_CLOCK), service="scanner", instance="1", phase=Phase.READY, pid=77, detail="bereit — готов"
)


def with_scalar(raw: bytes, marker: bytes, replacement: bytes) -> bytes:
    assert raw.count(marker) == 1
    return raw.replace(marker, replacement)


def test_text_of_any_script_survives() -> None:
    assert decode(encode(LIFECYCLE)) == LIFECYCLE


def test_an_unknown_family_is_named() -> None:
    raw = bytearray(encode(LIFECYCLE))
    raw[4:8] = b"SQZZ"
    with pytest.raises(LayoutMismatch, match="SQZZ"):
        decode(bytes(raw))


def field_at(raw: bytes, table: int, slot: int) -> int:
    """Where a field of the table lies, found as the FlatBuffers document says."""
    vtable = table - int(struct.unpack_from("<i", raw, table)[0])
    return table + int(struct.unpack_from("<H", raw, vtable + 4 + 2 * slot)[0])


def followed(raw: bytes, at: int) -> int:
    return at + int(struct.unpack_from("<I", raw, at)[0])


def test_a_member_of_a_newer_build_is_refused_not_misread() -> None:
    newer = bytearray(encode(LIFECYCLE))
    newer[field_at(newer, followed(newer, 0), 1)] = 99
    with pytest.raises(LayoutMismatch, match="member 99"):
        decode(bytes(newer))


def test_an_enum_value_of_a_newer_build_is_refused() -> None:
    newer = bytearray(encode(LIFECYCLE))
    body = followed(newer, field_at(newer, followed(newer, 0), 2))
    phase_at = field_at(newer, body, 2)
    assert newer[phase_at] == Phase.READY.value
    newer[phase_at] = 200
    with pytest.raises(LayoutMismatch, match="200"):
        decode(bytes(newer))


def test_a_number_that_is_none_is_refused() -> None:
    event = PriceDivergence(
        header=stamp(SYSTEM_CLOCK),
        pair="SOL-USDC",
        input_mint=opportunity().input_mint,
        output_mint=opportunity().middle_mint,
        amount_in=1,
        amount_out=1,
        route_id=1,
        row=1,
        rate=123.456,
        oracle_price=1.0,
        divergence_bps=1,
        confidence_bps=1,
        quoted_unix_ns=1,
    )
    raw = with_scalar(encode(event), struct.pack("<d", 123.456), struct.pack("<d", math.nan))
    with pytest.raises(LayoutMismatch, match="finite"):
        decode(raw)


def test_a_vtable_that_lets_fields_overlap_is_refused() -> None:
    raw = bytearray(encode(LIFECYCLE))
    body = followed(raw, field_at(raw, followed(raw, 0), 2))
    vtable = body - int(struct.unpack_from("<i", raw, body)[0])
    struct.pack_into("<H", raw, vtable + 4 + 2 * 3, struct.unpack_from("<H", raw, vtable + 4)[0])
    with pytest.raises(LayoutMismatch, match="in another field"):
        decode(bytes(raw))


def test_a_message_above_the_bound_is_not_looked_at() -> None:
    with pytest.raises(LayoutMismatch, match=str(EVENT_BYTES_MAX)):
        decode(encode(LIFECYCLE) + bytes(EVENT_BYTES_MAX))


def test_an_empty_message_is_refused() -> None:
    with pytest.raises(LayoutMismatch, match="0 bytes"):
        decode(b"")
