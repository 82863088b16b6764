import asyncio

import pytest
from fakes.fake_clock import FakeClock
from fakes.held_quotes import KEY, MSOL, SOL, TOKENS, held, judge

from aggregator import wire
from aggregator.batch_feed import BatchFeed
from aggregator.table import QuoteTable
from quote_core.clock import SYSTEM_CLOCK
from quote_core.errors import ProviderUnavailable, RowLost
from quote_core.generated.solquote.v1 import quote_aggregator_pb2 as pb
from quote_core.quotes import QuoteKey
from quote_core.serving import Subscription, Subscriptions

S = 1_000_000_000
OTHER = QuoteKey(SOL, MSOL, 5)


@pytest.fixture
def table() -> QuoteTable:
    table = QuoteTable(tokens=TOKENS, clock=FakeClock(), judge=judge())
    table.row_added(0, KEY)
    table.row_added(1, OTHER)
    return table


def feed(table: QuoteTable, subscription: Subscription[int, bytes], **changes: object) -> BatchFeed:
    settings: dict[str, object] = {
        "refused": (),
        "clock": SYSTEM_CLOCK,
        "message_quotes_max": 500,
        "refresh_ns": 60 * S,
        "first_set_wait_ns": 0,
    }
    return BatchFeed(table=table, subscription=subscription, **{**settings, **changes})  # type: ignore[arg-type]


def numbered(*pairs: tuple[int, int]) -> list[tuple[int, bytes]]:
    """Rows, each with the subscriber's number for it."""
    return [(row, wire.row_suffix(number)) for row, number in pairs]


BOTH = numbered((0, 10), (1, 11))


def many() -> Subscriptions[int, bytes]:
    return Subscriptions(count_max=10)


async def read(messages: object) -> pb.BatchQuoteResponse:
    async with asyncio.timeout(60):
        return pb.BatchQuoteResponse.FromString(await anext(messages))  # type: ignore[call-overload]


def rows_of(message: pb.BatchQuoteResponse) -> list[int]:
    return [quote.row for quote in message.quotes]


async def test_first_set_is_complete_and_later_messages_hold_what_changed(table: QuoteTable) -> None:
    subscriptions = many()
    with subscriptions.follow(BOTH) as subscription:
        messages = feed(table, subscription).messages()
        table.take([held()])
        first = await read(messages)
        assert first.snapshot
        assert rows_of(first) == [10, 11]
        assert first.quotes[1].error.code == "UNAVAILABLE"
        subscriptions.publish(table.take([held(row=1, key=OTHER)]).changed)
        second = await read(messages)
        assert not second.snapshot
        assert rows_of(second) == [11]
        assert (first.sequence, second.sequence) == (1, 2)


async def test_first_set_waits_for_new_rows_but_not_for_ever(table: QuoteTable) -> None:
    subscriptions = many()
    with subscriptions.follow(BOTH) as subscription:
        messages = feed(table, subscription, first_set_wait_ns=60 * S).messages()
        reading = asyncio.create_task(read(messages))
        await asyncio.sleep(0)
        subscriptions.publish(table.take([held()]).changed)
        await asyncio.sleep(0)
        assert not reading.done()
        subscriptions.publish(table.take([held(row=1, key=OTHER)]).changed)
        first = await reading
        assert [quote.HasField("error") for quote in first.quotes] == [False, False]


async def test_slow_reader_gets_only_the_newest_value(table: QuoteTable) -> None:
    subscriptions = many()
    with subscriptions.follow(BOTH) as subscription:
        messages = feed(table, subscription).messages()
        await read(messages)
        for output in range(1, 100):
            subscriptions.publish(table.take([held(output)]).changed)
        message = await read(messages)
        assert [(quote.row, quote.output_amount) for quote in message.quotes] == [(10, 99)]
        assert subscriptions.conflated_count == 98


async def test_messages_hold_no_more_quotes_than_allowed(table: QuoteTable) -> None:
    subscriptions = many()
    with subscriptions.follow(BOTH) as subscription:
        messages = feed(table, subscription, message_quotes_max=1).messages()
        first, second = await read(messages), await read(messages)
        assert first.snapshot
        assert second.snapshot
        assert [rows_of(first), rows_of(second)] == [[10], [11]]


async def test_row_asked_for_twice_is_sent_under_both_numbers(table: QuoteTable) -> None:
    subscriptions = many()
    with subscriptions.follow(numbered((0, 4), (0, 9))) as subscription:
        messages = feed(table, subscription).messages()
        assert rows_of(await read(messages)) == [4, 9]


async def test_unchanged_row_comes_again_each_interval_while_another_changes_all_the_time(table: QuoteTable) -> None:
    clock, subscriptions = FakeClock(), many()
    with subscriptions.follow(BOTH) as subscription:
        messages = feed(table, subscription, clock=clock, refresh_ns=2 * S).messages()
        await read(messages)
        sent = []
        for output in range(1, 9):
            clock.advance_ns(S)
            subscriptions.publish(table.take([held(output)]).changed)
            sent.append(rows_of(await read(messages)))
    assert sent == [[10], [10, 11]] * 4


async def test_closing_ends_the_stream_with_a_reason(table: QuoteTable) -> None:
    subscriptions = many()
    with subscriptions.follow(BOTH) as subscription:
        messages = feed(table, subscription).messages()
        await read(messages)
        subscriptions.close(ProviderUnavailable("aggregator", "is stopping"))
        with pytest.raises(ProviderUnavailable, match="is stopping"):
            await read(messages)


async def test_subscriber_keeps_its_own_number_for_a_row_that_got_another(table: QuoteTable) -> None:
    subscriptions = many()
    with subscriptions.follow(BOTH) as subscription:
        messages = feed(table, subscription).messages()
        await read(messages)
        table.row_added(7, KEY)
        table.row_added(0, OTHER)
        subscriptions.rename({0: 7, 1: 0})
        subscriptions.publish(table.take([held(row=7)]).changed)
        subscriptions.publish(table.take([held(3, row=0, key=OTHER)]).changed)
        message = await read(messages)
        assert [(quote.row, quote.output_amount) for quote in message.quotes] == [(10, 140_000_000), (11, 3)]


async def test_subscriber_whose_row_is_lost_hears_that_it_is_over_and_others_go_on(table: QuoteTable) -> None:
    subscriptions = many()
    with subscriptions.follow(numbered((0, 1))) as losing, subscriptions.follow(numbered((1, 2))) as keeping:
        lost = feed(table, losing).messages()
        kept = feed(table, keeping).messages()
        await read(lost)
        await read(kept)
        subscriptions.rename({0: None})
        with pytest.raises(RowLost):
            await read(lost)
        subscriptions.publish(table.take([held(row=1, key=OTHER)]).changed)
        assert rows_of(await read(kept)) == [2]
