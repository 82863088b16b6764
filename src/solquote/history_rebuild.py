"""What `solquote history rebuild` does: send the history's writing back to the oldest message that each stream keeps.

What is in the database of those messages is deleted, and the auditor, which notices within seconds, writes it anew from
the stream. What the streams have dropped since stays as it is, and so does the services' work, which is added up.
"""

import asyncio
from collections.abc import Mapping

from pipeline.history.database import HistoryDatabase
from pipeline.history.settings import HistorySettings
from pipeline.history.store import rewind
from quote_core.bus.follow import first_kept
from quote_core.events import Stream
from quote_core.settings import PlatformSettings
from solquote.bus_reading import open_bus

__all__ = ["rebuild"]


def rebuild(
    platform: PlatformSettings, settings: HistorySettings, database: HistoryDatabase, *, timeout_s: float
) -> Mapping[Stream, int]:
    """Rewind every stream that the history holds messages of; says how many of each are to be written anew.

    Raises:
        CommandFailed: NATS cannot be reached.
        HistoryUnavailable: The database does not do its part.
        ProviderUnavailable: A stream is not there.
    """
    return asyncio.run(_rebuild(platform, settings, database, timeout_s=timeout_s))


async def _rebuild(
    platform: PlatformSettings, settings: HistorySettings, database: HistoryDatabase, *, timeout_s: float
) -> Mapping[Stream, int]:
    streams = sorted({Stream.EXECUTED, *settings.event_streams} - {Stream.METRICS})
    async with open_bus(platform, name="solquote history", timeout_s=timeout_s) as bus, asyncio.timeout(timeout_s):
        first = {stream: await first_kept(bus, stream) for stream in streams}
    return {stream: rewind(database, stream, first=place) for stream, place in first.items()}
