import pytest
from fakes.held_quotes import KEY, SOL, TOKENS, USDC

from aggregator.requests import checked_count, checked_key, sorted_out
from aggregator.wire import Combo
from quote_core.errors import InvalidField, TooManyQuotes, UnknownToken

UNKNOWN = "Vote111111111111111111111111111111111111111"


def test_good_words_make_a_key() -> None:
    assert checked_key(TOKENS, SOL, USDC, 1_000_000_000) == KEY


@pytest.mark.parametrize(
    ("words", "error", "field"),
    [
        ((SOL, USDC, 0), InvalidField, "input_amount"),
        ((SOL, USDC, -1), InvalidField, "input_amount"),
        ((SOL, USDC, 2**64), InvalidField, "input_amount"),
        ((SOL, SOL, 1), InvalidField, "output_mint"),
        (("0OIl", USDC, 1), InvalidField, "input_mint"),
        (("", USDC, 1), InvalidField, "input_mint"),
        ((SOL, UNKNOWN, 1), UnknownToken, "output_mint"),
    ],
)
def test_bad_words_name_the_field(words: tuple[str, str, int], error: type[Exception], field: str) -> None:
    with pytest.raises(error, match=f"^{field}: "):
        checked_key(TOKENS, *words)


def test_bad_combination_costs_only_itself() -> None:
    wanted = sorted_out([Combo(5, SOL, USDC, 1_000_000_000), Combo(6, SOL, UNKNOWN, 1)], TOKENS)
    assert wanted.keys == (KEY,)
    assert wanted.numbers == (5,)
    ((combo, refusal),) = wanted.refused
    assert combo.number == 6
    assert refusal.code == "NOT_FOUND"


def test_empty_and_huge_requests_are_refused() -> None:
    with pytest.raises(InvalidField, match="at least one"):
        checked_count(0, count_max=5)
    with pytest.raises(TooManyQuotes):
        checked_count(6, count_max=5)
    checked_count(5, count_max=5)
