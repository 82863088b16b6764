"""Quotes as bytes, read back by the protobuf parser."""

import pytest
from fakes.held_market import JITOSOL, SOL, SSOL, USDC, HeldMarket
from fakes.oracle_accounts import pyth_account

from local_quote.pool_store import Doubt
from local_quote.row_table import LocalRow
from local_quote.wire._quote_writer import write_batch
from local_quote.wire.quote_bytes import TAIL_AGE_NS_MAX, QuoteEncoder, QuoteParts
from quote_core.clock import boot_id
from quote_core.errors import NoLiquidity
from quote_core.generated.solquote.v1 import local_quote_pb2, quotes_pb2
from quote_core.quotes import Provenance, route_id
from quote_core.solana import AccountUpdate, UpdateSource
from quote_core.tokens import Token


@pytest.fixture
def encoder(held: HeldMarket) -> QuoteEncoder:
    return QuoteEncoder(oracle=held.market.oracle, clock=held.clock, stale_after_ns=held.settings.stale_after)


def priced(
    held: HeldMarket, encoder: QuoteEncoder, one: Token, other: Token, amount: int
) -> local_quote_pb2.LocalQuote:
    quote = held.market.quote(one, other, amount)
    return local_quote_pb2.LocalQuote.FromString(encoder.quote(quote, held.market.chain_clock))


def row_of(held: HeldMarket, amount: int) -> LocalRow:
    return held.market.table.register([(SOL, USDC, amount)])[0]


def told_usd(held: HeldMarket, token: Token, dollars: float) -> None:
    assert token.oracle is not None
    assert token.oracle.feed_id is not None
    account = pyth_account(token.oracle.feed_id, price=round(dollars * 10**8), publish_time=1_700_000_000)
    held.slot += 1
    now_mono_ns = held.clock.mono_ns()
    held.market.apply(
        [AccountUpdate(token.oracle.account, held.slot, account, now_mono_ns, UpdateSource.ANSWER, now_mono_ns)]
    )


def test_a_quote_carries_every_field_of_the_contract(held: HeldMarket, encoder: QuoteEncoder) -> None:
    told_usd(held, SOL, 80.0)
    told_usd(held, USDC, 1.0)
    held.add("p", 10**12, 80 * 10**9, provenance=Provenance.SYNTHETIC)
    read_mono_ns, read_unix_ns, read_slot = held.clock.mono_ns(), held.clock.unix_ns(), held.slot
    quote = held.market.quote(SOL, USDC, 10**9)
    held.clock.advance_ms(250)
    message = local_quote_pb2.LocalQuote.FromString(encoder.quote(quote, held.market.chain_clock))
    swap = quote.swap
    rate = swap.output_amount / 10**6
    assert message == local_quote_pb2.LocalQuote(
        input_mint=SOL.mint,
        output_mint=USDC.mint,
        input_amount=10**9,
        output_amount=swap.output_amount,
        price_impact=swap.price_impact,
        pool_id="p",
        protocol="raydium_amm_v4",
        pool_state_age_ms=250,
        quote_cache_age_ms=250,
        is_stale=False,
        oracle_price=80.0,
        deviation_percent=(rate - 80.0) / 80.0 * 100,
        version=quote.version,
        slot=read_slot,
        route=[
            quotes_pb2.RouteHop(
                pool_id="p",
                protocol="raydium_amm_v4",
                input_mint=SOL.mint,
                output_mint=USDC.mint,
                input_amount=10**9,
                output_amount=swap.output_amount,
                provenance=quotes_pb2.PROVENANCE_SYNTHETIC,
                fee_amount=2_500_000,
                fee_mint=SOL.mint,
            )
        ],
        route_id=route_id(["p"]),
        quoted_unix_ns=quote.quoted_unix_ns,
        depth_amount=swap.depth_amount,
        pool_received_mono_ns=read_mono_ns,
        provenance=quotes_pb2.PROVENANCE_SYNTHETIC,
        freshness=quotes_pb2.Freshness(
            vouched_mono_ns=read_mono_ns,
            vouched_unix_ns=read_unix_ns,
            boot_id=boot_id(),
            vouched_slot=read_slot,
            changed_slot=read_slot,
            changed_unix_ns=read_unix_ns,
            chain_unix_s=1_700_000_000,
        ),
    )


def test_the_age_and_doubt_of_a_quote_are_those_of_its_sending(held: HeldMarket, encoder: QuoteEncoder) -> None:
    """A quote, or row, kept for long is not as young as it was made."""
    held.add("p", 10**12, 80 * 10**9)
    quote, row = held.market.quote(SOL, USDC, 10**9), row_of(held, 10**9)
    encoder.row(row, None)
    held.clock.advance_ms(4_000)
    for data in (encoder.quote(quote, None), b"".join(encoder.row(row, None))):
        message = local_quote_pb2.LocalQuote.FromString(data)
        assert (message.pool_state_age_ms, message.is_stale) == (4_000, False)
        assert held.clock.mono_ns() - message.freshness.vouched_mono_ns == 4_000_000_000
    held.market.doubt(["p"], Doubt.REFUSED)
    for data in (encoder.quote(quote, None), b"".join(encoder.row(row, None))):
        assert local_quote_pb2.LocalQuote.FromString(data).is_stale


