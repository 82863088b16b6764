"""Whether this scanner is the one that tells of what it finds in its partition.

Two leases say so (`quote_core.bus.lease`). `scanner.<index>` is one scanner's: another with the same partition stands
by, follows the quotes too, and takes over when the holder is gone. `scanner.count` is all scanners' that divide the
pairs by the same count: those set to another count, whose partitions overlap, wait until the last of these is gone.
"""

import asyncio
import contextlib
import os
import secrets
import socket
from collections.abc import Iterator
from typing import Final, Protocol

from pipeline.scanner.partition import Partition
from quote_core.bus import Bus
from quote_core.bus.lease import Lease
from quote_core.clock import Clock
from quote_core.kept_name import kept_name, new_name
from quote_core.settings import PlatformSettings, SettingsError

__all__ = ["Turn", "TurnToTell", "place_name"]

_RUN_BYTES: Final = 4
_LEAVE_S_MAX: Final = 0.5
"""Who stands by waits for the lease's end otherwise."""


class TurnToTell(Protocol):
    """What the scanning asks."""

    @property
    def is_held(self) -> bool:
        """Whether findings are told."""
        ...


@contextlib.contextmanager
def place_name(platform: PlatformSettings, partition: Partition) -> Iterator[str]:
    """The name of the scanner of a partition and data folder; a second one beside it has a name of its own.

    So does one without a data folder that it can write: after a crash it waits until its own lease is over.
    """
    with contextlib.ExitStack() as stack:
        try:
            folder = platform.data_folder() / "scanner"
            name = stack.enter_context(kept_name(folder / f"{partition.index}-of-{partition.count}"))
        except (OSError, SettingsError):
            name = new_name()
        yield name


class Turn:
    """One scanner's part in it.

    Args:
        partition: Its own.
        place: See `place_name`.
        clock: For how long a lease lasts.
        duration_ns: Of a lease.
    """

    def __init__(self, partition: Partition, *, place: str, clock: Clock, duration_ns: int) -> None:
        host = socket.gethostname()
        self._partition = partition
        self._part = Lease(
            f"scanner.{partition.index}",
            holder=f"{place}.{secrets.token_hex(_RUN_BYTES)}",
            where=f"process {os.getpid()} on {host}",
            clock=clock,
            duration_ns=duration_ns,
        )
        self._division = Lease(
            "scanner.count",
            holder=str(partition.count),
            where=f"scanners of {partition.count} partitions",
            clock=clock,
            duration_ns=duration_ns,
        )

    @property
    def is_held(self) -> bool:
        """Whether this scanner tells of what it finds."""
        return self._part.is_held and self._division.is_held

    @property
    def line(self) -> str:
        """How it stands, for people."""
        if self.is_held:
            return f"partition {self._partition}"
        other = self._division.other or self._part.other
        return f"standing by for partition {self._partition}" + (f", held by {other}" if other else "")

    async def run(self, bus: Bus) -> None:
        """Get it and keep it, and leave it to others when this is cancelled."""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._part.run(bus))
                tasks.create_task(self._division.run(bus))
        finally:
            # In a task of its own: this one is being cancelled, and the bus gives up for whoever is.
            await asyncio.create_task(self._leave(bus))

    async def _leave(self, bus: Bus) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LEAVE_S_MAX):
                await self._part.leave(bus)
