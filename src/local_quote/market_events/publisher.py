"""Tells market events on the bus for as long as it is there; without one, quotes are given as ever.

Nothing here is waited for by a price. The market is watched once a bus was reached. Each look's events go out as one
batch of which the stream confirms the last; while that takes long, or the bus is away, newer events replace older ones
(`conflation`). A fault here is told in the log, and the telling begun anew: it ends nothing else.
"""

import asyncio
from dataclasses import dataclass
from typing import Final

import nats.errors
import structlog

from local_quote.market import LocalMarket
from local_quote.market_events.conflation import Conflation
from local_quote.market_events.observer import MarketObserver
from quote_core.addresses import redacted_servers
from quote_core.bus import Bus, BusRole, access_of, connect_as
from quote_core.bus.client import open_once
from quote_core.cancellation import heed_cancellation
from quote_core.clock import Clock
from quote_core.errors import ProviderUnavailable
from quote_core.settings import PlatformSettings, SettingsError
from quote_core.units import NS_PER_S

__all__ = ["MarketEventCounts", "MarketEventPublisher"]

RETRY_S: Final = 5.0
"""Between two tries to reach a bus that is not there, or lets nobody in."""
REACH_TIMEOUT_S: Final = 2.0

_log: Final = structlog.get_logger(part="market events")


@dataclass(slots=True)
class MarketEventCounts:
    """Since the start."""

    published_count: int = 0
    """Confirmed by the stream, each batch by its last."""
    unconfirmed_count: int = 0
    """Sent and not confirmed: they wait again, unless a newer one of their key does."""
    fault_count: int = 0
    """How often telling had to be begun anew."""


class MarketEventPublisher:
    """Looks at the market every `interval_ns`, and publishes what may be told."""

    def __init__(
        self,
        *,
        market: LocalMarket,
        observer: MarketObserver,
        waiting: Conflation,
        platform: PlatformSettings,
        clock: Clock,
        interval_ns: int,
    ) -> None:
        self.observer = observer
        self.waiting = waiting
        self.counts = MarketEventCounts()
        self._market = market
        self._platform = platform
        self._clock = clock
        self._interval_ns = interval_ns
        self._bus: Bus | None = None
        self._last_reason = ""

    @property
    def is_connected(self) -> bool:
        """Whether the bus is there now."""
        return self._bus is not None and self._bus.is_connected

    async def run(self) -> None:
        """Tell, for ever."""
        while True:
            try:
                await self._reach()
                async with connect_as(BusRole.LOCAL_QUOTE, self._platform) as bus:
                    self._last_reason = ""
                    await self._tell(bus)
            except (SettingsError, nats.errors.Error, TimeoutError, OSError) as error:
                self._not_told(str(error) or type(error).__name__)
            except Exception:  # noqa: BLE001  # whatever it is, quotes are given as ever
                self.counts.fault_count += 1
                _log.exception("telling market events failed; it is begun anew")
            heed_cancellation()
            await asyncio.sleep(RETRY_S)

    async def _reach(self) -> None:
        """Return once the bus lets this service in: `connect` would try ten times a second, and say nothing."""
        access = access_of(self._platform, BusRole.LOCAL_QUOTE)
        async with open_once(self._platform.nats_url, access, name="local_quote", timeout_s=REACH_TIMEOUT_S):
            pass

    async def _tell(self, bus: Bus) -> None:
        self._bus = bus
        self._market.watcher = self.observer
        self.observer.begin()
        try:
            while True:
                self.observer.look()
                if bus.is_connected:
                    await self._publish(bus)
                await asyncio.sleep(self._interval_ns / NS_PER_S)
        finally:
            self._market.watcher = None
            self._bus = None

    async def _publish(self, bus: Bus) -> None:
        batch = self.waiting.take(self._clock.mono_ns(), within_ns=self._interval_ns)
        if not batch:
            return
        try:
            await bus.publish_batch([event for _, event in batch])
        except ProviderUnavailable as error:
            self.counts.unconfirmed_count += len(batch)
            self.waiting.give_back(batch)
            self._not_told(str(error))
        except BaseException:  # what cannot be written now never can: it does not wait again
            self.counts.unconfirmed_count += len(batch)
            raise
        else:
            self.counts.published_count += len(batch)
            self._last_reason = ""

    def _not_told(self, reason: str) -> None:
        """Say so, once a reason."""
        if reason != self._last_reason:
            self._last_reason = reason
            where = redacted_servers(self._platform.nats_url)
            _log.warning("market events are not told now; quotes are given as ever", bus=where, reason=reason)
