"""Streams as a slow or leaving subscriber sees them."""

import pytest
from fakes.held_market import JITOSOL, SOL, USDC, HeldMarket

from local_quote.evidence import EvidenceFinder, RoutesTold
from local_quote.route_finder import RouteTerms
from local_quote.servicer import LocalQuoteServicer
from local_quote.settings import LocalQuoteSettings
from local_quote.wire import QuoteEncoder
from local_quote.wire.messages import BatchQuoteRequest, LocalQuoteRequest
from quote_core.dex.labels import ALL_DEXES
from quote_core.errors import InvalidField, NoLiquidity, ProviderUnavailable, TooManyStreams
from quote_core.generated.solquote.v1 import local_quote_pb2, quotes_pb2
from quote_core.health import HealthReport
from quote_core.quotes import route_id

REQUEST = BatchQuoteRequest(
    pairs=[quotes_pb2.TokenPair(input_mint=SOL.mint, output_mint=USDC.mint)],
    amounts=[10**9],
    refresh_interval_ms=60_000,
)


class Served:
    """A servicer over a market of one pool."""

    def __init__(self, held: HeldMarket) -> None:
        self.held = held
        self.pool = held.add("p", 10**12, 80 * 10**9)
        self.hurried: list[tuple[str, str]] = []
        self.servicer = LocalQuoteServicer(
            market=held.market,
            encoder=QuoteEncoder(
                table=held.market.table,
                oracle=held.market.oracle,
                clock=held.clock,
                stale_after_ns=held.settings.stale_after,
            ),
            clock=held.clock,
            hurry=lambda one, other: self.hurried.append((one, other)),
            dropped=lambda: (),
            health=lambda: HealthReport(is_serving=True, version="1", uptime_ms=0, findings=(), figures={}),
            quotes_per_request_max=held.settings.quotes_per_request_max,
            route_hop_count_max=4,
            routes_max=RouteTerms(ALL_DEXES, 3, 3),
            evidence=EvidenceFinder(
                store=held.market.store,
                registry=held.market.registry,
                told=RoutesTold(count_max=10),
                priced=held.market.table.chains_priced,
            ),
        )


@pytest.fixture
def served(held: HeldMarket) -> Served:
    return Served(held)


def batch_of(data: bytes) -> local_quote_pb2.LocalQuoteBatch:
    return local_quote_pb2.LocalQuoteBatch.FromString(data)


def test_a_wanted_output_is_answered_with_its_cost(served: Served) -> None:
    asked = LocalQuoteRequest(input_mint=SOL.mint, output_mint=USDC.mint, output_amount=80_000_000)
    quote = local_quote_pb2.LocalQuote.FromString(served.servicer.get_quote(asked))
    assert quote.output_amount == quote.route[0].output_amount == 80_000_000
    assert quote.input_amount == quote.route[0].input_amount > 10**9
    assert served.hurried == [(SOL.mint, USDC.mint)]


def test_a_dex_without_a_pool_of_the_pair_has_no_quote(served: Served) -> None:
    asked = LocalQuoteRequest(input_mint=SOL.mint, output_mint=USDC.mint, input_amount=10**9)
    asked.exclude_dexes.append("raydium_amm_v4")
    with pytest.raises(NoLiquidity, match="no pool of the DEXes asked for"):
        served.servicer.get_quote(asked)


def quoted(served: Served, **fields: object) -> local_quote_pb2.LocalQuote:
    asked = LocalQuoteRequest(**fields)  # type: ignore[arg-type]
    return local_quote_pb2.LocalQuote.FromString(served.servicer.get_quote(asked))


def test_a_pair_without_a_pool_is_answered_through_another_token(served: Served) -> None:
    served.held.add("j", 10**12, 9 * 10**11, tokens=(SOL, JITOSOL))
    quote = quoted(served, input_mint=JITOSOL.mint, output_mint=USDC.mint, input_amount=10**9)
    assert [hop.pool_id for hop in quote.route] == ["j", "p"]
    assert [hop.input_mint for hop in quote.route] == [JITOSOL.mint, SOL.mint]
    assert quote.route[0].output_amount == quote.route[1].input_amount
    assert quote.route[1].output_amount == quote.output_amount
    assert (quote.pool_id, quote.route_id) == ("j", route_id(["j", "p"]))
    assert quote.price_impact > max(served.held.market.quoter.best(JITOSOL, SOL, 10**9).price_impact, 0)
    assert served.hurried == [(SOL.mint, JITOSOL.mint), (SOL.mint, USDC.mint)]


