"""What Jupiter would quote in this market, in the words of its swap API v1; pure.

Prices come from the same pools the node serves, by exact swap: the best pool of the pair, or one pool into SOL and one
out of it where the pair has none. Splits over several pools and three-leg routes are left out.

Source of the schema: jup-ag/docs, openapi-spec/swap/v1/swap.yaml.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from quote_core.dex.fixed_point import mul_div_ceil, mul_div_floor
from quote_core.dex.labels import JUPITER_LABELS
from quote_core.dex.pool import ChainClock, Direction, Pool, Swap, SwapMode
from quote_core.errors import MarketError
from quote_core.units import BPS, Pubkey
from recorded_market.jupiter_request import JupiterQuoteRequest, JupiterRefusal

__all__ = ["price_quote"]


@dataclass(frozen=True, slots=True)
class _Leg:
    pool: Pool
    swap: Swap

    @property
    def mints(self) -> tuple[Pubkey, Pubkey]:
        """Input and output mint."""
        if self.swap.direction is Direction.A_TO_B:
            return self.pool.mint_a, self.pool.mint_b
        return self.pool.mint_b, self.pool.mint_a


def price_quote(
    request: JupiterQuoteRequest, pools: Sequence[Pool], clock: ChainClock, *, middle_mint: Pubkey
) -> dict[str, Any]:
    """Give the answer to `/quote`, all but `timeTaken`.

    Args:
        request: What is asked for.
        pools: Every pool that accepts swaps now.
        clock: The chain's time, also the answer's context slot.
        middle_mint: The token a two-leg route goes through.

    Raises:
        JupiterRefusal: A mint that no pool trades, or no route for the amount.
    """
    for mint in (request.input_mint, request.output_mint):
        if not any(mint in (pool.mint_a, pool.mint_b) for pool in pools):
            raise JupiterRefusal(f"The token {mint} is not tradable", "TOKEN_NOT_TRADABLE")
    legs = _route(request, [pool for pool in pools if request.accepts(JUPITER_LABELS[pool.dex])], clock, middle_mint)
    if not legs:
        raise JupiterRefusal("Could not find any route", "COULD_NOT_FIND_ANY_ROUTE")
    return _answer(request, legs, clock)


def _route(request: JupiterQuoteRequest, pools: Sequence[Pool], clock: ChainClock, middle_mint: Pubkey) -> list[_Leg]:
    mints = [request.input_mint, request.output_mint]
    if not _pools_between(pools, *mints) and not request.only_direct_routes:
        mints.insert(1, middle_mint)
    pairs = list(itertools.pairwise(mints))
    is_exact_in = request.mode is SwapMode.EXACT_IN
    legs: list[_Leg] = []
    amount = request.amount
    for mint_in, mint_out in pairs if is_exact_in else reversed(pairs):
        leg = _best_leg(_pools_between(pools, mint_in, mint_out), mint_in, request.mode, amount, clock)
        if leg is None:
            return []
        legs.append(leg)
        amount = leg.swap.amount_out if is_exact_in else leg.swap.amount_in
    return legs if is_exact_in else legs[::-1]


def _pools_between(pools: Sequence[Pool], mint_in: Pubkey, mint_out: Pubkey) -> list[Pool]:
    return [pool for pool in pools if {pool.mint_a, pool.mint_b} == {mint_in, mint_out}]


def _best_leg(pools: Sequence[Pool], mint_in: Pubkey, mode: SwapMode, amount: int, clock: ChainClock) -> _Leg | None:
    legs = []
    for pool in pools:
        direction = Direction.A_TO_B if pool.mint_a == mint_in else Direction.B_TO_A
        try:
            swap = pool.swap(direction, mode, amount, clock)
        except MarketError:
            continue  # this pool cannot fill it, another may
        if swap.amount_out > 0:  # Whirlpool lets a trader give something for nothing
            legs.append(_Leg(pool, swap))
    return max(legs, key=lambda leg: (leg.swap.amount_out, -leg.swap.amount_in), default=None)


def _answer(request: JupiterQuoteRequest, legs: Sequence[_Leg], clock: ChainClock) -> dict[str, Any]:
    amount_in, amount_out = legs[0].swap.amount_in, legs[-1].swap.amount_out
    platform_fee = None
    if request.platform_fee_bps:
        fee = mul_div_floor(amount_out, request.platform_fee_bps, BPS)
        amount_out -= fee
        platform_fee = {"amount": str(fee), "feeBps": request.platform_fee_bps}
    if request.mode is SwapMode.EXACT_IN:
        threshold = mul_div_floor(amount_out, BPS - request.slippage_bps, BPS)
    else:
        threshold = mul_div_ceil(amount_in, BPS + request.slippage_bps, BPS)
    return {
        "inputMint": request.input_mint,
        "inAmount": str(amount_in),
        "outputMint": request.output_mint,
        "outAmount": str(amount_out),
        "otherAmountThreshold": str(threshold),
        "swapMode": "ExactIn" if request.mode is SwapMode.EXACT_IN else "ExactOut",
        "slippageBps": request.slippage_bps,
        "platformFee": platform_fee,
        "priceImpactPct": f"{_impact_fraction(legs, clock):.10f}",
        "routePlan": [_plan_entry(leg) for leg in legs],
        "contextSlot": clock.slot,
    }


def _plan_entry(leg: _Leg) -> dict[str, Any]:
    mint_in, mint_out = leg.mints
    return {
        "swapInfo": {
            "ammKey": leg.pool.address,
            "label": JUPITER_LABELS[leg.pool.dex],
            "inputMint": mint_in,
            "outputMint": mint_out,
            "inAmount": str(leg.swap.amount_in),
            "outAmount": str(leg.swap.amount_out),
            "feeAmount": str(leg.swap.fee_amount),
            "feeMint": leg.swap.fee_mint,
        },
        "percent": 100,
        "bps": BPS,
    }


def _impact_fraction(legs: Sequence[_Leg], clock: ChainClock) -> float:
    """How much worse than the marginal price, fees aside; despite its name the API's field is a fraction."""
    kept = 1.0
    for leg in legs:
        swap, spot = leg.swap, leg.pool.spot_price(clock)
        marginal = spot if swap.direction is Direction.A_TO_B else 1.0 / spot
        fee_fraction = leg.pool.fee_fraction(swap.direction, clock)
        kept *= swap.amount_out / (swap.amount_in * marginal * (1.0 - fee_fraction))
    return max(0.0, 1.0 - kept)
