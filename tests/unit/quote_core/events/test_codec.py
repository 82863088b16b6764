import dataclasses
import enum
import json
import math
import struct
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from fakes.counted_memory import counted_memory
from fakes.pipeline_events import opportunity, round_trip_hops

from quote_core.clock import SYSTEM_CLOCK
from quote_core.errors import LayoutMismatch
from quote_core.events import (
    Event,
    ExecutionPlan,
    Lifecycle,
    Outcome,
    Phase,
    PriceDivergence,
    ServiceHealth,
    decode,
    derived_id,
    encode,
    stamp,
    view,
)
from quote_core.events.codec import EventView
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


def plan(hop_count: int) -> ExecutionPlan:
    return ExecutionPlan(
        header=stamp(SYSTEM_CLOCK),
        opportunity_id=derived_id("opportunity", 1),
        pair="SOL-USDC",
        hops=(round_trip_hops(1, 2, 3) * 2)[:hop_count],
        amount_in=1,
        expected_amount_out=1,
        min_amount_out=1,
        gross_profit_lamports=-1,
        net_profit_lamports=-1,
        flash_fee_lamports=1,
        tip_lamports=1,
        signature_fee_lamports=1,
        priority_fee_lamports=1,
        compute_unit_limit=1,
        slippage_bps=1,
        confidence_bps=1,
        risk_score=0.5,
        opportunity_created_unix_ns=1,
        expires_unix_ns=1,
    )


def test_an_opportunity_takes_half_of_its_json() -> None:
    event = opportunity()
    as_json = json.dumps(dataclasses.asdict(event), default=bytes.hex, separators=(",", ":"))
    assert len(encode(event)) * 2 < len(as_json)


def test_any_number_of_hops_is_written_in_order() -> None:
    for hop_count in range(4):
        event = plan(hop_count)
        assert decode(encode(event)) == event


def test_the_same_event_gives_the_same_bytes() -> None:
    event = plan(2)
    assert encode(event) == encode(dataclasses.replace(event))


HOP = round_trip_hops(1, 2, 3)[0]


@pytest.mark.parametrize(
    ("event", "field"),
    [
        (replace(opportunity(), gross_profit_bps=2**31), "gross_profit_bps"),
        (replace(opportunity(), gross_profit_bps=(2**64 - 1) * 10_000), "gross_profit_bps"),
        (replace(opportunity(), amount_out=2**64), "amount_out"),
        (replace(opportunity(), amount_in=-1), "amount_in"),
        (replace(opportunity(), amount_in=1.0), "amount_in"),
        (replace(opportunity(), amount_in=None), "amount_in"),
        (replace(opportunity(), price_impact_ppm=2**32), "price_impact_ppm"),
        (replace(opportunity(), confidence_bps=65_536), "confidence_bps"),
        (replace(opportunity(), input_mint="no mint"), "input_mint"),
        (replace(opportunity(), input_mint=None), "input_mint"),
        (replace(opportunity(), pair="\ud800"), "pair"),
        (replace(opportunity(), pair=None), "pair"),
        (replace(opportunity(), header=replace(opportunity().header, slot=2**64)), "header"),
        (replace(opportunity(), header=replace(opportunity().header, event_id=b"short")), "header"),
        (replace(opportunity(), header=replace(opportunity().header, event_id=bytes(17))), "header"),
        (replace(plan(2), risk_score=float("nan")), "risk_score"),
        (replace(plan(2), risk_score=float("inf")), "risk_score"),
        (replace(plan(2), hops=(HOP, replace(HOP, output_amount=2**64))), "hops"),
        (replace(plan(2), hops=(replace(HOP, pool_id="Poo1"),)), "hops"),
        (replace(plan(2), hops=None), "hops"),
    ],
)
def test_what_does_not_fit_its_field_is_refused_by_name(event: Event, field: str) -> None:
    with pytest.raises(LayoutMismatch, match=f"^{type(event).__name__}: {field}: "):
        encode(event)


def test_what_readers_would_find_too_large_is_not_written() -> None:
    with pytest.raises(LayoutMismatch, match="at most 65536 are a message"):
        encode(replace(opportunity(), pair="x" * 65_536))


class Name(enum.StrEnum):
    SCANNER = "scanner"


def test_a_text_of_a_class_of_its_own_is_written_as_text() -> None:
    assert decode(encode(replace(LIFECYCLE, service=Name.SCANNER))) == LIFECYCLE


def test_a_field_that_is_not_set_is_refused_by_name() -> None:
    event = replace(LIFECYCLE)
    object.__delattr__(event, "pid")
    with pytest.raises(LayoutMismatch, match=r"^Lifecycle: pid: is not set$"):
        encode(event)


@pytest.mark.parametrize(
    ("event", "field"),
    [
        (replace(LIFECYCLE, phase=Outcome.REFUSED), "phase"),
        (replace(LIFECYCLE, phase=1), "phase"),
        (replace(LIFECYCLE, header=SimpleNamespace(event_id=bytes(16))), "header"),
        (replace(opportunity(), created=opportunity().freshness), "created"),
        (replace(opportunity(), freshness=opportunity().created), "freshness"),
    ],
)
def test_a_value_of_another_class_is_refused_by_name(event: Event, field: str) -> None:
    with pytest.raises(LayoutMismatch, match=f"^{type(event).__name__}: {field}: must be a "):
        encode(event)


