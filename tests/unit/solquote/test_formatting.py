import pytest

from quote_core.tokens import load_tokens
from solquote.formatting import age_text, amount_text, percent_text, price_text, short_key, spread_text

TOKENS = {token.symbol: token for token in load_tokens()}


@pytest.mark.parametrize(
    ("amount", "symbol", "text"),
    [
        (1_500_000_000, "SOL", "1.5"),
        (1, "SOL", "0.000000001"),
        (1_234_000_000, "USDC", "1,234"),
        (0, "USDC", "0"),
        (18_446_744_073_709_551_615, "SOL", "18,446,744,073.709551615"),
    ],
)
def test_amounts_are_exact(amount: int, symbol: str, text: str):
    assert amount_text(amount, TOKENS[symbol]) == text


@pytest.mark.parametrize(
    ("price", "text"),
    [(81.78549, "81.7855"), (0.0000012345678, "0.00000123457"), (1234567.0, "1,234,570"), (None, "unknown")],
)
def test_prices_have_six_digits_and_no_exponent(price: float | None, text: str):
    assert price_text(price) == text


@pytest.mark.parametrize(
    ("age_ms", "text"),
    [(0, "0 ms"), (999, "999 ms"), (1500, "1.5 s"), (600_000, "10 min"), (9_223_372_036_854, "never")],
)
def test_ages_have_the_unit_that_suits(age_ms: int, text: str):
    assert age_text(age_ms) == text


def test_small_things():
    assert percent_text(0.0025) == "0.25 %"
    assert spread_text(-8.84) == "-8.8 bps"
    assert spread_text(None) == ""
    assert short_key("So11111111111111111111111111111111111111112") == "So11..1112"
    assert short_key("short") == "short"