def test_a_pair_with_a_pool_stays_direct_unless_more_is_asked_for(served: Served) -> None:
    served.held.add("j", 10**12, 10**12, tokens=(SOL, JITOSOL))
    served.held.add("k", 10**12, 99 * 10**9, tokens=(JITOSOL, USDC))
    pair = {"input_mint": SOL.mint, "output_mint": USDC.mint, "input_amount": 10**9}
    assert [hop.pool_id for hop in quoted(served, **pair).route] == ["p"]
    assert [hop.pool_id for hop in quoted(served, **pair, only_direct_routes=True).route] == ["p"]
    assert [hop.pool_id for hop in quoted(served, **pair, max_hops=2).route] == ["j", "k"]


def test_an_amount_is_split_over_pools_and_every_part_says_its_percent(served: Served) -> None:
    served.held.add("q", 10**12, 80 * 10**9)
    quote = quoted(served, input_mint=SOL.mint, output_mint=USDC.mint, input_amount=10**11, max_splits=2)
    assert sorted(hop.pool_id for hop in quote.route) == ["p", "q"]
    assert [(hop.leg, hop.leg_percent) for hop in quote.route] == [(0, 50), (1, 50)]
    assert sum(hop.input_amount for hop in quote.route) == quote.input_amount == 10**11
    assert sum(hop.output_amount for hop in quote.route) == quote.output_amount
    assert quote.route_id not in {route_id(["p"]), route_id(["q"]), route_id(["p", "q"])}


def test_a_circular_route_goes_out_and_comes_back_through_different_pools(served: Served) -> None:
    served.held.add("dear", 10**12, 100 * 10**9)
    quote = quoted(served, input_mint=SOL.mint, output_mint=SOL.mint, input_amount=10**9, max_hops=2)
    assert [hop.pool_id for hop in quote.route] == ["dear", "p"]
    assert quote.output_amount > 10**9


def test_a_wanted_output_through_two_pools_costs_what_brings_it_and_no_unit_more(served: Served) -> None:
    served.held.add("j", 10**12, 9 * 10**11, tokens=(SOL, JITOSOL))
    pair = {"input_mint": JITOSOL.mint, "output_mint": USDC.mint}
    quote = quoted(served, **pair, output_amount=123_456_789)
    assert quote.output_amount >= 123_456_789
    assert quoted(served, **pair, input_amount=quote.input_amount).output_amount == quote.output_amount
    assert quoted(served, **pair, input_amount=quote.input_amount - 1).output_amount < 123_456_789


@pytest.mark.parametrize(
    ("fields", "rule"),
    [
        ({"max_hops": 4}, "max_hops: must be from 0 to 3, got 4"),
        ({"max_splits": 4}, "max_splits: must be from 0 to 3, got 4"),
        ({"max_accounts": 17}, "max_accounts: must be 0 or at least 18, got 17"),
        ({"output_mint": SOL.mint}, "output_mint: must differ from input_mint"),
        ({"output_mint": SOL.mint, "max_hops": 1}, "output_mint: must differ from input_mint"),
        (
            {"output_mint": SOL.mint, "max_hops": 2, "only_direct_routes": True},
            "output_mint: must differ from input_mint",
        ),
        ({"input_amount": 0, "output_amount": 1, "max_splits": 2}, "max_splits: must be 1 for a wanted output"),
    ],
)
def test_what_no_route_can_be_is_refused_by_its_name(served: Served, fields: dict[str, object], rule: str) -> None:
    with pytest.raises(InvalidField, match=f"^{rule}"):
        quoted(served, **({"input_mint": SOL.mint, "output_mint": USDC.mint, "input_amount": 10**9} | fields))


def test_a_direct_route_is_one_swap_however_many_hops_there_may_be(served: Served) -> None:
    served.held.add("j", 10**12, 10**12, tokens=(SOL, JITOSOL))
    served.held.add("dear", 10**12, 200 * 10**9, tokens=(JITOSOL, USDC))
    asked = {"input_mint": SOL.mint, "output_mint": USDC.mint, "input_amount": 10**9, "max_hops": 2}
    assert len(quoted(served, **asked).route) == 2
    assert [hop.pool_id for hop in quoted(served, **asked, only_direct_routes=True).route] == ["p"]


