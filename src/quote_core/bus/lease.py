"""A lease: of all who want one thing, at most one holds it at any moment, and when that one dies another does.

The register is one key (`quote_core.bus.lease_bucket`): the name of its holder, written anew while it holds, each
time behind the very message that was read (`quote_core.bus.register`). No two clocks are compared:

| who              | goes by                                                                                     |
|------------------|---------------------------------------------------------------------------------------------|
| the holder       | holds until `duration - PUBLISH_TIMEOUT_S` after the moment *before* its last writing        |
| everybody else   | takes it once the same message has stood there for `duration` since they first *read* it;   |
|                  | that is the holder's, who wrote it down                                                      |

A message is written after the one moment and read before the other, so the holder has stopped, and given what it still
was publishing the time to be stored or refused, before another begins. CLOCK_MONOTONIC goes on while a process is
stopped: one that wakes up late holds nothing any more.

It is taken at once when nobody stands there: nobody ever did, or the last one left on purpose; and when one's own name
does. A name may be one that several share, and then all of them hold; or that of a place, a dot, and that of one
process there: whoever starts in the place of one that died (`quote_core.kept_name`) takes what that one held.
"""

import asyncio
import contextlib
import json
from dataclasses import dataclass
from typing import Final

import structlog

from quote_core.bus.connection import PUBLISH_TIMEOUT_S, Bus
from quote_core.bus.lease_bucket import LEASE_STREAM, lease_subject
from quote_core.bus.register import newest_message, put_if_newest_is
from quote_core.clock import Clock
from quote_core.errors import ProviderUnavailable

__all__ = ["Lease"]

_RENEWALS: Final = 4
"""In each duration."""
_RETRY_S: Final = 0.1
_TRIES_MAX: Final = 10
"""Others of the same name that one writing may lose against."""
_WHERE_CHARS_MAX: Final = 200
_TEXT_BYTES_MAX: Final = 4096
_DURATION_NS_MAX: Final = 3_600_000_000_000
"""What is written down beyond it is no lease's."""

_log: Final = structlog.get_logger(part="lease")


@dataclass(frozen=True, slots=True)
class _Written:
    """What a message says; `holder` is empty when nobody holds."""

    holder: str = ""
    where: str = ""
    duration_ns: int = 0


@dataclass(frozen=True, slots=True)
class _Seen:
    """A message of somebody else, and since when it is known to stand there."""

    sequence: int
    since_mono_ns: int


class Lease:
    """One wish to hold one thing.

    Args:
        name: Of what is to be held, such as `scanner.0`.
        holder: Who this is: a name that is shared, or `<place>.<process>`.
        where: For people.
        clock: For how long something stands.
        duration_ns: See above; more than `PUBLISH_TIMEOUT_S`.
    """

    def __init__(self, name: str, *, holder: str, where: str, clock: Clock, duration_ns: int) -> None:
        self.name = name
        self.other = ""
        """Who holds it instead, for people; empty = nobody is known to."""
        self._subject = lease_subject(name)
        self._holder = holder
        self._where = where[:_WHERE_CHARS_MAX]
        self._clock = clock
        self._duration_ns = duration_ns
        self._valid_ns = duration_ns - round(PUBLISH_TIMEOUT_S * 1e9)
        self._held_until_mono_ns = 0
        self._has_held = False
        self._seen: _Seen | None = None

    @property
    def is_held(self) -> bool:
        """Whether it is held at this moment."""
        return self._clock.mono_ns() < self._held_until_mono_ns

    async def run(self, bus: Bus) -> None:
        """Get it and keep it, for ever."""
        while True:
            try:
                await self.seek(bus)
            except ProviderUnavailable as error:
                _log.debug("a lease could not be looked after", lease=self.name, reason=str(error))
                await asyncio.sleep(_RETRY_S)
            else:
                await asyncio.sleep(self._duration_ns / _RENEWALS / 1e9)

    async def seek(self, bus: Bus) -> None:
        """Hold it for another while, take it if it is free, or note who has it.

        Raises:
            ProviderUnavailable: NATS, or the bucket, is not there.
        """
        for _ in range(_TRIES_MAX):
            newest = await newest_message(bus, LEASE_STREAM, self._subject)
            before = _read(newest.data or b"") if newest is not None else _Written()
            sequence = (newest.seq or 0) if newest is not None else 0
            if not self._is_ours(before.holder) and not self._is_over(sequence, before.duration_ns):
                self._held_until_mono_ns, self.other = 0, before.where
                return
            started_mono_ns = self._clock.mono_ns()
            written = await put_if_newest_is(bus, self._subject, self._text(self._holder), sequence=sequence)
            if written is not None:
                if not self._has_held or before.holder != self._holder:
                    _log.info("a lease is held from now on", lease=self.name, before=before.where)
                self._has_held = True
                self._held_until_mono_ns, self.other, self._seen = started_mono_ns + self._valid_ns, "", None
                return
        raise ProviderUnavailable("lease", f"{self.name} was not written within {_TRIES_MAX} tries")

    async def leave(self, bus: Bus) -> None:
        """Hold it no more, and say so, that another may take it at once; nothing is said when NATS is away."""
        was_held, self._held_until_mono_ns = self.is_held, 0
        if not was_held:
            return
        with contextlib.suppress(ProviderUnavailable):
            newest = await newest_message(bus, LEASE_STREAM, self._subject)
            if newest is not None and _read(newest.data or b"").holder == self._holder:
                await put_if_newest_is(bus, self._subject, self._text(""), sequence=newest.seq or 0)

    def _is_ours(self, holder: str) -> bool:
        """Whether nobody else stands there."""
        if holder in ("", self._holder):
            return True
        place, dot, _ = holder.partition(".")
        return bool(dot) and not self._has_held and place == self._holder.partition(".")[0]

    def _is_over(self, sequence: int, duration_ns: int) -> bool:
        """Whether somebody else's message has stood there for as long as it counts."""
        now_mono_ns = self._clock.mono_ns()
        if self._seen is None or self._seen.sequence != sequence:
            self._seen = _Seen(sequence, now_mono_ns)
        return now_mono_ns - self._seen.since_mono_ns >= duration_ns

    def _text(self, holder: str) -> bytes:
        return json.dumps({"holder": holder, "where": self._where, "duration_ns": self._duration_ns}).encode()


def _read(data: bytes) -> _Written:
    """What is written; what is no lease is nobody's."""
    try:
        told = json.loads(data[:_TEXT_BYTES_MAX])
        written = _Written(str(told["holder"]), str(told["where"]), int(told["duration_ns"]))
    except (ValueError, LookupError, TypeError, OverflowError):
        return _Written()
    return written if 0 < written.duration_ns <= _DURATION_NS_MAX else _Written()
