"""Chains of swaps from one snapshot."""

from collections.abc import Sequence

import pytest
from fakes.held_market import JITOSOL, REGISTRY, SOL, USDC, HeldMarket

from local_quote.quoter import PricedSwap
from local_quote.routes import HopRequest, simulate_route
from quote_core.errors import InvalidField, NoLiquidity, SolquoteError, UnknownPool, UnknownToken
from quote_core.tokens import Token

POOL_KEYS = {
    "sol-usdc": "58oQChx4yWmvKdwLLZzBi4ChoCc2fqCUWBkwMihLYQo2",
    "other": "7JuwJuNU88gurFnyWeiyGKbFmExMWcmRZntn9imEzdny",
}
UNHELD = "3ucNos4NbumPLZNWztqGHNFFgkHeRMBQAVemeeomsUxv"


def hop(input_token: Token, output_token: Token, pool_id: str = "") -> HopRequest:
    return HopRequest(input_token.mint, output_token.mint, pool_id)


def simulate(held: HeldMarket, hops: list[HopRequest], amount: int = 10**9) -> Sequence[PricedSwap]:
    market = held.market
    return simulate_route(
        quoter=market.quoter,
        store=market.store,
        registry=REGISTRY,
        hops=hops,
        input_amount=amount,
        hop_count_max=3,
    ).swaps


def refusal(held: HeldMarket, hops: list[HopRequest], amount: int = 10**9) -> SolquoteError:
    with pytest.raises(SolquoteError) as caught:
        simulate(held, hops, amount)
    return caught.value


def test_each_hops_output_is_the_next_ones_input(held: HeldMarket) -> None:
    held.add("p", 10**12, 80 * 10**9)
    held.add("q", 10**12, 81 * 10**9)
    first, second = simulate(held, [hop(SOL, USDC), hop(USDC, SOL)])
    assert second.input_amount == first.output_amount
    assert (first.entry.pool.address, second.entry.pool.address) == ("q", "p")


def test_a_pool_used_once_is_not_the_best_pool_again(held: HeldMarket) -> None:
    held.add("only", 10**12, 80 * 10**9)
    error = refusal(held, [hop(SOL, USDC), hop(USDC, SOL)])
    assert isinstance(error, NoLiquidity)
    assert str(error) == "USDC/SOL: every usable pool of the pair is in the route already"


def test_a_named_pool_is_used_even_if_another_is_better(held: HeldMarket) -> None:
    held.add(POOL_KEYS["sol-usdc"], 10**12, 80 * 10**9)
    held.add("better", 10**12, 90 * 10**9)
    (swap,) = simulate(held, [hop(SOL, USDC, POOL_KEYS["sol-usdc"])])
    assert swap.entry.pool.address == POOL_KEYS["sol-usdc"]


def test_every_mistake_names_its_hop_and_rule(held: HeldMarket) -> None:
    pool_id = POOL_KEYS["sol-usdc"]
    held.add(pool_id, 10**12, 80 * 10**9)
    cases: list[tuple[list[HopRequest], type[SolquoteError], str]] = [
        ([], InvalidField, "hops: must be 1 to 3"),
        ([hop(SOL, USDC)] * 4, InvalidField, "hops: must be 1 to 3"),
        ([hop(SOL, SOL)], InvalidField, "hops[0].output_mint: must differ"),
        ([HopRequest("x", USDC.mint, "")], InvalidField, "hops[0].input_mint: must be base58"),
        ([HopRequest(pool_id, USDC.mint, "")], UnknownToken, "hops[0].input_mint"),
        ([hop(SOL, USDC), hop(SOL, USDC)], InvalidField, "hops[1].input_mint: must be the output_mint"),
        ([hop(SOL, USDC, UNHELD)], UnknownPool, "hops[0].pool_id"),
        ([hop(SOL, USDC, "nonsense")], InvalidField, "hops[0].pool_id: must be base58"),
        ([hop(SOL, JITOSOL, pool_id)], InvalidField, "hops[0].pool_id: is not a pool of SOL/JitoSOL"),
        ([hop(SOL, USDC, pool_id), hop(USDC, SOL, pool_id)], InvalidField, "hops[1].pool_id: appears twice"),
    ]
    for hops, error_type, text in cases:
        error = refusal(held, hops)
        assert type(error) is error_type, hops
        assert str(error).startswith(text), hops


def test_a_route_needs_something_to_go_in(held: HeldMarket) -> None:
    assert str(refusal(held, [hop(SOL, USDC)], 0)) == "input_amount: must be above zero, got 0"
