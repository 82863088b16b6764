"""Answer the program's own published unit-test cases, so that `verify-quotes` can replay them.

A case is one pool with constant liquidity over three empty tick arrays; its price limit is the far edge of the
three, so that a partial fill succeeds. Source: orca-so/whirlpools, programs/whirlpool/src/tests/swap_test_cases*.json.
"""

from collections.abc import Mapping
from typing import Any

from quote_core.dex.orca_whirlpool.state import TICKS_PER_ARRAY, WhirlpoolState, WhirlpoolTickArray, array_sequence
from quote_core.dex.orca_whirlpool.swap import SequenceEnd, walk
from quote_core.dex.orca_whirlpool.ticks import sqrt_price_at_tick
from quote_core.dex.sqrt_price import MAX_TICK, MIN_TICK
from quote_core.dex.walk import MathOverflow

__all__ = ["answer_published_case"]


def answer_published_case(case: Mapping[str, Any]) -> Mapping[str, Any]:
    """Give the outcome in the shape of the case's `expectation`; a refusal has only an `exception`."""
    a_to_b, tick, spacing = case["aToB"], case["currTickIndex"], case["tickSpacing"]
    starts = array_sequence(tick, spacing, a_to_b=a_to_b)
    edge = starts[-1] if a_to_b else starts[-1] + TICKS_PER_ARRAY * spacing - 1
    state = WhirlpoolState(
        sqrt_price_x64=sqrt_price_at_tick(tick),
        tick=tick,
        liquidity=int(case["liquidity"]),
        tick_spacing=spacing,
        fee_rate=case["feeRate"],
        protocol_fee_rate_bps=case["protocolFeeRate"],
        adaptive_fee=None,
        fee_growth_global_a_x64=0,
        fee_growth_global_b_x64=0,
        arrays={start: WhirlpoolTickArray(start, {}) for start in starts},
    )
    amount = int(case["tradeAmount"])
    if amount == 0:
        return {"exception": "ZeroTradableAmount"}
    try:
        done = walk(
            state,
            a_to_b=a_to_b,
            exact_in=case["amountIsInput"],
            amount=amount,
            unix_timestamp=0,
            sqrt_price_limit_x64=sqrt_price_at_tick(max(min(edge, MAX_TICK), MIN_TICK)),
        )
    except (MathOverflow, SequenceEnd) as refusal:
        return {"exception": type(refusal).__name__}
    amount_a, amount_b = (done.amount_in, done.amount_out) if a_to_b else (done.amount_out, done.amount_in)
    return {
        "exception": "",
        "amountA": str(amount_a),
        "amountB": str(amount_b),
        "nextLiquidity": str(done.liquidity),
        "nextTickIndex": done.tick,
        "nextSqrtPrice": str(done.sqrt_price_x64),
        "nextFeeGrowthGlobal": str(done.fee_growth_x64),
        "nextProtocolFee": str(done.protocol_fee),
    }
