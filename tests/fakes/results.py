"""Execution results made from what matters to a ledger."""

from dataclasses import replace

from fakes.pipeline_events import round_trip_hops

from quote_core.events import ExecutionMode, ExecutionResult, Header, Outcome, derived_id

__all__ = ["result", "round_trip"]


def result(
    profit_lamports: int = 0,
    *,
    number: int = 0,
    outcome: Outcome = Outcome.FILLED,
    finished_unix_ns: int = 1,
    expected_profit_lamports: int = 0,
    tip_lamports: int = 0,
    network_fee_lamports: int = 0,
    reason: str = "",
) -> ExecutionResult:
    """How plan `number` ended."""
    return ExecutionResult(
        header=Header(event_id=derived_id("result", number), created_unix_ns=finished_unix_ns, slot=0),
        plan_id=derived_id("plan", number),
        opportunity_id=derived_id("opportunity", number),
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
        flash_fee_lamports=0,
        tip_lamports=tip_lamports,
        network_fee_lamports=network_fee_lamports,
        opportunity_created_unix_ns=0,
        plan_created_unix_ns=0,
        taken_unix_ns=0,
        finished_unix_ns=finished_unix_ns,
        executor="one",
    )


def round_trip(
    amount_in: int, amount_usdc: int, amount_out: int, *, number: int = 0, finished_unix_ns: int = 1, **costs: int
) -> ExecutionResult:
    """A fill from SOL to USDC and back, whose profit is what is left after the costs, which go by their names."""
    profit_lamports = amount_out - amount_in - sum(costs.values())
    return replace(
        result(profit_lamports, number=number, finished_unix_ns=finished_unix_ns),
        hops=round_trip_hops(amount_in, amount_usdc, amount_out),
        amount_in=amount_in,
        actual_amount_out=amount_out,
        **costs,
    )