def test_a_class_that_is_no_event_is_a_fault_of_the_program() -> None:
    with pytest.raises(KeyError):
        encode(HOP)  # type: ignore[arg-type]


@pytest.mark.parametrize("room", [0, 1, 2, 3, 4, 5])
def test_the_largest_message_that_is_written_is_read(room: int) -> None:
    size = EVENT_BYTES_MAX - len(encode(replace(LIFECYCLE, detail=""))) - room
    event = replace(LIFECYCLE, detail="x" * size)
    assert len(encode(event)) == EVENT_BYTES_MAX - room
    assert decode(encode(event)) == event


@pytest.mark.parametrize("beyond", [1, 2, 3, 4, 5, 100_000])
def test_a_byte_more_than_a_message_has_room_for_is_refused(beyond: int) -> None:
    size = EVENT_BYTES_MAX - len(encode(replace(LIFECYCLE, detail=""))) + beyond
    with pytest.raises(LayoutMismatch, match=f"^Lifecycle: has {EVENT_BYTES_MAX + beyond} bytes"):
        encode(replace(LIFECYCLE, detail="x" * size))


def test_more_items_than_a_message_has_room_for_are_refused() -> None:
    with pytest.raises(LayoutMismatch, match="at most 65536 are a message"):
        encode(replace(plan(0), hops=(HOP,) * 547))


def test_a_message_may_be_any_buffer_of_bytes() -> None:
    raw = encode(LIFECYCLE)
    assert decode(memoryview(bytearray(b"x" + raw))[1:]) == LIFECYCLE  # type: ignore[arg-type]


def test_what_was_written_and_read_is_forgotten_whole() -> None:
    event, raw = plan(2), encode(plan(2))
    for _ in range(3):  # the caches of addresses and of small numbers are warm
        decode(raw), encode(event), view(raw)["hops"]
    with counted_memory(__file__) as byte_count:
        for _ in range(1_000):
            decode(raw), encode(event), view(raw)["hops"]
            with pytest.raises(LayoutMismatch):
                decode(raw[:-30])
            with pytest.raises(LayoutMismatch):
                encode(replace(event, hops=(HOP, None)))
        assert byte_count() < 16_000  # 16 bytes a turn: no object is that small
    with counted_memory(__file__) as byte_count:
        held = [decode(raw) for _ in range(1_000)]
        assert byte_count() > 100 * len(held), "what is held is counted"


def test_a_view_knows_the_class_and_reads_each_field() -> None:
    seen = view(encode(LIFECYCLE))
    assert seen.event is Lifecycle
    for field in dataclasses.fields(LIFECYCLE):
        assert seen[field.name] == getattr(LIFECYCLE, field.name)
    assert seen.whole() == LIFECYCLE


def test_a_view_has_no_field_that_its_event_has_not() -> None:
    seen = view(encode(LIFECYCLE))
    with pytest.raises(KeyError, match="hops"):
        seen["hops"]
    with pytest.raises(KeyError):
        seen[0]  # type: ignore[index]


def test_a_view_outlives_whoever_gave_the_message() -> None:
    given = bytearray(encode(LIFECYCLE))
    seen = view(given)  # type: ignore[arg-type]
    given[:] = bytes(len(given))
    assert seen.whole() == LIFECYCLE


def test_a_view_reads_what_is_whole_beside_what_is_not() -> None:
    seen = view(encode(LIFECYCLE)[:-8])  # cuts the last text off
    assert seen["service"] == "scanner"
    with pytest.raises(LayoutMismatch, match="outside the message"):
        seen["detail"]
    with pytest.raises(LayoutMismatch, match="outside the message"):
        seen.whole()


def test_a_view_is_of_a_message_or_is_none() -> None:
    made: Any = EventView
    for arguments in ((), (None, encode(LIFECYCLE))):
        with pytest.raises(TypeError):
            made.__new__(made, *arguments)
    with pytest.raises(LayoutMismatch):
        view(b"")


def test_read_values_are_like_made_ones() -> None:
    event = plan(2)
    read = decode(encode(event))
    assert hash(read) == hash(event)
    assert repr(read) == repr(event)
    assert replace(read, pair="SOL-USDT").pair == "SOL-USDT"
    with pytest.raises(dataclasses.FrozenInstanceError):
        read.pair = "other"  # type: ignore[misc]


def test_truth_is_written_as_told() -> None:
    health = ServiceHealth(
        header=stamp(SYSTEM_CLOCK),
        service="planner",
        instance="1",
        serving=True,
        detail="",
        uptime_ms=1,
        window_ms=1,
        handled_count=1,
        error_count=0,
        rpc_call_count=0,
        rpc_failure_count=0,
        memory_used_bytes=1,
        memory_limit_bytes=0,
        slot_drift=0,
    )
    for serving in (True, False):
        assert decode(encode(replace(health, serving=serving))) == replace(health, serving=serving)
    with pytest.raises(LayoutMismatch, match="serving: must be True or False"):
        encode(replace(health, serving=None))  # type: ignore[arg-type]
