"""Syncs the log of endings for what the stream does not confirm at once, one sync at a time.

The stream has synced an ending when it confirms it, and mostly does so within a few milliseconds. A sync of our own is
for the other times: it begins `GRACE_S` after an ending was kept, for all that are still owed by then. What is kept
while one runs is for the next.

The grace is far longer than a confirmation takes on a busy disk. It was 20 ms once: a server that took longer had to
share its disk with our syncs, became slower still, and what should have been rare never ended (docs/performance.md).
What a process that dies has kept is safe without a sync; a power failure within the grace finds the plan claimed, and
it ends as abandoned instead of being executed again.
"""

import asyncio
import contextlib
import os
from typing import Final

from pipeline.executor.result_log import ResultLog

__all__ = ["LogSync"]

GRACE_S: Final = 1.0


class LogSync:
    """What of the log is to outlast a power failure.

    Args:
        log: Open; what is struck out of it needs no sync any more.
    """

    def __init__(self, log: ResultLog) -> None:
        self._log = log
        self._unsynced: set[bytes] = set()
        self._running: asyncio.Task[None] | None = None
        self._next: asyncio.Task[None] | None = None
        self._closing = asyncio.Event()

    def begin(self, plan_id: bytes) -> asyncio.Task[None]:
        """Sync an ending just kept, unless it is struck out soon; the task raises `OSError` if that fails."""
        self._unsynced.add(plan_id)
        if self._next is None:
            self._next = asyncio.create_task(self._after(self._running))
        return self._next

    def is_waiting(self, syncing: asyncio.Task[None]) -> bool:
        """Whether this sync has not begun."""
        return syncing is self._next

    async def close(self) -> None:
        """Wait for what has begun, and for what is to begin, which now begins without a grace."""
        self._closing.set()
        syncing = [task for task in (self._running, self._next) if task is not None]
        await asyncio.gather(*syncing, return_exceptions=True)

    async def _after(self, running: asyncio.Task[None] | None) -> None:
        if running is not None:
            await asyncio.wait((running,))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(GRACE_S):
                await self._closing.wait()
        self._running, self._next = self._next, None
        is_owed = any(self._log.of_plan(plan_id) is not None for plan_id in self._unsynced)
        self._unsynced.clear()
        if is_owed:
            await asyncio.get_running_loop().run_in_executor(None, _sync, self._log.descriptor())


def _sync(descriptor: int) -> None:
    try:
        os.fdatasync(descriptor)
    finally:
        with contextlib.suppress(OSError):
            os.close(descriptor)
