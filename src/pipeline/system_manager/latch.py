"""The kill switch as it is latched: the last KillSwitch event of the SYSTEM stream, and the rules for changing it.

| found on the stream               | witness file        | then                                                     |
|-----------------------------------|---------------------|----------------------------------------------------------|
| nothing                           | none                | first start: ACTIVE is written                           |
| nothing (expired, store lost)     | an event            | that event's state is written again                      |
| nothing                           | unreadable          | HALTED is written                                        |
| bytes that are no event           | any                 | HALTED is written                                        |
| an event                          | stricter, not older | the witness's state is written: the stream lost its end  |
| an event                          | other, not older    | the stream's state is written under the next revision    |
| an event                          | the same, or older  | it holds                                                 |
| an event that grows old           | any                 | its state is written again, before the stream drops it   |

Older and newer are told by revision. The witness is a copy of the last event seen, in memory and in a file beside the
token: a state that an operator latched outlives even the loss of the bus's store. So a stop that somebody publishes on
the stream by hand counts whatever its revision; a release counts if its revision is the next one. Every write names
the sequence it replaces, so that of two writers one is told to look again: a stop looks and tries again, a release is
handed back to the person who asked for it.
"""

import asyncio
import contextlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog

from quote_core.bus import Bus
from quote_core.bus.register import Stored, read_newest, write_if_newest_is
from quote_core.clock import Clock
from quote_core.errors import LayoutMismatch, ProviderUnavailable
from quote_core.events import KillSwitch, TradingState, decode, encode, stamp

__all__ = ["MANUAL", "Change", "ChangedMeanwhile", "Latch", "settled"]

MANUAL: Final = "manual"
"""`trigger` of a change made by a person."""

TRIES_MAX: Final = 10
"""Other writers a stop may lose against before it is reported as failed."""

_log: Final = structlog.get_logger("system_manager.latch")


class ChangedMeanwhile(Exception):  # answered with 409 where it is caught, in http_api; no other package sees it
    """Somebody else changed the kill switch between the look and the release."""

    def __init__(self, now: KillSwitch) -> None:
        super().__init__(f"the kill switch was changed meanwhile, it is {now.state.name}: {now.reason}")
        self.now = now


@dataclass(frozen=True, slots=True)
class Change:
    """A state wanted, and by whom."""

    state: TradingState
    trigger: str
    reason: str
    actor: str = ""


FIRST_START: Final = Change(TradingState.ACTIVE, "first_start", "nothing was ever latched")
UNREADABLE: Final = Change(TradingState.HALTED, "unreadable_latch", "what was latched cannot be read")


def settled(stored: Stored | None, witness: KillSwitch | Change | None) -> KillSwitch | Change:
    """Apply the module's table, but for age: the event that holds, or the change to write.

    Args:
        stored: Newest on the stream.
        witness: The last event seen, `UNREADABLE` where its file is, or `None` where there is no file.
    """
    if stored is None:
        if witness is None:
            return FIRST_START
        return witness if isinstance(witness, Change) else _again(witness)
    event = stored.event
    if not isinstance(event, KillSwitch):
        return UNREADABLE
    if not isinstance(witness, KillSwitch) or witness.header.event_id == event.header.event_id:
        return event
    if witness.revision < event.revision:
        return event
    return _again(witness if witness.state.value > event.state.value else event)


def _again(event: KillSwitch) -> Change:
    return Change(event.state, event.trigger, event.reason, event.actor)


class Latch:
    """Reads and changes what is latched. One change at a time in this process; the stream orders the processes."""

    def __init__(self, bus: Bus, *, clock: Clock, witness_path: Path, restate_after_ns: int) -> None:
        self._bus = bus
        self._clock = clock
        self._witness_path = witness_path
        self._restate_after_ns = restate_after_ns
        self._changing = asyncio.Lock()
        self._witness = _read_witness(witness_path)
        self.held: KillSwitch | None = None
        """What the stream held when last looked at."""

    async def look(self) -> KillSwitch:
        """Read what is latched, having put it right where the table says so.

        Raises:
            ProviderUnavailable: The stream cannot be read or written now.
        """
        async with self._changing:
            return (await self._look())[1]

    async def change(self, wanted: Change) -> KillSwitch:
        """Latch a state; one that is latched already is left as it is.

        Raises:
            ProviderUnavailable: Not confirmed by the stream; it may have been stored all the same.
            ChangedMeanwhile: A release met a newer event.
        """
        async with self._changing:
            for _ in range(TRIES_MAX):
                sequence, now = await self._look()
                if now.state is wanted.state:
                    return now
                event = self._event(wanted, after=now)
                if await self._write(event, sequence):
                    return event
                if wanted.state is TradingState.ACTIVE:
                    raise ChangedMeanwhile((await self._look())[1])
            raise ProviderUnavailable("kill switch", f"lost against other writers {TRIES_MAX} times")

    async def _look(self) -> tuple[int, KillSwitch]:
        for _ in range(TRIES_MAX):
            stored = await read_newest(self._bus, KillSwitch)
            found = settled(stored, self._witness)
            if isinstance(found, KillSwitch) and self._is_old(found):
                found = _again(found)
            sequence = stored.sequence if stored else 0
            if isinstance(found, KillSwitch):
                self._hold(found)
                return sequence, found
            last = stored.event if stored and isinstance(stored.event, KillSwitch) else None
            await self._write(self._event(found, after=last), sequence)
        raise ProviderUnavailable("kill switch", f"the latch did not settle within {TRIES_MAX} tries")

    async def _write(self, event: KillSwitch, sequence: int) -> bool:
        if await write_if_newest_is(self._bus, event, sequence=sequence) is None:
            return False
        _log.warning("latched", state=event.state.name, trigger=event.trigger, reason=event.reason, actor=event.actor)
        self._hold(event)
        return True

    def _hold(self, event: KillSwitch) -> None:
        self.held = event
        if not isinstance(self._witness, KillSwitch) or self._witness.header.event_id != event.header.event_id:
            self._witness = event
            _write_witness(self._witness_path, event)

    def _event(self, wanted: Change, *, after: KillSwitch | None) -> KillSwitch:
        header = stamp(self._clock)
        known = [event for event in (after, self._witness) if isinstance(event, KillSwitch)]
        # A state that is only written again keeps the time it began.
        began = next((event.changed_unix_ns for event in known if _again(event) == wanted), header.created_unix_ns)
        return KillSwitch(
            header=header,
            state=wanted.state,
            trigger=wanted.trigger,
            reason=wanted.reason,
            actor=wanted.actor,
            revision=max((event.revision for event in known), default=0) + 1,
            changed_unix_ns=began,
        )

    def _is_old(self, event: KillSwitch) -> bool:
        return self._clock.unix_ns() - event.header.created_unix_ns >= self._restate_after_ns


def _read_witness(path: Path) -> KillSwitch | Change | None:
    try:
        event = decode(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, LayoutMismatch):
        return UNREADABLE
    return event if isinstance(event, KillSwitch) else UNREADABLE


def _write_witness(path: Path, event: KillSwitch) -> None:
    """Replace it as one step. A full disk must not keep a stop from being published, so failing is only told."""
    scratch = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with scratch.open("wb") as file:
            file.write(encode(event))
            file.flush()
            os.fsync(file.fileno())
        scratch.replace(path)
    except OSError as error:
        _log.error("the witness of the kill switch cannot be written", path=str(path), reason=str(error))
        with contextlib.suppress(OSError):
            scratch.unlink()
