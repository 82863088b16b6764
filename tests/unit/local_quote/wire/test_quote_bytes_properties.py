"""Any quote written by hand is what the protobuf parser reads."""

from fakes.held_market import SOL, USDC, HeldMarket
from hypothesis import given, settings
from hypothesis import strategies as st

from local_quote.quoter import PricedSwap
from local_quote.row_table import LocalQuote
from local_quote.wire.quote_bytes import QuoteEncoder, QuoteParts
from quote_core.dex.pool import Direction
from quote_core.errors import InvalidField
from quote_core.generated.solquote.v1 import local_quote_pb2
from quote_core.units import U64_MAX

U64 = st.integers(0, U64_MAX)
HELD = HeldMarket()
HELD.add("p", 10**12, 80 * 10**9)
ENCODER = QuoteEncoder(oracle=HELD.market.oracle, clock=HELD.clock, stale_after_ns=1)
ENTRY = HELD.market.store.of_pair(SOL.mint, USDC.mint)[0]


@settings(max_examples=200)
@given(
    amounts=st.tuples(st.integers(1, U64_MAX), U64, U64, U64),
    impact=st.floats(0, 1),
    version=U64,
    unix_ns=U64,
    number=st.integers(0, 2**32 - 1),
)
def test_numbers_of_any_size_survive(
    amounts: tuple[int, int, int, int], impact: float, version: int, unix_ns: int, number: int
) -> None:
    input_amount, output_amount, fee_amount, depth = amounts
    swap = PricedSwap(ENTRY, Direction.A_TO_B, input_amount, output_amount, fee_amount, SOL.mint, impact, depth)
    quote = LocalQuote(SOL, USDC, swap, version, unix_ns, HELD.clock.mono_ns())
    parts = QuoteParts()
    parts.add(ENCODER.quote(quote, None), b"", number)
    (message,) = local_quote_pb2.LocalQuoteBatch.FromString(
        parts.batches(count_max=1, sequence=version, snapshot=False)[0]
    ).quotes
    assert (message.input_amount, message.output_amount, message.depth_amount) == (input_amount, output_amount, depth)
    assert (message.price_impact, message.version, message.quoted_unix_ns) == (impact, version, unix_ns)
    (hop,) = message.route
    assert (hop.input_amount, hop.output_amount, hop.fee_amount) == (input_amount, output_amount, fee_amount)
    assert message.row == number
    assert message.pool_id == "p"


@given(st.text(max_size=300), st.text(max_size=300), U64)
def test_a_refusal_of_any_text_survives(field: str, rule: str, amount: int) -> None:
    error = InvalidField(field, rule)
    message = local_quote_pb2.LocalQuote.FromString(ENCODER.refusal("in", "out", amount, error))
    assert (message.error.code, message.error.message) == ("INVALID_ARGUMENT", str(error))
    assert message.input_amount == amount
