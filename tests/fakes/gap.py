"""A gap between two recorded SOL/USDC pools, and plans to take it."""

from dataclasses import dataclass, field, replace

from fakes.golden_market import GoldenMarket
from fakes.held_market import SOL, USDC
from fakes.plans import plan as any_plan

from pipeline.simulation import RouteHopRequest
from quote_core.events import ExecutionPlan
from quote_core.units import LAMPORTS_PER_SOL, Pubkey

__all__ = ["Gap"]

OPENED_BY = 800 * LAMPORTS_PER_SOL
"""Sold into one pool: a round trip of 1 SOL gains 116 bps then, one of 400 SOL 54 bps."""


@dataclass
class Gap:
    """SOL is dear in one pool and cheap in the other, once it is opened."""

    market: GoldenMarket = field(default_factory=GoldenMarket)
    dear: Pubkey = field(init=False)
    cheap: Pubkey = field(init=False)

    def __post_init__(self) -> None:
        self.cheap = self.market.add("raydium_amm_v4/sol_usdc_58oQChx4")
        self.dear = self.market.add("orca_whirlpool/sol_usdc_ts4_Czfq3xZZ")

    def open(self, *, by: int = OPENED_BY) -> None:
        """Somebody sells SOL where it is cheap already."""
        self.market.trade(self.cheap, SOL.mint, by)

    def close(self, *, amount: int) -> int:
        """An arbitrageur takes the gap for real; returns what he gets for `amount`."""
        return self.market.trade(self.cheap, USDC.mint, self.market.trade(self.dear, SOL.mint, amount))

    async def plan(self, number: int, amount: int, *, slippage_bps: int = 10) -> ExecutionPlan:
        """What a planner makes of the market as it stands now."""
        hops = (
            RouteHopRequest(input_mint=SOL.mint, output_mint=USDC.mint, pool_id=self.dear),
            RouteHopRequest(input_mint=USDC.mint, output_mint=SOL.mint, pool_id=self.cheap),
        )
        found = await self.market.simulate(hops, amount)
        made = any_plan(number)
        return replace(
            made,
            header=replace(made.header, slot=found.slot),
            hops=found.hops,
            amount_in=amount,
            expected_amount_out=found.amount_out,
            min_amount_out=found.amount_out * (10_000 - slippage_bps) // 10_000,
        )
