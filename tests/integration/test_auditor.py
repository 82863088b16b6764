"""The auditor against a real server: a restart, a query and the live account give the same figures."""

import asyncio
import contextlib

import pytest
from fakes.results import result
from fakes.waiting import DEADLINE_S

from pipeline.auditor.app import publish_snapshots
from pipeline.auditor.ledger import Ledger
from pipeline.auditor.reading import Books, follow_books, read_results
from pipeline.auditor.settings import AuditorSettings
from pipeline.auditor.usd import SolPrices
from pipeline.initializer.repair import repair
from pipeline.initializer.streams import STREAMS
from quote_core.bus import Bus
from quote_core.clock import SYSTEM_CLOCK
from quote_core.errors import ProviderUnavailable
from quote_core.events import (
    PnlSnapshot,
    Stream,
)

pytestmark = pytest.mark.integration


class Auditor:
    """The auditor's two tasks, with nothing kept from an earlier one."""

    def __init__(self, bus: Bus, *, slowed: bool = False) -> None:
        self.books = Books(capital_lamports=10**9, prices=SolPrices(()))
        changed = asyncio.Event()
        settings = AuditorSettings(snapshot_interval_min="1ms" if slowed else "10ms", snapshot_interval_max="100ms")
        self._tasks = [
            asyncio.create_task(follow_books(bus, self.books, on_change=changed.set)),
            asyncio.create_task(publish_snapshots(bus, self.books, changed, settings=settings, clock=SYSTEM_CLOCK)),
        ]

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task


async def queried(bus: Bus) -> Ledger:
    return Ledger.of([result async for result in read_results(bus)], capital_lamports=10**9)


async def snapshot_with(bus: Bus, cumulative_profit_lamports: int) -> PnlSnapshot:
    async with asyncio.timeout(DEADLINE_S):
        while True:
            event = await bus.last(PnlSnapshot)
            if isinstance(event, PnlSnapshot) and event.cumulative_profit_lamports == cumulative_profit_lamports:
                return event
            await asyncio.sleep(0.01)


async def test_the_account_is_the_same_live_after_a_restart_and_in_a_query(bus: Bus) -> None:
    first = Auditor(bus)
    for number, profit in enumerate((100, -30, 50)):
        await bus.publish(result(profit, number=number))
    live = await snapshot_with(bus, 120)
    await first.stop()
    await bus.publish(result(5, number=3))
    second = Auditor(bus)
    again = await snapshot_with(bus, 125)
    await second.stop()
    asked = await queried(bus)
    assert (live.filled_count, again.filled_count, asked.filled_count) == (3, 4, 4)
    assert asked.cumulative_profit_lamports == 125
    assert asked.sharpe_ratio == again.sharpe_ratio
    assert asked.max_drawdown_lamports == again.max_drawdown_lamports == live.max_drawdown_lamports == 30


async def test_a_restarted_auditor_publishes_no_account_before_it_has_added_up_the_whole_history(
    bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half this history is a fall of half the capital; all of it is a gain."""
    profits = [-(10**6)] * 500 + [2 * 10**6] * 500
    results = [result(profit, number=number) for number, profit in enumerate(profits)]
    for first in range(0, len(results), 50):
        await asyncio.gather(*(bus.publish(each) for each in results[first : first + 50]))
    monkeypatch.setattr("quote_core.bus.follow.BATCH_COUNT_MAX", 10)
    published: list[PnlSnapshot] = []
    await bus.listen("metrics.>", lambda event: published.append(event) if isinstance(event, PnlSnapshot) else None)
    auditor = Auditor(bus, slowed=True)
    await snapshot_with(bus, sum(profits))
    await auditor.stop()
    assert {snapshot.cumulative_profit_lamports for snapshot in published} == {sum(profits)}


async def test_what_is_no_result_is_counted_and_passed_over(bus: Bus) -> None:
    auditor = Auditor(bus)
    await bus.publish_bytes("executed.SOL-USDC.00", b"garbage", {})
    await bus.publish(result(7, number=1))
    await snapshot_with(bus, 7)
    assert auditor.books.malformed_count == 1
    await auditor.stop()


@pytest.mark.usefixtures("silence_is_short")
async def test_a_stream_made_anew_begins_another_account(bus: Bus) -> None:
    auditor = Auditor(bus)
    await bus.publish(result(7, number=1))
    await snapshot_with(bus, 7)
    await bus.jetstream.delete_stream(Stream.EXECUTED)
    await repair(bus, STREAMS)
    await bus.publish(result(9, number=2))
    await snapshot_with(bus, 9)
    assert auditor.books.ledger.filled_count == 1
    await auditor.stop()


async def test_a_query_without_results_is_an_empty_ledger_and_without_the_stream_an_error(bus: Bus) -> None:
    assert (await queried(bus)).trade_count == 0
    await bus.jetstream.delete_stream(Stream.EXECUTED)
    with pytest.raises(ProviderUnavailable):
        await queried(bus)
