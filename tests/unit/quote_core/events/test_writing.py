import dataclasses
import json
from dataclasses import replace

import pytest
from fakes.pipeline_events import opportunity, round_trip_hops

from quote_core.clock import SYSTEM_CLOCK
from quote_core.errors import LayoutMismatch
from quote_core.events import Event, ExecutionPlan, decode, derived_id, encode, stamp


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
