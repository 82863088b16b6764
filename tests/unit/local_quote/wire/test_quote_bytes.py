"""Quotes as bytes, read back by the protobuf parser."""

import pytest
from fakes.held_market import JITOSOL, SOL, SSOL, USDC, HeldMarket
from fakes.oracle_accounts import pyth_account

from local_quote.pool_store import Doubt
from local_quote.route_finder import RouteTerms
from local_quote.settings import LocalQuoteSettings
from local_quote.wire._quote_writer import write_chain_quote
from local_quote.wire.quote_bytes import QuoteEncoder, ToldQuotes
from quote_core.clock import boot_id
from quote_core.dex.labels import ALL_DEXES
from quote_core.dex.pool import SwapMode
from quote_core.errors import InvalidField, RequestError
from quote_core.generated.solquote.v1 import local_quote_pb2, quotes_pb2
from quote_core.quotes import Provenance, route_id
from quote_core.serving import Combination
from quote_core.solana import AccountUpdate, UpdateSource
from quote_core.tokens import Token
from quote_core.units import Pubkey


@pytest.fixture
def encoder(held: HeldMarket) -> QuoteEncoder:
    return QuoteEncoder(
        table=held.market.table, oracle=held.market.oracle, clock=held.clock, stale_after_ns=held.settings.stale_after
    )


def priced(
    held: HeldMarket, encoder: QuoteEncoder, one: Token, other: Token, amount: int
) -> local_quote_pb2.LocalQuote:
    quote = held.market.quote(one, other, amount)
    return local_quote_pb2.LocalQuote.FromString(encoder.quote(quote, held.market.chain_clock))


def row_of(held: HeldMarket, amount: int) -> int:
    (row,) = held.register((SOL, USDC, amount))
    return row.number


def told(held: HeldMarket, encoder: QuoteEncoder, *rows: int) -> ToldQuotes:
    """What a subscriber is told that calls rows 0, 1, ... in this order."""
    labels = {row: (number,) for number, row in enumerate(rows)}
    return encoder.told(labels, rows, held.market.chain_clock)


def row_quote(held: HeldMarket, encoder: QuoteEncoder, row: int) -> local_quote_pb2.LocalQuote:
    (message,) = told(held, encoder, row).messages()
    return local_quote_pb2.LocalQuote.FromString(message)


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


def test_a_row_carries_every_field_that_a_quote_of_it_carries(held: HeldMarket, encoder: QuoteEncoder) -> None:
    """All but the fee, which rows do not know."""
    told_usd(held, SOL, 80.0)
    told_usd(held, USDC, 1.0)
    held.add("p", 10**12, 80 * 10**9, provenance=Provenance.SYNTHETIC)
    row = row_of(held, 10**9)
    quote = held.market.table.row(row).quote
    assert quote is not None
    held.clock.advance_ms(250)
    of_row = row_quote(held, encoder, row)
    assert of_row == local_quote_pb2.LocalQuote.FromString(encoder.quote(quote, held.market.chain_clock))
    assert of_row.HasField("deviation_percent")
    of_pool = priced(held, encoder, SOL, USDC, 10**9)
    of_pool.route[0].ClearField("fee_amount")
    of_pool.route[0].ClearField("fee_mint")
    of_pool.quote_cache_age_ms = 250  # it was worked out just now
    of_pool.quoted_unix_ns = of_row.quoted_unix_ns
    assert of_row == of_pool


def test_the_age_and_doubt_of_a_quote_are_those_of_its_sending(held: HeldMarket, encoder: QuoteEncoder) -> None:
    """A quote, or row, kept for long is not as young as it was made."""
    held.add("p", 10**12, 80 * 10**9)
    quote, row = held.market.quote(SOL, USDC, 10**9), row_of(held, 10**9)
    row_quote(held, encoder, row)
    held.clock.advance_ms(4_000)
    for message in (
        local_quote_pb2.LocalQuote.FromString(encoder.quote(quote, None)),
        row_quote(held, encoder, row),
    ):
        assert (message.pool_state_age_ms, message.quote_cache_age_ms, message.is_stale) == (4_000, 4_000, False)
        assert held.clock.mono_ns() - message.freshness.vouched_mono_ns == 4_000_000_000
    held.market.store.doubt(["p"], Doubt.REFUSED)
    assert local_quote_pb2.LocalQuote.FromString(encoder.quote(quote, None)).is_stale
    assert row_quote(held, encoder, row).is_stale


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


