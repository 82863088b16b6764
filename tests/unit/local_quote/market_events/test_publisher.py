"""Without a bus: said once, tried again, and the market is not even watched. With one: tests/integration."""

import asyncio
from contextlib import suppress
from pathlib import Path

import pytest
from fakes.held_market import HeldMarket
from fakes.ports import free_port
from fakes.waiting import DEADLINE_S, eventually
from structlog.testing import capture_logs

from local_quote.market_events import publisher
from local_quote.market_events.conflation import Conflation
from local_quote.market_events.observer import MarketObserver, ObserverTerms
from local_quote.market_events.publisher import MarketEventPublisher
from quote_core.settings import PlatformSettings
from quote_core.units import LAMPORTS_PER_SOL, NS_PER_S


def telling(held: HeldMarket, **platform: object) -> MarketEventPublisher:
    waiting = Conflation(per_s_max=10, waiting_max=10)
    terms = ObserverTerms(
        amount_lamports=LAMPORTS_PER_SOL, trade_lamports_min=0, window_ns=NS_PER_S, spike_deviations=6
    )
    return MarketEventPublisher(
        market=held.market,
        observer=MarketObserver(market=held.market, waiting=waiting, clock=held.clock, terms=terms),
        waiting=waiting,
        platform=PlatformSettings.model_validate(platform),
        clock=held.clock,
        interval_ns=NS_PER_S,
    )


async def reasons(telling: MarketEventPublisher, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is said while it is tried some times."""
    tries = 0
    access_of = publisher.access_of

    def counted(*arguments: object) -> object:
        nonlocal tries
        tries += 1
        return access_of(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(publisher, "access_of", counted)
    monkeypatch.setattr(publisher, "RETRY_S", 0.01)
    with capture_logs() as logs:
        running = asyncio.create_task(telling.run())
        await eventually(lambda: tries > 3)
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
    return [line["reason"] for line in logs if line["event"].startswith("market events are not told now")]


async def test_a_bus_that_is_not_there_is_told_once_and_nothing_is_watched(
    held: HeldMarket, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    publisher_ = telling(held, nats_url=f"nats://127.0.0.1:{free_port()}", data_dir=tmp_path)
    assert len(await reasons(publisher_, monkeypatch)) == 1
    assert held.market.watcher is None
    assert not publisher_.is_connected
    assert publisher_.counts.fault_count == 0


async def test_told_to_end_at_any_moment_of_a_try_it_ends(
    held: HeldMarket, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(publisher, "RETRY_S", 3_600.0)
    publisher_ = telling(held, nats_url=f"nats://127.0.0.1:{free_port()}", data_dir=tmp_path)
    for turn_count in range(60):  # a try takes a dozen turns of the loop; in one of them its failure comes as well
        running = asyncio.create_task(publisher_.run())
        for _ in range(turn_count):
            await asyncio.sleep(0)
        running.cancel()
        ended, _ = await asyncio.wait([running], timeout=DEADLINE_S)
        assert ended, f"told to end after {turn_count} turns it goes on"


async def test_credentials_that_are_not_there_end_nothing(
    held: HeldMarket, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    publisher_ = telling(held, nats_credentials=tmp_path, data_dir=tmp_path)
    (reason,) = await reasons(publisher_, monkeypatch)
    assert f"{tmp_path / 'local_quote'} is not there" in reason
    assert held.market.watcher is None
