"""Which system manager a bus has: one, named by the newest event on `system.lifecycle.system_manager`.

Two managers keep two files with the last latched state and would undo each other's releases; and one that has a stop
which the stream does not have yet must not be stood in for by another that does not know of it. So a manager neither
vouches nor writes the latch before its name stands there, and looks again before every heartbeat.

| found                            | then                                                                          |
|----------------------------------|-------------------------------------------------------------------------------|
| nothing, or bytes that are none  | its own name is written                                                       |
| its own name, as it wrote it     | it holds; written again before the stream drops it                            |
| its own, of an earlier process   | written again at the start; later on it means that another has taken over     |
| another's, who ended on purpose  | its own name is written                                                       |
| another's                        | refused, however silent that one is: it may have a stop that is not stored    |
| another's, named by `takes_over` | its own name is written: a person says that the other is gone for good        |

A name is that of a data folder and is kept there, so a manager that was killed comes back at once. Whoever holds the
lock on its file is the folder's manager; behind the name stands which process it is, for a folder may have been copied.
Of two who write at the same moment the stream takes one.
"""

import contextlib
import os
import secrets
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import structlog

from quote_core.bus import Bus
from quote_core.bus.register import Stored, read_newest_on, write_if_newest_is
from quote_core.clock import Clock
from quote_core.errors import ProviderUnavailable
from quote_core.events import REASON_CHARS_MAX, Lifecycle, Phase, Stream, fit_text, stamp, subject_of
from quote_core.kept_name import kept_name
from quote_core.settings import SettingsError

__all__ = ["AnotherManager", "Registration", "hold_name", "where"]

SERVICE: Final = "system_manager"
RUN_BYTES: Final = 4
TRIES_MAX: Final = 10
"""Other writers that one look may lose against."""

_log: Final = structlog.get_logger(part="registration")


class AnotherManager(ProviderUnavailable):
    """The bus has another system manager."""

    def __init__(self, other: Lifecycle) -> None:
        name = _name_of(other)
        super().__init__(
            "kill switch",
            f"this bus has another system manager, {name} ({other.detail}); stop that one, or, if it is gone for good, "
            f"start this one with SOLQUOTE_SYSTEM_MANAGER_TAKES_OVER={name}",
        )


@contextlib.contextmanager
def hold_name(path: Path) -> Iterator[str]:
    """The name of the manager of a data folder, made at its first start; its file is locked while the context lasts.

    Raises:
        SettingsError: Another manager runs with this folder.
    """
    with contextlib.ExitStack() as stack:
        try:
            name = stack.enter_context(kept_name(path))
        except BlockingIOError:
            raise SettingsError([f"data_dir: another system manager runs with {path.parent}"]) from None
        yield name


class Registration:
    """One manager's claim to be the bus's.

    Args:
        name: See `hold_name`.
        takes_over: The name of one that is gone for good; empty = nobody's.
        where: For people: the host, and the data folder.
        clock: Of events.
        restate_after_ns: The event is written again when it is this old.
    """

    def __init__(self, name: str, *, takes_over: str, where: str, clock: Clock, restate_after_ns: int) -> None:
        self._name = name
        self._instance = f"{name}.{secrets.token_hex(RUN_BYTES)}"
        self._takes_over = takes_over
        self._where = where
        self._clock = clock
        self._restate_after_ns = restate_after_ns
        self._bus: Bus | None = None
        self._is_registered = False
        self._refused = ""

    def attach(self, bus: Bus) -> None:
        """From now on there is a bus."""
        self._bus = bus

    async def hold(self) -> None:
        """Return if this is the bus's manager now.

        Raises:
            AnotherManager: Another one is.
            ProviderUnavailable: The stream cannot be read or written now.
        """
        bus = self._attached()
        for _ in range(TRIES_MAX):
            newest = await read_newest_on(bus, Stream.SYSTEM, subject_of(self._event(Phase.READY)))
            if self._is_held(newest):
                self._is_registered, self._refused = True, ""
                return
            sequence = newest.sequence if newest is not None else 0
            if await write_if_newest_is(bus, self._event(Phase.READY), sequence=sequence) is not None:
                _log.info("registered as the system manager of this bus", instance=self._instance)
                self._is_registered, self._refused = True, ""
                return
        raise ProviderUnavailable("kill switch", f"no registration within {TRIES_MAX} tries")

    async def leave(self) -> None:
        """Say that this manager ends on purpose and keeps nothing that the stream has not; another may follow.

        Raises:
            ProviderUnavailable: The stream cannot be read or written now.
        """
        bus = self._attached()
        newest = await read_newest_on(bus, Stream.SYSTEM, subject_of(self._event(Phase.STOPPING)))
        if newest is not None and isinstance(newest.event, Lifecycle) and newest.event.instance == self._instance:
            await write_if_newest_is(bus, self._event(Phase.STOPPING), sequence=newest.sequence)

    def _is_held(self, newest: Stored | None) -> bool:
        """Whether our name stands there; `False` = it may be written.

        Raises:
            AnotherManager: It may not.
        """
        event = newest.event if newest is not None else None
        if not isinstance(event, Lifecycle) or event.phase is Phase.STOPPING:
            return False
        if event.instance == self._instance:
            return self._clock.unix_ns() - event.header.created_unix_ns < self._restate_after_ns
        if not self._is_registered and _name_of(event) in (self._name, self._takes_over):
            return False
        if event.instance != self._refused:
            self._refused = event.instance
            _log.error("this bus has another system manager", other=event.instance, where=event.detail)
        raise AnotherManager(event)

    def _event(self, phase: Phase) -> Lifecycle:
        return Lifecycle(
            header=stamp(self._clock),
            service=SERVICE,
            instance=self._instance,
            phase=phase,
            pid=os.getpid(),
            detail=self._where,
        )

    def _attached(self) -> Bus:
        if self._bus is None:
            raise ProviderUnavailable("kill switch", "NATS is not connected")
        return self._bus


def where(data_folder: Path) -> str:
    """Host and data folder, for people."""
    return fit_text(f"{data_folder} on {socket.gethostname()}", REASON_CHARS_MAX)


def _name_of(event: Lifecycle) -> str:
    return event.instance.partition(".")[0]