def test_only_times_tell_two_messages_of_an_unchanged_row_apart(held: HeldMarket, encoder: QuoteEncoder) -> None:
    pool = held.add("p", 10**12, 80 * 10**9)
    row = row_of(held, 10**9)
    first = row_quote(held, encoder, row)
    assert row_quote(held, encoder, row) == first
    held.clock.advance_ms(6)
    later = row_quote(held, encoder, row)
    assert (later.pool_state_age_ms, later.quote_cache_age_ms) == (first.pool_state_age_ms + 6, 6)
    later.pool_state_age_ms, later.quote_cache_age_ms = first.pool_state_age_ms, first.quote_cache_age_ms
    assert later == first
    held.notify(pool, b=81 * 10**9)
    changed = row_quote(held, encoder, row)
    assert (changed.version, changed.quote_cache_age_ms) == (2, 0)
    assert changed.output_amount > first.output_amount


def test_a_refused_row_carries_its_error_and_no_price(held: HeldMarket, encoder: QuoteEncoder) -> None:
    (row,) = held.register((SOL, SSOL, 5))
    message = row_quote(held, encoder, row.number)
    assert message.error.code == "FAILED_PRECONDITION"
    assert message.error.message == "SOL/sSOL: no pool of the supported DEXes holds this pair"
    assert (message.input_mint, message.input_amount, message.version) == (SOL.mint, 5, 1)
    assert message.output_amount == 0


def test_a_row_that_is_refused_for_another_reason_says_so(held: HeldMarket, encoder: QuoteEncoder) -> None:
    held.add("p", 10**12, 80 * 10**9)
    row = row_of(held, 1)
    first = row_quote(held, encoder, row)
    held.clock.advance_ms(60_001)
    held.market.sweep()
    second = row_quote(held, encoder, row)
    assert (first.version, second.version) == (1, 2)
    assert first.error.message != second.error.message


def batch_of(data: bytes) -> local_quote_pb2.LocalQuoteBatch:
    return local_quote_pb2.LocalQuoteBatch.FromString(data)


def bad(number: int) -> tuple[Combination, RequestError]:
    return Combination(number, "in", "out", number), InvalidField("x", "y")


def test_a_batch_keeps_order_numbers_sequence_and_snapshot(held: HeldMarket, encoder: QuoteEncoder) -> None:
    held.add("p", 10**12, 80 * 10**9)
    rows = row_of(held, 10**9), row_of(held, 10**10), row_of(held, 1)
    labels = {rows[0]: (300,), rows[1]: (0, 2**32 - 1), rows[2]: (5,)}
    quotes = encoder.told(labels, rows, held.market.chain_clock, [bad(2)])
    assert len(quotes) == 5
    (data,) = quotes.batches(count_max=10, sequence=9, snapshot=True)
    batch = batch_of(data)
    assert [(quote.row, quote.input_amount) for quote in batch.quotes] == [
        (2, 2),
        (300, 10**9),
        (0, 10**10),
        (2**32 - 1, 10**10),
        (5, 1),
    ]
    assert (batch.sequence, batch.snapshot) == (9, True)
    assert batch.quotes[0].error.message == "x: y"
    assert [quote.HasField("error") for quote in batch.quotes] == [True, False, False, False, True]
    singles = [local_quote_pb2.LocalQuote.FromString(message) for message in quotes.messages()]
    assert singles == list(batch.quotes)


def test_more_quotes_than_a_message_holds_are_split_and_numbered_on(held: HeldMarket, encoder: QuoteEncoder) -> None:
    held.add("p", 10**12, 80 * 10**9)
    rows = [row_of(held, 10**9 + number) for number in range(3)]
    labels = {row: (2 + number,) for number, row in enumerate(rows)}
    quotes = encoder.told(labels, rows, None, [bad(0), bad(1)])
    batches = [batch_of(data) for data in quotes.batches(count_max=2, sequence=4, snapshot=False)]
    assert [batch.sequence for batch in batches] == [4, 5, 6]
    assert [quote.row for batch in batches for quote in batch.quotes] == [0, 1, 2, 3, 4]
    columns = [columns_of(data) for data in quotes.columns(count_max=2, sequence=4, snapshot=False)]
    assert [(message.sequence, message.snapshot) for message in columns] == [(4, False), (5, False), (6, False)]
    told_rows = [
        [quote.row for quote in message.refused] + [row for group in message.groups for row in group.rows]
        for message in columns
    ]
    assert told_rows == [[0, 1], [2, 3], [4]]


