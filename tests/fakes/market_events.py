"""One market event of each class, with long names and large figures: what a stream has to hold."""

from solders.pubkey import Pubkey as SoldersPubkey

from quote_core.clock import SYSTEM_CLOCK
from quote_core.events import (
    LargeTrade,
    LiquidityUpdate,
    MarketEvent,
    PoolStateChange,
    PriceUpdate,
    SlotUpdate,
    SpreadUpdate,
    VolumeSpike,
    stamp,
)
from quote_core.units import Pubkey

__all__ = ["PAIR", "POOLS", "market_events", "slot_update"]

PAIR = "JitoSOL-USDC"
POOLS = [Pubkey(str(SoldersPubkey(bytes([number] * 32)))) for number in (1, 2)]
MINTS = [Pubkey(str(SoldersPubkey(bytes([number] * 32)))) for number in (3, 4)]
LARGE = 2**63


def slot_update(slot: int) -> SlotUpdate:
    """The chain moved on to `slot`."""
    return SlotUpdate(header=stamp(SYSTEM_CLOCK, slot=slot), parent_slot=slot - 1, unix_timestamp=1_790_000_000)


def market_events(slot: int = 436_453_879) -> tuple[MarketEvent, ...]:
    """One of each class, in the order of the family's union."""
    one, other = MINTS
    return (
        PriceUpdate(
            header=stamp(SYSTEM_CLOCK, slot=slot),
            pair=PAIR,
            input_mint=one,
            output_mint=other,
            input_amount=LARGE,
            output_amount=LARGE + 1,
            route_id=LARGE + 2,
            oracle_price=171.25,
            pool_id=POOLS[0],
        ),
        slot_update(slot),
        LiquidityUpdate(
            header=stamp(SYSTEM_CLOCK, slot=slot),
            pool_id=POOLS[0],
            depth_a_amount=LARGE,
            depth_b_amount=LARGE + 1,
            pair=PAIR,
            mint_a=one,
            mint_b=other,
        ),
        LargeTrade(
            header=stamp(SYSTEM_CLOCK, slot=slot),
            pool_id=POOLS[0],
            input_mint=one,
            output_mint=other,
            input_amount=LARGE,
            output_amount=LARGE + 1,
            signature="",
            pair=PAIR,
            value_lamports=LARGE + 2,
        ),
        SpreadUpdate(
            header=stamp(SYSTEM_CLOCK, slot=slot),
            pair=PAIR,
            spread_bps=-31,
            amount_lamports=LARGE,
            middle_amount=LARGE + 1,
            return_lamports=LARGE + 2,
            forward_pool_id=POOLS[0],
            reverse_pool_id=POOLS[1],
        ),
        VolumeSpike(
            header=stamp(SYSTEM_CLOCK, slot=slot),
            pool_id=POOLS[1],
            window_ms=60_000,
            volume_amount=LARGE,
            usual_volume_amount=LARGE // 9,
            pair=PAIR,
            mint_a=one,
            deviation_amount=LARGE // 99,
            window_count=30,
        ),
        PoolStateChange(
            header=stamp(SYSTEM_CLOCK, slot=slot),
            pool_id=POOLS[1],
            tradable=False,
            reason="its state was vouched for more than 60 s ago",
            pair=PAIR,
        ),
    )
