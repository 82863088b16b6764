import dataclasses
import json

from fakes.pipeline_events import opportunity, round_trip_hops

from quote_core.clock import SYSTEM_CLOCK
from quote_core.events import ExecutionPlan, decode, derived_id, encode, stamp


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
