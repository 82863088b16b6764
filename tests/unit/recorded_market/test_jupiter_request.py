import pytest

from quote_core.dex.pool import SwapMode
from recorded_market.jupiter_request import JupiterRefusal, read_quote_request

SOL = "So11111111111111111111111111111111111111112"
USDC = "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v"
QUERY = {"inputMint": SOL, "outputMint": USDC, "amount": "1000"}


def test_only_mints_and_amount_are_required() -> None:
    request = read_quote_request(QUERY)
    assert (request.input_mint, request.output_mint, request.amount) == (SOL, USDC, 1000)
    assert (request.mode, request.slippage_bps, request.platform_fee_bps) == (SwapMode.EXACT_IN, 50, 0)
    assert request.only_direct_routes is False
    assert request.accepts("Raydium")


def test_every_parameter_that_decides_a_quote_is_read() -> None:
    request = read_quote_request(
        QUERY
        | {
            "swapMode": "ExactOut",
            "slippageBps": "7",
            "platformFeeBps": "3",
            "onlyDirectRoutes": "true",
            "dexes": "Raydium,Raydium CP",
            "excludeDexes": "Raydium CP",
        }
    )
    assert (request.mode, request.slippage_bps, request.platform_fee_bps) == (SwapMode.EXACT_OUT, 7, 3)
    assert request.only_direct_routes is True
    assert [request.accepts(label) for label in ("Raydium", "Raydium CP", "Whirlpool")] == [True, False, False]


def test_parameters_about_transactions_have_no_effect() -> None:
    extra = {"maxAccounts": "20", "asLegacyTransaction": "true", "restrictIntermediateTokens": "true"}
    assert read_quote_request(QUERY | extra) == read_quote_request(QUERY)


@pytest.mark.parametrize("field", ["inputMint", "outputMint", "amount"])
def test_a_missing_parameter_is_named(field: str) -> None:
    query = {name: value for name, value in QUERY.items() if name != field}
    with pytest.raises(JupiterRefusal, match=f"missing field `{field}`"):
        read_quote_request(query)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("inputMint", "abc"),
        ("outputMint", "0" * 44),
        ("amount", "0"),
        ("amount", "-1"),
        ("amount", "1.5"),
        ("amount", "1e9"),
        ("amount", "٣"),
        ("amount", ""),
        ("amount", str(2**64)),
        ("amount", "9" * 5000),
        ("slippageBps", "x"),
        ("slippageBps", "10001"),
        ("platformFeeBps", "-1"),
        ("swapMode", "exactIn"),
        ("onlyDirectRoutes", "yes"),
    ],
)
def test_a_wrong_value_is_refused_and_named(field: str, value: str) -> None:
    with pytest.raises(JupiterRefusal, match=field):
        read_quote_request(QUERY | {field: value})


def test_a_token_against_itself_is_refused_with_jupiters_code() -> None:
    with pytest.raises(JupiterRefusal) as refusal:
        read_quote_request(QUERY | {"outputMint": SOL})
    assert refusal.value.body()["errorCode"] == "CIRCULAR_ARBITRAGE_IS_DISABLED"
