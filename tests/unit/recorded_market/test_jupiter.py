from typing import Any

import pytest

from quote_core.dex.labels import JUPITER_LABELS as LABELS
from quote_core.dex.pool import Dex, Direction, SwapMode
from quote_core.dex.programs import program_labels
from quote_core.errors import MarketError
from quote_core.tokens import TokenRegistry
from quote_core.units import Pubkey
from recorded_market.genesis import Genesis
from recorded_market.jupiter import price_quote
from recorded_market.jupiter_request import JupiterRefusal, read_quote_request
from recorded_market.market import Market

SOL = Pubkey("So11111111111111111111111111111111111111112")
USDC = Pubkey("EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v")


@pytest.fixture
def market(genesis: Genesis) -> Market:
    return Market(genesis)


@pytest.fixture
def jito(tokens: TokenRegistry) -> Pubkey:
    return tokens.resolve("JitoSOL", field="test").mint


def quote(market: Market, input_mint: str, output_mint: str, amount: int, **query: str) -> dict[str, Any]:
    request = read_quote_request({"inputMint": input_mint, "outputMint": output_mint, "amount": str(amount), **query})
    return price_quote(request, market.tradable_pools(), market.clock, middle_mint=SOL)


def test_a_quote_has_every_field_of_the_schema(market: Market) -> None:
    answer = quote(market, SOL, USDC, 10**9)
    assert list(answer) == [
        "inputMint", "inAmount", "outputMint", "outAmount", "otherAmountThreshold", "swapMode", "slippageBps",
        "platformFee", "priceImpactPct", "routePlan", "contextSlot",
    ]  # fmt: skip
    assert (answer["inputMint"], answer["outputMint"], answer["inAmount"]) == (SOL, USDC, "1000000000")
    assert (answer["swapMode"], answer["slippageBps"], answer["platformFee"]) == ("ExactIn", 50, None)
    assert answer["contextSlot"] == market.clock.slot
    (step,) = answer["routePlan"]
    assert (step["percent"], step["bps"]) == (100, 10_000)
    assert list(step["swapInfo"]) == [
        "ammKey", "label", "inputMint", "outputMint", "inAmount", "outAmount", "feeAmount", "feeMint",
    ]  # fmt: skip
    assert step["swapInfo"]["outAmount"] == answer["outAmount"]


def test_the_best_pool_of_the_pair_wins(market: Market) -> None:
    answer = quote(market, SOL, USDC, 10**9)
    outputs = {}
    for pool in market.tradable_pools():
        if {pool.mint_a, pool.mint_b} == {SOL, USDC}:
            try:
                swap = pool.swap(Direction.A_TO_B, SwapMode.EXACT_IN, 10**9, market.clock)
            except MarketError:
                continue
            outputs[pool.address] = swap.amount_out
    assert len(outputs) == 5
    assert int(answer["outAmount"]) == max(outputs.values())
    assert outputs[answer["routePlan"][0]["swapInfo"]["ammKey"]] == max(outputs.values())


def test_an_exact_output_is_bought_where_it_costs_least(market: Market) -> None:
    answer = quote(market, SOL, USDC, 80_000_000, swapMode="ExactOut")
    assert (answer["outAmount"], answer["swapMode"]) == ("80000000", "ExactOut")
    threshold = int(answer["otherAmountThreshold"])
    cost = int(answer["inAmount"])
    assert cost * 10_050 <= threshold * 10_000 < cost * 10_050 + 10_000
    back = quote(market, SOL, USDC, cost)
    assert int(back["outAmount"]) >= 80_000_000


@pytest.mark.parametrize("mode", ["ExactIn", "ExactOut"])
def test_without_a_pool_of_the_pair_the_route_goes_through_sol(market: Market, jito: Pubkey, mode: str) -> None:
    answer = quote(market, jito, USDC, 10**8, swapMode=mode)
    first, second = (step["swapInfo"] for step in answer["routePlan"])
    assert (first["inputMint"], first["outputMint"]) == (jito, SOL)
    assert (second["inputMint"], second["outputMint"]) == (SOL, USDC)
    assert first["outAmount"] == second["inAmount"]
    assert (first["inAmount"], second["outAmount"]) == (answer["inAmount"], answer["outAmount"])


def test_only_direct_routes_means_no_route_without_a_pool(market: Market, jito: Pubkey) -> None:
    with pytest.raises(JupiterRefusal) as refusal:
        quote(market, jito, USDC, 10**9, onlyDirectRoutes="true")
    assert refusal.value.error_code == "COULD_NOT_FIND_ANY_ROUTE"


@pytest.mark.parametrize(("query", "label"), [({"dexes": "Raydium"}, "Raydium"), ({"dexes": "Whirlpool"}, "Whirlpool")])
def test_a_wanted_dex_is_used(market: Market, query: dict[str, str], label: str) -> None:
    assert quote(market, SOL, USDC, 10**9, **query)["routePlan"][0]["swapInfo"]["label"] == label


def test_excluded_dexes_are_not_used(market: Market) -> None:
    everything = ",".join(LABELS.values())
    with pytest.raises(JupiterRefusal, match="Could not find any route"):
        quote(market, SOL, USDC, 10**9, excludeDexes=everything)


@pytest.mark.parametrize("symbol", ["sSOL", "mpSOL", "BGSOL", "USDT"])
def test_a_token_without_a_pool_is_not_tradable(market: Market, tokens: TokenRegistry, symbol: str) -> None:
    with pytest.raises(JupiterRefusal) as refusal:
        quote(market, SOL, tokens.resolve(symbol, field="test").mint, 10**9)
    assert refusal.value.error_code == "TOKEN_NOT_TRADABLE"


def test_an_amount_that_buys_nothing_has_no_route(market: Market) -> None:
    with pytest.raises(JupiterRefusal) as refusal:
        quote(market, SOL, USDC, 1)
    assert refusal.value.error_code == "COULD_NOT_FIND_ANY_ROUTE"


def test_slippage_lowers_the_threshold_and_not_the_output(market: Market) -> None:
    tight, loose = (quote(market, SOL, USDC, 10**9, slippageBps=bps) for bps in ("0", "100"))
    assert tight["outAmount"] == loose["outAmount"] == tight["otherAmountThreshold"]
    assert int(loose["otherAmountThreshold"]) == int(loose["outAmount"]) * 9_900 // 10_000


def test_a_platform_fee_is_taken_from_the_output_and_shown(market: Market) -> None:
    plain, with_fee = (quote(market, SOL, USDC, 10**9, platformFeeBps=bps) for bps in ("0", "20"))
    fee = int(plain["outAmount"]) * 20 // 10_000
    assert with_fee["platformFee"] == {"amount": str(fee), "feeBps": 20}
    assert int(with_fee["outAmount"]) == int(plain["outAmount"]) - fee


def test_the_impact_grows_with_the_amount_and_leaves_the_fee_out(market: Market) -> None:
    small, large = (
        float(quote(market, SOL, USDC, amount, dexes="Raydium")["priceImpactPct"]) for amount in (10**9, 10**13)
    )
    assert 0.0 <= small < 0.0001
    assert large == pytest.approx(10_000 / (10_000 + 66_599), rel=0.01)


def test_every_dex_known_has_a_label_and_every_program_is_listed() -> None:
    assert set(LABELS) == set(Dex)
    labels = program_labels()
    assert labels["675kPX9MHTjS2zt1qfr1NYHuzeLXfQM9H24wFSUt1Mp8"] == "Raydium"
    assert set(labels.values()) == set(LABELS.values())
