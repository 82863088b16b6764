import pytest

from quote_core.errors import InvalidField, TooManyQuotes, UnknownToken
from quote_core.generated.solquote.v1 import quotes_pb2
from quote_core.quotes import QuoteKey
from quote_core.serving import BatchRequest, checked_key, read_batch_request
from quote_core.tokens import load_tokens

TOKENS = load_tokens()
SOL = TOKENS.resolve("SOL", field="").mint
USDC = TOKENS.resolve("USDC", field="").mint
MSOL = TOKENS.resolve("mSOL", field="").mint
UNKNOWN = "Vote111111111111111111111111111111111111111"


def pair(input_mint: str, output_mint: str, *amounts: int, rows: tuple[int, ...] = ()) -> quotes_pb2.TokenPair:
    return quotes_pb2.TokenPair(input_mint=input_mint, output_mint=output_mint, amounts=amounts, rows=rows)


def read(
    *pairs: quotes_pb2.TokenPair, amounts: tuple[int, ...] = (), refresh_ms: int = 0, quote_count_max: int = 10
) -> BatchRequest:
    message = quotes_pb2.BatchQuoteRequest(pairs=pairs, amounts=amounts, refresh_interval_ms=refresh_ms)
    return read_batch_request(message, TOKENS, quote_count_max=quote_count_max)


def test_good_words_make_a_key() -> None:
    assert checked_key(TOKENS, SOL, USDC, 5) == QuoteKey(SOL, USDC, 5)


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
    with pytest.raises(error, match=rf"^{field}: "):
        checked_key(TOKENS, *words)


def test_combinations_are_numbered_by_position_over_pairs_then_amounts() -> None:
    request = read(pair(SOL, USDC), pair(SOL, MSOL, 7), pair(MSOL, SOL, rows=(90, 80)), amounts=(1, 2))
    assert list(zip(request.numbers, request.keys, strict=True)) == [
        (0, QuoteKey(SOL, USDC, 1)),
        (1, QuoteKey(SOL, USDC, 2)),
        (2, QuoteKey(SOL, MSOL, 7)),
        (90, QuoteKey(MSOL, SOL, 1)),
        (80, QuoteKey(MSOL, SOL, 2)),
    ]


def test_bad_combination_costs_only_itself_and_keeps_its_number() -> None:
    request = read(pair(SOL, UNKNOWN), pair(SOL, USDC), amounts=(5,))
    assert request.keys == (QuoteKey(SOL, USDC, 5),)
    assert request.numbers == (1,)
    ((asked, error),) = request.refused
    assert (asked.number, asked.output_mint, asked.amount) == (0, UNKNOWN, 5)
    assert error.code == "NOT_FOUND"


def test_request_for_nothing_is_refused() -> None:
    for pairs in ((), (pair(SOL, USDC),)):
        with pytest.raises(InvalidField, match="at least one"):
            read(*pairs)


def test_request_for_more_than_the_bound_is_refused_and_one_at_the_bound_is_not() -> None:
    with pytest.raises(TooManyQuotes, match="3 quotes asked for, at most 2"):
        read(pair(SOL, USDC, 1, 2, 3), quote_count_max=2)
    assert len(read(pair(SOL, USDC, 1, 2), quote_count_max=2).keys) == 2


def test_rows_that_do_not_fit_the_amounts_are_refused() -> None:
    with pytest.raises(InvalidField, match=r"pairs\[0\].rows: must be as many as its 2 amounts"):
        read(pair(SOL, USDC, 1, 2, rows=(1,)))


def test_refresh_interval_is_the_services_own_unless_given_and_never_shorter_than_allowed() -> None:
    assert read(pair(SOL, USDC, 1)).refresh_interval_ns == 0
    assert read(pair(SOL, USDC, 1), refresh_ms=50).refresh_interval_ns == 50_000_000
    with pytest.raises(InvalidField, match="refresh_interval_ms: must be 0 or at least 50"):
        read(pair(SOL, USDC, 1), refresh_ms=49)


def test_a_pair_without_amounts_is_refused_rather_than_dropped() -> None:
    with pytest.raises(InvalidField, match=r"^pairs\[1\].amounts: must not be empty"):
        read(pair(SOL, USDC, 5), pair(SOL, MSOL))
