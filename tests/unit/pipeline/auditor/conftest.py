"""Results made from what matters to a ledger."""

from collections.abc import Callable

import pytest

from quote_core.events import ExecutionMode, ExecutionResult, Header, Outcome

MakeResult = Callable[..., ExecutionResult]


@pytest.fixture
def make_result() -> MakeResult:
    def make(
        profit_lamports: int = 0,
        *,
        outcome: Outcome = Outcome.FILLED,
        finished_unix_ns: int = 1,
        expected_profit_lamports: int = 0,
        flash_fee_lamports: int = 0,
        tip_lamports: int = 0,
        network_fee_lamports: int = 0,
        reason: str = "",
    ) -> ExecutionResult:
        return ExecutionResult(
            header=Header(event_id=bytes(16), created_unix_ns=finished_unix_ns, slot=0),
            plan_id=bytes(16),
            opportunity_id=bytes(16),
            pair="SOL-USDC",
            outcome=outcome,
            mode=ExecutionMode.PAPER,
            reason=reason,
            hops=(),
            amount_in=1_000,
            expected_amount_out=1_100,
            actual_amount_out=1_090,
            expected_profit_lamports=expected_profit_lamports,
            profit_lamports=profit_lamports,
            flash_fee_lamports=flash_fee_lamports,
            tip_lamports=tip_lamports,
            network_fee_lamports=network_fee_lamports,
            opportunity_created_unix_ns=0,
            plan_created_unix_ns=0,
            taken_unix_ns=0,
            finished_unix_ns=finished_unix_ns,
            executor="one",
        )

    return make
