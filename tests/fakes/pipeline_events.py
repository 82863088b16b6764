"""Events of plausible content, to be changed by `dataclasses.replace`."""

from dataclasses import replace
from typing import Any

from quote_core.clock import SYSTEM_CLOCK, Clock, moment
from quote_core.events import (
    Hop,
    KillSwitch,
    ServiceHealth,
    SourceDivergence,
    TradingState,
    TriangularArbitrage,
    TwoHopArbitrage,
    random_id,
    stamp,
)
from quote_core.freshness import Freshness
from quote_core.quotes import Provenance
from quote_core.units import LAMPORTS_PER_SOL, Pubkey

SOL = Pubkey("So11111111111111111111111111111111111111112")
USDC = Pubkey("EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v")
JITOSOL = Pubkey("J1toso1uCk3RLmjorhTtrVwY9HJ7X8V9yYac6Y7kGCPn")
POOL_A = Pubkey("58oQChx4yWmvKdwLLZzBi4ChoCc2fqCUWBkwMihLYQo2")
POOL_B = Pubkey("7XawhbbxtsRcQA8KTkHT9f9nc6d69UwqCDh6U5EEbEmX")
USDC_BACK = 140_000_000


def opportunity(
    *,
    clock: Clock = SYSTEM_CLOCK,
    amount_in: int = LAMPORTS_PER_SOL,
    amount_out: int = LAMPORTS_PER_SOL * 101 // 100,
    confidence_bps: int = 9_500,
    price_impact_ppm: int = 300,
    age_ns: int = 0,
) -> TwoHopArbitrage:
    """One SOL there and back with 1 % gained, found now on quotes vouched for `age_ns` ago."""
    now = moment(clock)
    return TwoHopArbitrage(
        header=stamp(clock, event_id=random_id(), slot=400),
        pair="SOL-USDC",
        input_mint=SOL,
        middle_mint=USDC,
        amount_in=amount_in,
        amount_middle=USDC_BACK,
        amount_out=amount_out,
        forward_route_id=11,
        reverse_route_id=22,
        forward_row=0,
        reverse_row=1,
        gross_profit_lamports=amount_out - amount_in,
        net_profit_lamports=amount_out - amount_in - 515_000,
        gross_profit_bps=(amount_out - amount_in) * 10_000 // amount_in,
        flash_fee_lamports=500_000,
        tip_lamports=10_000,
        network_fee_lamports=5_000,
        confidence_bps=confidence_bps,
        price_impact_ppm=price_impact_ppm,
        quoted_unix_ns=now.unix_ns - age_ns,
        created=now,
        freshness=Freshness(now.earlier_by(age_ns), 400),
    )


def cycle(
    *,
    clock: Clock = SYSTEM_CLOCK,
    mints: tuple[Pubkey, ...] = (SOL, USDC, JITOSOL),
    amounts: tuple[int, ...] = (LAMPORTS_PER_SOL, 140_000_000, 820_000_000, LAMPORTS_PER_SOL * 101 // 100),
    confidence_bps: int = 9_500,
    age_ns: int = 0,
) -> TriangularArbitrage:
    """One SOL through USDC and JitoSOL and back with 1 % gained, found now on quotes vouched for `age_ns` ago."""
    now, gain = moment(clock), amounts[-1] - amounts[0]
    return TriangularArbitrage(
        header=stamp(clock, event_id=random_id(), slot=400),
        pair="SOL-USDC-JitoSOL",
        mints=mints,
        amounts=amounts,
        route_ids=tuple(range(11, 11 + len(mints))),
        rows=tuple(range(len(mints))),
        gross_profit_lamports=gain,
        net_profit_lamports=gain - 515_000,
        gross_profit_bps=gain * 10_000 // amounts[0],
        flash_fee_lamports=500_000,
        tip_lamports=10_000,
        network_fee_lamports=5_000,
        confidence_bps=confidence_bps,
        price_impact_ppm=400,
        quoted_unix_ns=now.unix_ns - age_ns,
        created=now,
        freshness=Freshness(now.earlier_by(age_ns), 400),
    )


def source_divergence(*, clock: Clock = SYSTEM_CLOCK, local_amount_out: int = 142_800_000) -> SourceDivergence:
    """Our pools give 2 % more for a SOL than a provider says."""
    now = moment(clock)
    return SourceDivergence(
        header=stamp(clock, event_id=random_id(), slot=400),
        pair="SOL-USDC",
        input_mint=SOL,
        output_mint=USDC,
        amount_in=LAMPORTS_PER_SOL,
        local_amount_out=local_amount_out,
        external_amount_out=140_000_000,
        local_route_id=11,
        external_route_id=33,
        local_row=0,
        external_row=2_000,
        divergence_bps=(local_amount_out - 140_000_000) * 10_000 // 140_000_000,
        local_confidence_bps=9_500,
        external_confidence_bps=8_000,
        quoted_unix_ns=now.unix_ns,
        created=now,
        freshness=Freshness(now, 400),
    )


def round_trip_hops(amount_in: int, amount_middle: int, amount_out: int) -> tuple[Hop, Hop]:
    """There through one pool, back through another."""
    return (
        Hop(
            pool_id=POOL_A,
            input_mint=SOL,
            output_mint=USDC,
            input_amount=amount_in,
            output_amount=amount_middle,
            provenance=Provenance.RECORDED,
        ),
        Hop(
            pool_id=POOL_B,
            input_mint=USDC,
            output_mint=SOL,
            input_amount=amount_middle,
            output_amount=amount_out,
            provenance=Provenance.RECORDED,
        ),
    )


def kill_switch(state: TradingState, revision: int = 1, **changes: Any) -> KillSwitch:
    """A state of the kill switch that a person asked for."""
    usual = KillSwitch(
        header=stamp(SYSTEM_CLOCK),
        state=state,
        trigger="manual",
        reason="test",
        actor="tester",
        revision=revision,
        changed_unix_ns=1,
    )
    return replace(usual, **changes)


def health_report(**figures: Any) -> ServiceHealth:
    """A second of a service that had nothing to do, but for `figures`."""
    usual = ServiceHealth(
        header=stamp(SYSTEM_CLOCK),
        service="local_quote",
        instance="1",
        serving=True,
        detail="",
        uptime_ms=1,
        window_ms=1_000,
        handled_count=0,
        error_count=0,
        rpc_call_count=0,
        rpc_failure_count=0,
        memory_used_bytes=0,
        memory_limit_bytes=0,
        slot_drift=0,
    )
    return replace(usual, **figures)
