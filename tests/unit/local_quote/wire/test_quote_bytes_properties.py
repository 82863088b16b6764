"""Any quote written by hand is what the protobuf parser reads."""

from fakes.held_market import SOL, USDC, HeldMarket
from hypothesis import given, settings
from hypothesis import strategies as st

from local_quote.quoter import PricedSwap
from local_quote.row_table import LocalQuote
from local_quote.wire.quote_bytes import QuoteEncoder
from quote_core.dex.pool import Direction
from quote_core.errors import InvalidField
from quote_core.generated.solquote.v1 import local_quote_pb2
from quote_core.units import U64_MAX

U64 = st.integers(0, U64_MAX)
HELD = HeldMarket()
HELD.add("p", 10**12, 80 * 10**9)
ENCODER = QuoteEncoder(table=HELD.market.table, oracle=HELD.market.oracle, clock=HELD.clock, stale_after_ns=1)
ENTRY = HELD.market.store.of_pair(SOL.mint, USDC.mint)[0]


@settings(max_examples=200)
@given(
    amounts=st.tuples(st.integers(1, U64_MAX), U64, U64, U64),
    impact=st.floats(0, 1),
    version=U64,
    unix_ns=U64,
)
def test_numbers_of_any_size_survive(
    amounts: tuple[int, int, int, int], impact: float, version: int, unix_ns: int
) -> None:
    input_amount, output_amount, fee_amount, depth = amounts
    swap = PricedSwap(ENTRY, Direction.A_TO_B, input_amount, output_amount, fee_amount, SOL.mint, impact, depth)
    quote = LocalQuote(SOL, USDC, swap, version, unix_ns, HELD.clock.mono_ns())
    message = local_quote_pb2.LocalQuote.FromString(ENCODER.quote(quote, None))
    assert (message.input_amount, message.output_amount, message.depth_amount) == (input_amount, output_amount, depth)
    assert (message.price_impact, message.version, message.quoted_unix_ns) == (impact, version, unix_ns)
    (hop,) = message.route
    assert (hop.input_amount, hop.output_amount, hop.fee_amount) == (input_amount, output_amount, fee_amount)
    assert message.pool_id == "p"


@given(st.text(max_size=300), st.text(max_size=300), U64)
def test_a_refusal_of_any_text_survives(field: str, rule: str, amount: int) -> None:
    error = InvalidField(field, rule)
    message = local_quote_pb2.LocalQuote.FromString(ENCODER.refusal("in", "out", amount, error))
    assert (message.error.code, message.error.message) == ("INVALID_ARGUMENT", str(error))
    assert message.input_amount == amount


@settings(max_examples=100)
@given(
    amount=st.integers(1, U64_MAX),
    numbers=st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=5),
    sequence=U64,
    age_ms=st.integers(0, 2**33),
)
def test_rows_of_any_amount_and_number_survive(amount: int, numbers: list[int], sequence: int, age_ms: int) -> None:
    held = HeldMarket()
    held.add("p", 10**12, 80 * 10**9)
    encoder = QuoteEncoder(table=held.market.table, oracle=held.market.oracle, clock=held.clock, stale_after_ns=1)
    ((row,), _) = held.market.table.register([(SOL, USDC, amount)])
    held.clock.advance_ms(age_ms)
    quotes = encoder.told({row: tuple(numbers)}, (row,), None)
    batch = local_quote_pb2.LocalQuoteBatch.FromString(
        quotes.batches(count_max=9, sequence=sequence, snapshot=False)[0]
    )
    columns = local_quote_pb2.LocalQuoteColumns.FromString(
        quotes.columns(count_max=9, sequence=sequence, snapshot=True)[0]
    )
    assert (batch.sequence, columns.sequence) == (sequence, sequence)
    assert [(quote.row, quote.input_amount) for quote in batch.quotes] == [(number, amount) for number in numbers]
    told = held.market.table.row(row)
    if told.quote is None:
        assert [(one.row, one.error.code) for one in columns.refused] == [
            (number, told.refusal.code) for number in numbers if told.refusal
        ]
        return
    (group,) = columns.groups
    assert list(group.rows) == numbers
    assert set(group.output_amounts) == {told.quote.swap.output_amount}
    assert {quote.output_amount for quote in batch.quotes} == {told.quote.swap.output_amount}
    assert {quote.quote_cache_age_ms for quote in batch.quotes} == {age_ms}
    assert set(group.quote_cache_ages_ms) == {min(age_ms, 2**32 - 1)}
