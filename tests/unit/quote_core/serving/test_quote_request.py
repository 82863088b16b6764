"""One rule for what a client may ask of one quote, whichever service it asks."""

import pytest

from quote_core.dex.labels import ALL_DEXES
from quote_core.dex.pool import Dex, SwapMode
from quote_core.errors import InvalidField
from quote_core.generated.solquote.v1 import local_quote_pb2, quote_aggregator_pb2
from quote_core.quotes import QuoteKey
from quote_core.serving import QuoteRequest, read_quote_request
from quote_core.tokens import load_tokens

TOKENS = load_tokens()
SOL, USDC = (TOKENS.resolve(symbol, field="").mint for symbol in ("SOL", "USDC"))
MESSAGES = (local_quote_pb2.LocalQuoteRequest, quote_aggregator_pb2.AggregatedQuoteRequest)


@pytest.fixture(params=MESSAGES)
def message(request: pytest.FixtureRequest) -> type:
    kind: type = request.param
    return kind


def read(message: type, **fields: object) -> QuoteRequest:
    return read_quote_request(message(input_mint=SOL, output_mint=USDC, **fields), TOKENS)


def test_an_amount_that_goes_in_over_all_dexes_has_a_key(message: type) -> None:
    asked = read(message, input_amount=5)
    assert asked == QuoteRequest(SOL, USDC, 5, SwapMode.EXACT_IN, ALL_DEXES)
    assert asked.key == QuoteKey(SOL, USDC, 5)
    assert QuoteRequest.of(asked.key) == asked


def test_a_wanted_output_is_exact_out_and_no_key(message: type) -> None:
    asked = read(message, output_amount=7)
    assert (asked.mode, asked.amount, asked.key) == (SwapMode.EXACT_OUT, 7, None)


def test_dexes_go_by_our_labels_and_by_jupiters(message: type) -> None:
    asked = read(message, input_amount=5, dexes=["orca_whirlpool", "Raydium CP"])
    assert asked.dexes == {Dex.ORCA_WHIRLPOOL, Dex.RAYDIUM_CPMM}
    assert asked.key is None
    assert read(message, input_amount=5, exclude_dexes=["pumpswap"]).dexes == ALL_DEXES - {Dex.PUMPSWAP}


@pytest.mark.parametrize(
    ("fields", "bound"),
    [
        ({"max_accounts": 58}, 0),
        ({"max_accounts": 57}, 57),
        ({"max_accounts": 45, "max_hops": 2}, 0),
        ({"max_accounts": 29, "only_direct_routes": True}, 0),
        ({"max_accounts": 58, "max_splits": 2}, 58),
        ({"max_accounts": 2**32 - 1, "max_hops": 3, "max_splits": 3}, 0),
    ],
)
def test_a_number_of_accounts_bounds_a_route_only_where_one_could_have_more(
    message: type, fields: dict[str, object], bound: int
) -> None:
    asked = read(message, input_amount=5, **fields)
    assert asked.account_count_max == bound
    assert (asked.key is None) == (bound > 0 or len(fields) > 1)


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({}, "input_amount: must be from 1 to 18446744073709551615, got 0"),
        ({"input_amount": 1, "output_amount": 1}, "output_amount: must not be given together with input_amount"),
        ({"input_amount": 1, "dexes": ["Orca"]}, "dexes: must name DEXes of raydium_amm_v4 (Raydium), "),
        ({"input_amount": 1, "exclude_dexes": [""]}, "exclude_dexes: must name DEXes of "),
        (
            {"input_amount": 1, "dexes": ["pumpswap"], "exclude_dexes": ["Pump.fun Amm"]},
            "exclude_dexes: leaves no DEX to ask",
        ),
    ],
)
def test_a_broken_rule_is_named_with_its_field(message: type, fields: dict[str, object], sentence: str) -> None:
    with pytest.raises(InvalidField) as caught:
        read(message, **fields)
    assert str(caught.value).startswith(sentence)
