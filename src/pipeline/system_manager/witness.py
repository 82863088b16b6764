"""A copy of the last thing latched, or to be latched, in a file of the manager's own.

It outlives the bus and its store; a stop is in it before the bus has confirmed anything.
"""

import asyncio
from pathlib import Path
from typing import Final, Protocol

import structlog

from pipeline.system_manager.change import UNREADABLE, SwitchChange
from quote_core.errors import LayoutMismatch
from quote_core.events import KillSwitch, decode, encode
from quote_core.files import replace_file

__all__ = ["Witness", "WitnessFile"]

_log: Final = structlog.get_logger(part="witness")


class Witness(Protocol):
    """What the latch needs of it."""

    def load(self) -> KillSwitch | SwitchChange | None:
        """What was kept last: `None` when nothing ever was, `UNREADABLE` when it cannot be read."""
        ...

    async def save(self, event: KillSwitch) -> bool:
        """Keep `event` instead; whether it, or one given later, is kept now."""
        ...


class WitnessFile:
    """The witness as a file, replaced as one step; the last event given is the one it ends with."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._wanted: KillSwitch | None = None
        self._saved: KillSwitch | None = None
        self._is_failing = False
        self._saving = asyncio.Lock()

    def load(self) -> KillSwitch | SwitchChange | None:
        """See `Witness.load`."""
        try:
            event = decode(self._path.read_bytes())
        except FileNotFoundError:
            return None
        except (OSError, LayoutMismatch):
            return UNREADABLE
        return event if isinstance(event, KillSwitch) else UNREADABLE

    async def save(self, event: KillSwitch) -> bool:
        """See `Witness.save`. In a thread, since a sync may take long, and to its end even when nobody waits for it.

        A full disk must not keep a stop from being published, so failing is only told.
        """
        self._wanted = event
        return await asyncio.shield(asyncio.ensure_future(self._save()))

    async def _save(self) -> bool:
        async with self._saving:
            event = self._wanted
            assert event is not None
            if event != self._saved:
                try:
                    await asyncio.to_thread(replace_file, self._path, encode(event))
                except OSError as error:
                    if not self._is_failing:
                        _log.error("the witness of the kill switch cannot be written", reason=str(error))
                    self._is_failing = True
                    return False
                self._saved, self._is_failing = event, False
            return True
