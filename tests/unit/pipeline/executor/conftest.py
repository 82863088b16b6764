"""A plan that passes every guard, to be changed by one field at a time."""

import pytest

from quote_core.events import ExecutionPlan, Header, Hop
from quote_core.quotes import Provenance
from quote_core.units import Pubkey

SOL = Pubkey("So11111111111111111111111111111111111111112")
USDC = Pubkey("EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v")
CREATED_UNIX_NS = 1_000_000_000_000_000_000


def hop(input_mint: Pubkey, output_mint: Pubkey, amount_in: int, amount_out: int) -> Hop:
    return Hop(
        pool_id=USDC,
        input_mint=input_mint,
        output_mint=output_mint,
        input_amount=amount_in,
        output_amount=amount_out,
        provenance=Provenance.SYNTHETIC,
    )


@pytest.fixture
def plan() -> ExecutionPlan:
    return ExecutionPlan(
        header=Header(event_id=b"plan".ljust(16), created_unix_ns=CREATED_UNIX_NS, slot=3),
        opportunity_id=b"opportunity".ljust(16),
        pair="SOL-USDC",
        hops=(hop(SOL, USDC, 10**9, 140_000_000), hop(USDC, SOL, 140_000_000, 1_010_000_000)),
        amount_in=10**9,
        expected_amount_out=1_010_000_000,
        min_amount_out=1_005_000_000,
        gross_profit_lamports=10_000_000,
        net_profit_lamports=9_480_000,
        flash_fee_lamports=500_000,
        tip_lamports=10_000,
        signature_fee_lamports=5_000,
        priority_fee_lamports=5_000,
        compute_unit_limit=400_000,
        slippage_bps=10,
        confidence_bps=9_500,
        risk_score=0.1,
        opportunity_created_unix_ns=CREATED_UNIX_NS - 1_000_000,
        expires_unix_ns=CREATED_UNIX_NS + 10_000_000_000,
    )