def test_a_route_keeps_within_its_accounts_or_is_refused_with_their_number(served: Served) -> None:
    served.held.add("j", 10**12, 10**12, tokens=(SOL, JITOSOL))
    served.held.add("dear", 10**12, 200 * 10**9, tokens=(JITOSOL, USDC))
    asked = {"input_mint": SOL.mint, "output_mint": USDC.mint, "input_amount": 10**9, "max_hops": 2}
    assert [hop.pool_id for hop in quoted(served, **asked, max_accounts=38).route] == ["j", "dear"]
    assert [hop.pool_id for hop in quoted(served, **asked, max_accounts=37).route] == ["p"]
    assert [hop.pool_id for hop in quoted(served, **asked, max_accounts=25).route] == ["p"]
    with pytest.raises(NoLiquidity, match=r"^SOL/USDC: no route of up to 24 accounts fills 1000000000$"):
        quoted(served, **asked, max_accounts=24)


def test_a_route_that_nobody_fills_is_refused_with_its_bound(served: Served) -> None:
    served.held.add("j", 10**12, 9 * 10**11, tokens=(SOL, JITOSOL))
    with pytest.raises(NoLiquidity, match=r"^JitoSOL/USDC: no pool of the supported DEXes holds this pair$"):
        quoted(served, input_mint=JITOSOL.mint, output_mint=USDC.mint, input_amount=10**9, only_direct_routes=True)
    with pytest.raises(NoLiquidity, match=r"^JitoSOL/USDC: no route of up to 2 swaps through usable pools fills 7$"):
        quoted(served, input_mint=JITOSOL.mint, output_mint=USDC.mint, input_amount=7, max_hops=2)


async def test_a_slow_subscriber_gets_the_newest_of_each_row_once(served: Served) -> None:
    stream = served.servicer.stream_quote_batches(REQUEST)
    (first,) = batch_of(await anext(stream)).quotes
    for amount_b in (81, 82, 83):
        served.held.notify(served.pool, b=amount_b * 10**9)
    batch = batch_of(await anext(stream))
    (newest,) = batch.quotes
    assert newest.version == first.version + 3
    assert newest.output_amount == served.held.market.quote(SOL, USDC, 10**9).swap.output_amount
    assert (batch.sequence, batch.snapshot) == (2, False)
    assert served.held.market.subscriptions.conflated_count == 2
    await stream.aclose()
    assert served.held.market.subscriptions.conflated_count == 2


async def test_rows_that_change_together_come_in_one_message(served: Served) -> None:
    both = BatchQuoteRequest(
        pairs=[
            quotes_pb2.TokenPair(input_mint=SOL.mint, output_mint=USDC.mint, amounts=[10**9, 10**10]),
            quotes_pb2.TokenPair(input_mint=USDC.mint, output_mint=SOL.mint, amounts=[10**7]),
        ],
        refresh_interval_ms=60_000,
    )
    stream = served.servicer.stream_quote_batches(both)
    assert len(batch_of(await anext(stream)).quotes) == 3
    served.held.notify(served.pool, a=11 * 10**11, b=75 * 10**9)
    assert sorted(quote.row for quote in batch_of(await anext(stream)).quotes) == [0, 1, 2]
    await stream.aclose()


async def test_a_subscriber_that_leaves_takes_its_rows_along(served: Served) -> None:
    stays, leaves = (served.servicer.stream_quote_batches(REQUEST) for _ in range(2))
    await anext(stays)
    await anext(leaves)
    await leaves.aclose()
    assert (len(served.held.market.table), len(served.held.market.subscriptions)) == (1, 1)
    await stays.aclose()
    assert (len(served.held.market.table), len(served.held.market.subscriptions)) == (0, 0)


async def test_two_subscribers_get_the_same_bytes_of_a_row_that_is_priced_once(served: Served) -> None:
    streams = [served.servicer.stream_quote_batches(REQUEST) for _ in range(2)]
    for stream in streams:
        await anext(stream)
    served.pool.ladder_count = 0
    served.held.notify(served.pool, b=81 * 10**9)
    priced_count = served.pool.ladder_count
    first = await anext(streams[0])
    assert await anext(streams[1]) == first
    assert served.pool.ladder_count == priced_count
    for stream in streams:
        await stream.aclose()