def test_no_quotes_are_no_message(held: HeldMarket, encoder: QuoteEncoder) -> None:
    quotes = encoder.told({}, (), None)
    assert quotes.batches(count_max=2, sequence=1, snapshot=True) == []
    assert quotes.columns(count_max=2, sequence=1, snapshot=True) == []
    assert quotes.messages() == []


def columns_of(data: bytes) -> local_quote_pb2.LocalQuoteColumns:
    return local_quote_pb2.LocalQuoteColumns.FromString(data)


def test_columns_have_a_group_a_direction_and_pool_and_say_once_what_is_common(
    held: HeldMarket, encoder: QuoteEncoder
) -> None:
    """The pool with the lower fee is shallow: it wins small amounts only."""
    told_usd(held, SOL, 80.0)
    told_usd(held, USDC, 1.0)
    held.add("deep", 10**14, 80 * 10**11, fee_bps=100)
    held.add("cheap", 10**11, 80 * 10**8, fee_bps=1)
    wanted = [(SOL, USDC, 10**7), (SOL, USDC, 10**11), (USDC, SOL, 10**6), (SOL, USDC, 2 * 10**7), (SOL, SSOL, 5)]
    rows = [row.number for row in held.register(*wanted)]
    held.clock.advance_ms(30)
    quotes = told(held, encoder, *rows)
    (data,) = quotes.columns(count_max=10, sequence=3, snapshot=True)
    message = columns_of(data)
    assert (message.sequence, message.snapshot) == (3, True)
    assert [(group.common.pool_id, group.common.input_mint, list(group.rows)) for group in message.groups] == [
        ("cheap", SOL.mint, [0, 3]),
        ("deep", SOL.mint, [1]),
        ("cheap", USDC.mint, [2]),
    ]
    assert [quote.row for quote in message.refused] == [4]
    told_now = {
        quote.row: quote for quote in batch_of(quotes.batches(count_max=10, sequence=3, snapshot=True)[0]).quotes
    }
    assert message.refused[0] == told_now.pop(4)
    own = (
        *("input_amount", "output_amount", "price_impact", "version", "quoted_unix_ns", "quote_cache_age_ms"),
        *("row", "deviation_percent", "route"),
    )
    for group in message.groups:
        assert not {field.name for field, _ in group.common.ListFields()}.intersection(own)
        assert group.common.HasField("oracle_price")
        for k, row in enumerate(group.rows):
            quote = told_now.pop(row)
            assert group.input_amounts[k] == quote.input_amount == quote.route[0].input_amount
            assert group.output_amounts[k] == quote.output_amount == quote.route[0].output_amount
            assert group.price_impacts[k] == quote.price_impact
            assert group.versions[k] == quote.version
            assert group.quoted_unix_ns[k] == quote.quoted_unix_ns
            assert group.quote_cache_ages_ms[k] == quote.quote_cache_age_ms == 30
            hop = quote.route[0]
            hop.ClearField("input_amount")
            hop.ClearField("output_amount")
            assert hop == group.hop
            for name in own:
                quote.ClearField(name)
            assert quote == group.common
    assert told_now == {}


def test_a_quote_older_than_its_column_can_say_is_as_old_as_it_can_say(held: HeldMarket, encoder: QuoteEncoder) -> None:
    held.add("p", 10**12, 80 * 10**9)
    row = row_of(held, 10**9)
    held.clock.advance_ms(2**32 + 5)
    (data,) = told(held, encoder, row).columns(count_max=1, sequence=1, snapshot=False)
    assert list(columns_of(data).groups[0].quote_cache_ages_ms) == [2**32 - 1]


def test_a_new_oracle_price_shows_without_a_change_of_the_row(held: HeldMarket, encoder: QuoteEncoder) -> None:
    held.add("p", 10**12, 80 * 10**9)
    told_usd(held, USDC, 1.0)
    told_usd(held, SOL, 80.0)
    assert priced(held, encoder, SOL, USDC, 10**9).oracle_price == pytest.approx(80.0)
    told_usd(held, SOL, 82.0)
    assert priced(held, encoder, SOL, USDC, 10**9).oracle_price == pytest.approx(82.0)


def test_what_is_common_is_said_of_every_offer(held: HeldMarket) -> None:
    held.add("p", 10**12, 80 * 10**9)
    row = row_of(held, 10**9)
    quotes = ToldQuotes(held.market.table.quotes, {row: (0,)}, (row,), [])
    with pytest.raises(ValueError, match="a part for every offer"):
        quotes.fill([], [], 0)


