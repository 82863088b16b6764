from fakes.held_quotes import KEY, held
from hypothesis import given
from hypothesis import strategies as st

from aggregator import wire
from aggregator.confidence import Confidence, Factors
from aggregator.row_bytes import batch_message
from aggregator.selection import merge
from quote_core.generated.solquote.v1 import quote_aggregator_pb2 as pb

u64 = st.integers(0, 2**64 - 1)
shares = st.floats(0, 1)


@given(u64, u64, st.integers(0, 2**32 - 1), shares, st.tuples(shares, shares, shares, shares, shares))
def test_frame_decodes_to_what_went_in(
    output: int, version: int, number: int, score: float, factors: tuple[float, float, float, float, float]
) -> None:
    confidence = Confidence(score, Factors(*factors))
    body = wire.encode_row(wire.row_prefix(KEY), merge(held(output), None, confidence, None), version)
    message = batch_message([(body, wire.row_suffix(number))], sequence=1, snapshot=False)
    (quote,) = pb.BatchQuoteResponse.FromString(message).quotes
    assert quote.output_amount == quote.local.output_amount == output
    assert quote.version == version
    assert quote.row == number
    assert quote.local_confidence == score
    got = quote.local_factors
    assert (got.pool_age, got.route, got.oracle, got.provider, got.slippage) == factors