def test_without_an_oracle_price_both_its_fields_are_absent(held: HeldMarket, encoder: QuoteEncoder) -> None:
    held.add("p", 10**12, 80 * 10**9)
    message = priced(held, encoder, SOL, USDC, 10**9)
    assert not message.HasField("oracle_price")
    assert not message.HasField("deviation_percent")


def test_both_directions_of_a_pool_name_their_own_mints(held: HeldMarket, encoder: QuoteEncoder) -> None:
    held.add("p", 10**12, 10**12, tokens=(SOL, JITOSOL))
    for one, other in ((SOL, JITOSOL), (JITOSOL, SOL)):
        message = priced(held, encoder, one, other, 10**9)
        assert (message.input_mint, message.output_mint) == (one.mint, other.mint)
        assert (message.route[0].input_mint, message.route[0].output_mint) == (one.mint, other.mint)


def test_a_quote_says_when_it_is_stale(held: HeldMarket, encoder: QuoteEncoder) -> None:
    held.add("p", 10**12, 80 * 10**9)
    quote = held.market.quote(SOL, USDC, 10**9)
    for age_ms, is_stale in ((5_000, False), (5_001, True)):
        held.clock.advance_ms(
            age_ms - held.market.store.of_pair(SOL.mint, USDC.mint)[0].age_ns(held.clock.mono_ns()) // 10**6
        )
        message = local_quote_pb2.LocalQuote.FromString(encoder.quote(quote, None))
        assert (message.pool_state_age_ms, message.is_stale) == (age_ms, is_stale)


def test_a_row_is_encoded_once_a_change_and_its_ages_once_a_moment(held: HeldMarket, encoder: QuoteEncoder) -> None:
    pool = held.add("p", 10**12, 80 * 10**9)
    row = row_of(held, 10**9)
    body, tail = encoder.row(row, None)
    held.clock.advance_ms(TAIL_AGE_NS_MAX // 10**6)
    again = encoder.row(row, None)
    assert again[0] is body
    assert again[1] is tail
    held.clock.advance_ms(1)
    body_later, tail_later = encoder.row(row, None)
    assert body_later is body
    assert tail_later != tail
    held.notify(pool, b=81 * 10**9)
    assert encoder.row(row, None)[0] != body


def test_a_refused_row_carries_its_error_and_no_price(held: HeldMarket, encoder: QuoteEncoder) -> None:
    row = held.market.table.register([(SOL, SSOL, 5)])[0]
    body, tail = encoder.row(row, held.market.chain_clock)
    message = local_quote_pb2.LocalQuote.FromString(body + tail)
    assert message.error.code == "FAILED_PRECONDITION"
    assert message.error.message == "SOL/sSOL: no pool of the supported DEXes holds this pair"
    assert (message.input_mint, message.input_amount, message.version) == (SOL.mint, 5, 1)
    assert message.output_amount == 0


def batch_of(data: bytes) -> local_quote_pb2.LocalQuoteBatch:
    return local_quote_pb2.LocalQuoteBatch.FromString(data)


def test_a_batch_keeps_order_numbers_sequence_and_snapshot(held: HeldMarket, encoder: QuoteEncoder) -> None:
    held.add("p", 10**12, 80 * 10**9)
    parts = QuoteParts()
    for number, amount in ((300, 10**9), (0, 10**10)):
        parts.add(*encoder.row(row_of(held, amount), None), number)
    parts.add(encoder.refusal("bad", "pair", 7, NoLiquidity("x", "y")), b"", 2)
    (data,) = parts.batches(count_max=10, sequence=9, snapshot=True)
    batch = batch_of(data)
    assert [(quote.row, quote.input_amount) for quote in batch.quotes] == [(300, 10**9), (0, 10**10), (2, 7)]
    assert (batch.sequence, batch.snapshot) == (9, True)
    assert batch.quotes[2].error.message == "x: y"
    singles = [local_quote_pb2.LocalQuote.FromString(message) for message in parts.messages()]
    assert singles == list(batch.quotes)


def test_more_quotes_than_a_message_holds_are_split_and_numbered_on(encoder: QuoteEncoder) -> None:
    parts = QuoteParts()
    for number in range(5):
        parts.add(encoder.refusal("in", "out", number, NoLiquidity("x", "y")), b"", number)
    batches = [batch_of(data) for data in parts.batches(count_max=2, sequence=4, snapshot=False)]
    assert [batch.sequence for batch in batches] == [4, 5, 6]
    assert [quote.row for batch in batches for quote in batch.quotes] == [0, 1, 2, 3, 4]


def test_no_quotes_are_no_message() -> None:
    assert QuoteParts().batches(count_max=2, sequence=1, snapshot=True) == []


def test_a_new_oracle_price_shows_without_a_change_of_the_row(held: HeldMarket, encoder: QuoteEncoder) -> None:
    held.add("p", 10**12, 80 * 10**9)
    told_usd(held, USDC, 1.0)
    told_usd(held, SOL, 80.0)
    assert priced(held, encoder, SOL, USDC, 10**9).oracle_price == pytest.approx(80.0)
    told_usd(held, SOL, 82.0)
    assert priced(held, encoder, SOL, USDC, 10**9).oracle_price == pytest.approx(82.0)


def test_lists_of_different_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="a body, a tail and a row"):
        write_batch([b""], [], [1], 1, False)