async def test_there_are_only_so_many_places() -> None:
    served = Served(HeldMarket(settings=LocalQuoteSettings(subscriber_count_max=1)))
    stream = served.servicer.stream_quote_batches(REQUEST)
    await anext(stream)
    with pytest.raises(TooManyStreams):
        await anext(served.servicer.stream_batch_quotes(REQUEST))
    await stream.aclose()
    again = served.servicer.stream_batch_quotes(REQUEST)
    await anext(again)
    await again.aclose()


async def test_a_service_that_stops_says_so_on_every_stream(served: Served) -> None:
    stream = served.servicer.stream_quote_batches(REQUEST)
    await anext(stream)
    served.held.market.subscriptions.close(ProviderUnavailable("local quotes", "the service is stopping"))
    with pytest.raises(ProviderUnavailable, match="stopping"):
        await anext(stream)
    assert len(served.held.market.table) == 0


def test_whoever_asks_for_a_quote_hurries_its_pools(served: Served) -> None:
    served.servicer.get_quote(LocalQuoteRequest(input_mint=SOL.mint, output_mint=USDC.mint, input_amount=10**9))
    assert served.hurried == [(SOL.mint, USDC.mint)]


def quotes_of(data: bytes) -> dict[int, local_quote_pb2.LocalQuote]:
    """The quotes of a message of columns by number, as `LocalQuote` says the same."""
    message = local_quote_pb2.LocalQuoteColumns.FromString(data)
    quotes = {quote.row: quote for quote in message.refused}
    for group in message.groups:
        columns = zip(
            group.rows,
            group.input_amounts,
            group.output_amounts,
            group.price_impacts,
            group.versions,
            group.quoted_unix_ns,
            group.quote_cache_ages_ms,
            strict=True,
        )
        for row, amount_in, amount_out, impact, version, unix_ns, age_ms in columns:
            quote = quotes[row] = local_quote_pb2.LocalQuote()
            quote.CopyFrom(group.common)
            quote.MergeFrom(
                local_quote_pb2.LocalQuote(
                    row=row,
                    input_amount=amount_in,
                    output_amount=amount_out,
                    price_impact=impact,
                    version=version,
                    quoted_unix_ns=unix_ns,
                    quote_cache_age_ms=age_ms,
                    route=[group.hop],
                )
            )
            quote.route[0].input_amount, quote.route[0].output_amount = amount_in, amount_out
    return quotes


def batch_quotes(data: bytes) -> dict[int, local_quote_pb2.LocalQuote]:
    """The quotes of a batch by number, without what columns leave to the reader to work out."""
    batch = batch_of(data)
    for quote in batch.quotes:
        quote.ClearField("deviation_percent")
    return {quote.row: quote for quote in batch.quotes}


async def test_columns_say_what_batches_say(served: Served) -> None:
    served.held.add("q", 10**12, 79 * 10**9)
    wanted = BatchQuoteRequest(
        pairs=[
            quotes_pb2.TokenPair(input_mint=SOL.mint, output_mint=USDC.mint, amounts=[10**9, 10**10, 10**9, 1]),
            quotes_pb2.TokenPair(input_mint=USDC.mint, output_mint=SOL.mint, amounts=[10**7]),
            quotes_pb2.TokenPair(input_mint="bad", output_mint=SOL.mint, amounts=[10**7]),
        ],
        refresh_interval_ms=60_000,
    )
    columns, batches = served.servicer.stream_quote_columns(wanted), served.servicer.stream_quote_batches(wanted)
    first = await anext(columns)
    assert quotes_of(first) == batch_quotes(await anext(batches))
    message = local_quote_pb2.LocalQuoteColumns.FromString(first)
    assert (message.sequence, message.snapshot) == (1, True)
    assert sorted(quote.row for quote in message.refused) == [3, 5]
    served.held.notify(served.pool, a=11 * 10**11, b=75 * 10**9)
    second = await anext(columns)
    assert quotes_of(second) == batch_quotes(await anext(batches))
    message = local_quote_pb2.LocalQuoteColumns.FromString(second)
    assert (message.sequence, message.snapshot) == (2, False)
    for stream in (columns, batches):
        await stream.aclose()
