"""An account update and its quotes as spans."""

from fakes.held_market import JITOSOL, SOL, USDC, HeldMarket
from fakes.traced import RUN_ID, parent_of, traced
from fakes.waiting import eventually

from local_quote.settings import LocalQuoteSettings
from quote_core.quote_id import LOCAL
from quote_core.quotes import route_id
from quote_core.telemetry.quote_ids import QUOTE, QuoteIds, span_id_of

AMOUNTS = (10**9, 2 * 10**9)


async def test_each_quote_that_an_update_changed_has_a_trace_that_begins_with_the_update():
    with traced() as spans:
        held = HeldMarket()
        pool = held.add("p", 10**12, 80 * 10**9)
        rows = held.subscribe(*((SOL, USDC, amount) for amount in AMOUNTS))
        held.notify(pool, a=10**12 + 10**10)
        await eventually(lambda: len(spans.named("quote")) == len(AMOUNTS))
        outputs = {row.amount: row.quote.swap.output_amount for row in held.rows(rows.take()) if row.quote is not None}
    ids = QuoteIds(run_id=RUN_ID, ratio=1.0)
    wanted = {ids.sampled(LOCAL, route_id(["p"]), amount, output) for amount, output in outputs.items()}
    assert {span.context.trace_id for span in spans.named("quote")} == wanted
    for quote in spans.named("quote"):
        (update,) = (one for one in spans.named("account update") if one.context.trace_id == quote.context.trace_id)
        assert parent_of(update) == 0
        assert parent_of(quote) == update.context.span_id
        assert quote.context.span_id == span_id_of(quote.context.trace_id, QUOTE)
        assert update.attributes is not None
        assert update.attributes["solquote.account"] == pool.vault_a
        assert update.attributes["solquote.slot"] == held.slot
        assert update.start_time is not None
        assert quote.start_time is not None
        assert update.start_time <= quote.start_time


async def test_a_quote_that_is_as_it_was_is_told_once():
    with traced() as spans:
        held = HeldMarket()
        pool = held.add("p", 10**12, 80 * 10**9)
        held.subscribe((SOL, USDC, 10**9))
        for amount_a in (10**12 + 10**10, 10**12, 10**12 + 10**10, 10**12 + 2 * 10**10):
            held.notify(pool, a=amount_a)
        await eventually(lambda: len(spans.named("quote")) == 3)
    told = [span.context.trace_id for span in spans.named("quote")]
    assert len(told) == len(set(told))


def test_without_a_tracer_nothing_is_noted(held: HeldMarket):
    pool = held.add("p", 10**12, 80 * 10**9)
    held.subscribe((SOL, USDC, 10**9))
    held.notify(pool, a=10**12 + 10**10)  # outside of an event loop, where noting would fail


async def test_a_quote_priced_because_somebody_subscribed_has_a_trace_that_begins_with_it():
    with traced() as spans:
        held = HeldMarket()
        held.add("p", 10**12, 80 * 10**9)
        held.register((SOL, USDC, 10**9), (SOL, USDC, 1))  # nobody fills the other
        await eventually(lambda: len(spans.named("quote")) == 1)
        (quote,) = spans.named("quote")
    assert parent_of(quote) == 0
    assert quote.attributes is not None
    assert (quote.attributes["solquote.pool"], quote.attributes["solquote.version"]) == ("p", 1)
    assert quote.attributes["solquote.pair"] == "SOL-USDC"
    assert spans.named("account update") == []


async def test_a_row_through_several_pools_has_a_trace_by_its_route_that_begins_with_a_pools_update():
    with traced() as spans:
        held = HeldMarket(LocalQuoteSettings(row_hop_count_max=2))
        held.add("p", 10**13, 12 * 10**12, tokens=(JITOSOL, SOL))
        second = held.add("q", 10**13, 80 * 10**10)
        (row,) = held.register((JITOSOL, USDC, 10**9))
        held.market.find_row_routes()
        held.notify(second, b=81 * 10**10)
        await eventually(lambda: len(spans.named("quote")) == 2)
        chain = held.market.table.row(row.number).chain
    assert chain is not None
    trace_id = QuoteIds(run_id=RUN_ID, ratio=1.0).sampled(LOCAL, route_id(["p", "q"]), 10**9, chain.state.output)
    (quote,) = (one for one in spans.named("quote") if one.context.trace_id == trace_id)
    (update,) = (one for one in spans.named("account update") if one.context.trace_id == trace_id)
    assert parent_of(quote) == update.context.span_id
    assert quote.attributes is not None
    assert update.attributes is not None
    assert quote.attributes["solquote.pool"] == "p/q"
    assert update.attributes["solquote.account"] == second.vault_b
