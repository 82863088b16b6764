"""One event by its id, wherever it is still kept, or from what somebody kept of it: a line of JSON, or its bytes."""

import asyncio
import contextlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from pipeline.event_logger import entries_with
from pipeline.event_logger.settings import EventLoggerSettings
from quote_core.errors import LayoutMismatch, SolquoteError
from quote_core.events import Event, Stream, decode, encode, view
from quote_core.events.json_form import event_from_json
from quote_core.settings import PlatformSettings
from solquote.exit_codes import ExitCode
from solquote.output import CommandFailed

__all__ = ["FoundEvent", "event_of_file", "find_event", "is_event_id"]

_ID: Final = re.compile("[0-9a-fA-F]{32}")
_FAMILY: Final = slice(4, 6)
"""Where every event's bytes have the letters of its family's file identifier that all families begin with."""

STREAMS: Final = (Stream.OPPORTUNITIES, Stream.PLANNED, Stream.EXECUTED)
"""Of what can be explained."""


@dataclass(frozen=True, slots=True)
class FoundEvent:
    """An event, and where it was found, for people."""

    event: Event
    where: str


def is_event_id(text: str) -> bool:
    """Whether this is how ids of events are written, which no quote's id is."""
    return _ID.fullmatch(text) is not None


def event_of_file(data: bytes, *, name: str) -> FoundEvent | None:
    """Read what a file holds; `None` when it does not look like an event.

    Args:
        data: All of it: the bytes of one event, the JSON of one, or a line of `events`, `journal` or `history`.
        name: What to call it.

    Raises:
        LayoutMismatch: It looks like one and is none that this release reads.
    """
    if data[_FAMILY] == b"SQ":
        return FoundEvent(decode(data), name)
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        return None
    if not isinstance(document, dict) or not document.keys() & {"event", "type"}:
        return None
    event = event_from_json(document.get("event", document))
    encode(event)  # a number or an id that fits no field is refused here, and named
    return FoundEvent(event, name)


def find_event(
    platform: PlatformSettings, environ: Mapping[str, str], event_id: bytes, *, timeout_s: float
) -> FoundEvent:
    """Look for it in the journal, then in the history, then on the bus.

    Raises:
        CommandFailed: It is nowhere; says where was looked.
    """
    looked = []
    for source in (_in_journal, _in_history, _on_bus):
        try:
            found = source(platform, environ, event_id, timeout_s)
        except (SolquoteError, CommandFailed, OSError) as error:
            looked.append(str(error))
            continue
        if isinstance(found, FoundEvent):
            return found
        looked.append(found)
    raise CommandFailed("NOT_FOUND", f"no event {event_id.hex()}: {'; '.join(looked)}", ExitCode.BAD_INPUT)


def _in_journal(platform: PlatformSettings, environ: Mapping[str, str], event_id: bytes, _: float) -> FoundEvent | str:
    folder = EventLoggerSettings.load(environ=environ).journal_folder(platform)
    for entry in entries_with(folder, event_id):
        if (event := _event_of_id(entry.payload, event_id)) is not None:
            return FoundEvent(event, f"record {entry.index} of the journal in {folder}")
    return f"the journal in {folder} does not have it"


def _in_history(platform: PlatformSettings, environ: Mapping[str, str], event_id: bytes, _: float) -> FoundEvent | str:
    from pipeline.history.database import HistoryDatabase  # noqa: PLC0415  # its libraries are loaded for the look only
    from pipeline.history.queries import EventQuery, find_events  # noqa: PLC0415  # the same
    from pipeline.history.settings import HistorySettings  # noqa: PLC0415  # the same

    with contextlib.closing(HistoryDatabase(platform, HistorySettings.load(environ=environ))) as database:
        if database.is_sqlite and not database.file.is_file():
            return f"{database.file} is not there"
        database.check_version()
        for row in find_events(database, EventQuery(event_id=event_id.hex(), count=1)):
            return FoundEvent(decode(row.payload), f"the history in {database.shown_url}")
        return f"the history in {database.shown_url} does not have it"


def _on_bus(platform: PlatformSettings, _: Mapping[str, str], event_id: bytes, timeout_s: float) -> FoundEvent | str:
    from solquote.lean_libraries import load_bus_libraries  # noqa: PLC0415  # NATS is loaded for the look only

    load_bus_libraries()
    return asyncio.run(_on_streams(platform, event_id, timeout_s)) or f"{', '.join(STREAMS)} do not have it"


async def _on_streams(platform: PlatformSettings, event_id: bytes, timeout_s: float) -> FoundEvent | None:
    from quote_core.bus.follow import read_to_end  # noqa: PLC0415  # see above
    from solquote.bus_reading import open_bus  # noqa: PLC0415  # see above

    async with open_bus(platform, name="solquote explain", timeout_s=timeout_s) as bus:
        for stream in STREAMS:
            async for message in read_to_end(bus, stream):
                if event_id in message.data and (event := _event_of_id(message.data, event_id)) is not None:
                    return FoundEvent(event, f"message {message.sequence} of {stream}")
    return None


def _event_of_id(data: bytes, event_id: bytes) -> Event | None:
    """The event in these bytes, if it is the one and not another that names it."""
    with contextlib.suppress(LayoutMismatch):
        seen = view(data)
        if seen["header"].event_id == event_id:
            return seen.whole()
    return None
