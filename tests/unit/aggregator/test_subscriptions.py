import asyncio

import pytest
from fakes.fake_clock import FakeClock
from fakes.held_quotes import KEY, MSOL, SOL, TOKENS, held, judge

from aggregator import wire
from aggregator.subscriptions import BatchFeed, Subscription, Subscriptions
from aggregator.table import QuoteTable
from quote_core.clock import SYSTEM_CLOCK
from quote_core.errors import ProviderUnavailable, RowLost
from quote_core.generated.solquote.v1 import quote_aggregator_pb2 as pb
from quote_core.quotes import QuoteKey

S = 1_000_000_000
OTHER = QuoteKey(SOL, MSOL, 5)


@pytest.fixture
def table() -> QuoteTable:
    table = QuoteTable(tokens=TOKENS, clock=FakeClock(), judge=judge(), encoder=wire)
    table.row_added(0, KEY)
    table.row_added(1, OTHER)
    return table


def feed(table: QuoteTable, subscription: Subscription, **changes: object) -> BatchFeed:
    settings: dict[str, object] = {
        "numbers": [(0, 10), (1, 11)],
        "refused": (),
        "clock": SYSTEM_CLOCK,
        "message_quotes_max": 500,
        "refresh_ns": 60 * S,
        "first_set_wait_ns": 0,
    }
    return BatchFeed(table=table, subscription=subscription, **{**settings, **changes})  # type: ignore[arg-type]


async def read(messages: object) -> pb.BatchQuoteResponse:
    async with asyncio.timeout(60):
        return pb.BatchQuoteResponse.FromString(await anext(messages))  # type: ignore[call-overload]


def rows_of(message: pb.BatchQuoteResponse) -> list[int]:
    return [quote.row for quote in message.quotes]


async def test_first_set_is_complete_and_later_messages_hold_what_changed(table: QuoteTable) -> None:
    subscriptions = Subscriptions()
    with subscriptions.follow((0, 1)) as subscription:
        messages = feed(table, subscription).messages()
        table.offer([held()])
        first = await read(messages)
        assert first.snapshot
        assert rows_of(first) == [10, 11]
        assert first.quotes[1].error.code == "UNAVAILABLE"
        subscriptions.publish(table.offer([held(row=1, key=OTHER)]).changed)
        second = await read(messages)
        assert not second.snapshot
        assert rows_of(second) == [11]
        assert (first.sequence, second.sequence) == (1, 2)


async def test_first_set_waits_for_new_rows_but_not_for_ever(table: QuoteTable) -> None:
    subscriptions = Subscriptions()
    with subscriptions.follow((0, 1)) as subscription:
        messages = feed(table, subscription, first_set_wait_ns=60 * S).messages()
        reading = asyncio.create_task(read(messages))
        await asyncio.sleep(0)
        subscriptions.publish(table.offer([held()]).changed)
        await asyncio.sleep(0)
        assert not reading.done()
        subscriptions.publish(table.offer([held(row=1, key=OTHER)]).changed)
        first = await reading
        assert [quote.HasField("error") for quote in first.quotes] == [False, False]


async def test_slow_reader_gets_only_the_newest_value(table: QuoteTable) -> None:
    subscriptions = Subscriptions()
    with subscriptions.follow((0, 1)) as subscription:
        messages = feed(table, subscription).messages()
        await read(messages)
        for output in range(1, 100):
            subscriptions.publish(table.offer([held(output)]).changed)
        message = await read(messages)
        assert [(quote.row, quote.output_amount) for quote in message.quotes] == [(10, 99)]
        assert subscriptions.conflated() == 98


async def test_messages_hold_no_more_quotes_than_allowed(table: QuoteTable) -> None:
    subscriptions = Subscriptions()
    with subscriptions.follow((0, 1)) as subscription:
        messages = feed(table, subscription, message_quotes_max=1).messages()
        first, second = await read(messages), await read(messages)
        assert first.snapshot
        assert second.snapshot
        assert [rows_of(first), rows_of(second)] == [[10], [11]]


async def test_row_asked_for_twice_is_sent_under_both_numbers(table: QuoteTable) -> None:
    subscriptions = Subscriptions()
    with subscriptions.follow((0,)) as subscription:
        messages = feed(table, subscription, numbers=[(0, 4), (0, 9)]).messages()
        assert rows_of(await read(messages)) == [4, 9]


async def test_unchanged_rows_are_sent_again_after_the_refresh_interval(table: QuoteTable) -> None:
    subscriptions = Subscriptions()
    with subscriptions.follow((0, 1)) as subscription:
        messages = feed(table, subscription, refresh_ns=1).messages()
        await read(messages)
        assert rows_of(await read(messages)) == [10, 11]


async def test_closing_ends_the_stream_with_a_reason(table: QuoteTable) -> None:
    subscriptions = Subscriptions()
    with subscriptions.follow((0, 1)) as subscription:
        messages = feed(table, subscription).messages()
        await read(messages)
        subscriptions.close()
        with pytest.raises(ProviderUnavailable, match="is stopping"):
            await read(messages)


async def test_subscriber_that_left_costs_nothing(table: QuoteTable) -> None:
    subscriptions = Subscriptions()
    with subscriptions.follow((0,)):
        assert len(subscriptions) == 1
    assert len(subscriptions) == 0
    subscriptions.publish((0,))


async def test_subscriber_keeps_its_own_number_for_a_row_that_got_another(table: QuoteTable) -> None:
    subscriptions = Subscriptions()
    with subscriptions.follow((0, 1)) as subscription:
        messages = feed(table, subscription).messages()
        await read(messages)
        table.row_added(7, KEY)
        table.row_added(0, OTHER)
        subscriptions.rows_moved({0: 7, 1: 0})
        subscriptions.publish(table.offer([held(row=7)]).changed)
        subscriptions.publish(table.offer([held(3, row=0, key=OTHER)]).changed)
        message = await read(messages)
        assert [(quote.row, quote.output_amount) for quote in message.quotes] == [(10, 140_000_000), (11, 3)]


async def test_subscriber_whose_row_is_lost_hears_that_it_is_over_and_others_go_on(table: QuoteTable) -> None:
    subscriptions = Subscriptions()
    with subscriptions.follow((0,)) as losing, subscriptions.follow((1,)) as keeping:
        lost = feed(table, losing, numbers=[(0, 1)]).messages()
        kept = feed(table, keeping, numbers=[(1, 2)]).messages()
        await read(lost)
        await read(kept)
        subscriptions.rows_moved({0: None})
        with pytest.raises(RowLost):
            await read(lost)
        subscriptions.publish(table.offer([held(row=1, key=OTHER)]).changed)
        assert rows_of(await read(kept)) == [2]
