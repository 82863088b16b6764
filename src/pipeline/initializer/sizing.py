"""How much the streams may hold on the disk and in the memory there are.

Where there is enough, each stream gets what it needs. Where there is not, EXECUTED and SYSTEM, from which the rules and
the kill switch are rebuilt, are shortened last: the others share what these leave, none below its floor.
"""

import os
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from pipeline.initializer.streams import StreamPlan
from quote_core.events import Stream

__all__ = ["FLOOR_BYTES", "Room", "fit", "fit_to", "need_bytes", "room_at", "shortened"]

FLOOR_BYTES: Final = 64 * 1024 * 1024
"""No stream gets less, unless it needs less."""

DISK_FRACTION_MAX: Final = 0.8
"""Of the disk that is free or held by streams already; the rest is everybody else's."""

MEMORY_FRACTION_MAX: Final = 0.25
"""Of the machine's memory, for memory streams."""

STORAGES: Final = ("file", "memory")

LAST_SHORTENED: Final = (Stream.EXECUTED, Stream.SYSTEM)


@dataclass(frozen=True, slots=True)
class Room:
    """What there is for streams; `None` = not known, so that the server's own limits decide.

    Attributes:
        disk_bytes: Free on the disk of the streams, and held by them already.
        journal_bytes: What the event logger's journal may still take of that.
        history_bytes: What the history's file may still take of that.
        memory_bytes: The machine's memory.
    """

    disk_bytes: int | None = None
    journal_bytes: int = 0
    history_bytes: int = 0
    memory_bytes: int | None = None

    def streams_bytes(self, storage: str) -> int | None:
        """For all streams of one storage."""
        if storage == "memory":
            return None if self.memory_bytes is None else round(self.memory_bytes * MEMORY_FRACTION_MAX)
        if self.disk_bytes is None:
            return None
        return max(0, round(self.disk_bytes * DISK_FRACTION_MAX) - self.journal_bytes - self.history_bytes)


def room_at(folder: Path, *, held_bytes: int, journal_bytes_max: int, history_bytes_max: int) -> Room:
    """What there is on this machine.

    Args:
        folder: On the disk of streams and journal; where it is not there yet, the nearest folder above that is.
        held_bytes: What file streams hold already.
        journal_bytes_max: What the journal may hold in all.
        history_bytes_max: What the history's file may hold in all.
    """
    while not folder.exists():
        folder = folder.parent
    journal_held_bytes = sum(path.stat().st_size for path in folder.glob("journal/*"))
    history_held_bytes = sum(path.stat().st_size for path in folder.glob("history.db*"))
    return Room(
        disk_bytes=shutil.disk_usage(folder).free + held_bytes,
        journal_bytes=max(0, journal_bytes_max - journal_held_bytes),
        history_bytes=max(0, history_bytes_max - history_held_bytes),
        memory_bytes=os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
    )


def need_bytes(plans: Iterable[StreamPlan], storage: str) -> int:
    """What all streams of one storage take when they are full."""
    return sum(plan.need_bytes for plan in plans if plan.storage == storage)


def fit(plans: Sequence[StreamPlan], room: Room) -> tuple[StreamPlan, ...]:
    """The plans, with no more bytes than there is room for, but for their floors."""
    for storage in STORAGES:
        budget = room.streams_bytes(storage)
        if budget is not None:
            plans = fit_to(plans, storage, budget)
    return tuple(plans)


def fit_to(plans: Sequence[StreamPlan], storage: str, bytes_max: int) -> tuple[StreamPlan, ...]:
    """The plans, those of one storage with no more bytes than `bytes_max` together, but for their floors."""
    stored = [plan for plan in plans if plan.storage == storage]
    if sum(plan.bytes_max for plan in stored) <= bytes_max:
        return tuple(plans)
    last = [plan for plan in stored if plan.stream in LAST_SHORTENED]
    shares = _shared(
        [plan for plan in stored if plan.stream not in LAST_SHORTENED], bytes_max - need_bytes(last, storage)
    )
    shares |= _shared(last, bytes_max - sum(shares.values()))
    return tuple(replace(plan, bytes_given=shares.get(plan.stream, plan.bytes_given)) for plan in plans)


def shortened(plans: Iterable[StreamPlan]) -> tuple[StreamPlan, ...]:
    """Those that got less than they need."""
    return tuple(plan for plan in plans if plan.bytes_max < plan.need_bytes)


def _shared(plans: Sequence[StreamPlan], bytes_max: int) -> dict[Stream, int]:
    """Divide by need. Floors come first, so that what is divided is what is left above them."""
    floors = {plan.stream: min(plan.need_bytes, FLOOR_BYTES) for plan in plans}
    left = max(0, bytes_max - sum(floors.values()))
    above = {plan.stream: plan.need_bytes - floors[plan.stream] for plan in plans}
    all_above = sum(above.values()) or 1
    return {stream: floor + min(above[stream], left * above[stream] // all_above) for stream, floor in floors.items()}