@pytest.fixture
def routed() -> HeldMarket:
    """A market whose rows may be routes, with one from JitoSOL over SOL to USDC."""
    held = HeldMarket(LocalQuoteSettings(row_hop_count_max=2))
    held.add("p", 10**13, 12 * 10**12, tokens=(JITOSOL, SOL), provenance=Provenance.RECORDED)
    held.clock.advance_ms(100)
    held.add("q", 10**13, 80 * 10**10, tokens=(SOL, USDC), provenance=Provenance.SYNTHETIC)
    return held


def routed_rows(held: HeldMarket, *amounts: int) -> list[int]:
    rows = held.register(*((JITOSOL, USDC, amount) for amount in amounts))
    held.market.find_row_routes()
    return [row.number for row in rows]


def encoder_of(held: HeldMarket) -> QuoteEncoder:
    return QuoteEncoder(
        table=held.market.table, oracle=held.market.oracle, clock=held.clock, stale_after_ns=held.settings.stale_after
    )


def test_a_row_through_several_pools_carries_what_a_searched_route_carries(routed: HeldMarket) -> None:
    """All but the fees, which rows do not know, and with a depth that is of the chain whatever the amount."""
    encoder = encoder_of(routed)
    told_usd(routed, SOL, 80.0)
    told_usd(routed, USDC, 1.0)
    (row,) = routed_rows(routed, 10**9)
    of_row = row_quote(routed, encoder, row)
    terms = RouteTerms(ALL_DEXES, 2, 1)
    quote = routed.market.routed(JITOSOL, USDC, 10**9, mode=SwapMode.EXACT_IN, terms=terms)
    of_route = local_quote_pb2.LocalQuote.FromString(encoder.routed(quote, routed.market.chain_clock))
    assert [hop.pool_id for hop in of_row.route] == ["p", "q"]
    assert of_row.price_impact == pytest.approx(of_route.price_impact, abs=1e-12)
    assert of_row.depth_amount == pytest.approx(of_route.depth_amount, rel=0.01)
    assert of_row.pool_received_mono_ns == of_row.freshness.vouched_mono_ns
    for hop in of_route.route:
        for field in ("fee_amount", "fee_mint", "leg_percent"):
            hop.ClearField(field)
    for message in (of_row, of_route):
        for field in ("price_impact", "depth_amount", "pool_received_mono_ns", "version", "quoted_unix_ns"):
            message.ClearField(field)
    assert of_row == of_route
    assert of_row.provenance == quotes_pb2.PROVENANCE_SYNTHETIC


def test_a_row_through_several_pools_is_as_old_as_the_oldest_and_stale_with_any(routed: HeldMarket) -> None:
    encoder = encoder_of(routed)
    (row,) = routed_rows(routed, 10**9)
    entries = [routed.market.store.entry(Pubkey(name)) for name in ("p", "q")]
    assert all(entry is not None for entry in entries)
    fresh = row_quote(routed, encoder, row)
    assert not fresh.is_stale
    assert fresh.freshness.vouched_mono_ns == min(entry.vouched_mono_ns for entry in entries if entry is not None)
    assert fresh.slot == min(entry.slot for entry in entries if entry is not None)
    routed.market.doubt([Pubkey("q")], Doubt.REFUSED)
    assert row_quote(routed, encoder, row).is_stale


def test_rows_through_several_pools_stand_in_columns_and_batches_beside_the_others(routed: HeldMarket) -> None:
    encoder = encoder_of(routed)
    chains = routed_rows(routed, 10**9, 3 * 10**9)
    direct = row_of(routed, 10**9)
    (refused,) = routed.register((SOL, SSOL, 10**9))
    rows = [chains[0], direct, refused.number, chains[1]]
    quotes = told(routed, encoder, *rows)
    messages = [local_quote_pb2.LocalQuote.FromString(message) for message in quotes.messages()]
    assert [message.row for message in messages] == [0, 1, 2, 3]
    assert [len(message.route) for message in messages] == [2, 1, 0, 2]
    (batch,) = quotes.batches(count_max=10, sequence=1, snapshot=True)
    assert list(local_quote_pb2.LocalQuoteBatch.FromString(batch).quotes) == messages
    (data,) = quotes.columns(count_max=10, sequence=1, snapshot=True)
    columns = columns_of(data)
    assert list(columns.routed) == [messages[0], messages[3]]
    assert list(columns.refused) == [messages[2]]
    assert [list(group.rows) for group in columns.groups] == [[1]]


def test_a_chain_has_an_amount_more_than_hops() -> None:
    with pytest.raises(ValueError, match="an amount before every hop"):
        write_chain_quote(b"", (b"", b""), (1, 2), None, 1.0, 0.0, 1, 0, 0, 0)
