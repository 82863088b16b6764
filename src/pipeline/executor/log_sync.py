"""Syncs the log of endings, one sync at a time: what is kept while one runs is for the next, together."""

import asyncio
import contextlib
import os

from pipeline.executor.result_log import ResultLog

__all__ = ["LogSync"]


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

    def begin(self, plan_id: bytes) -> asyncio.Task[None]:
        """Sync an ending just kept, now or right after the running sync; the task raises `OSError` if that fails."""
        self._unsynced.add(plan_id)
        if self._next is None:
            self._next = asyncio.create_task(self._after(self._running))
        return self._next

    def is_waiting(self, syncing: asyncio.Task[None]) -> bool:
        """Whether this sync has not begun."""
        return syncing is self._next

    async def close(self) -> None:
        """Wait for what has begun, and for what is to begin."""
        syncing = [task for task in (self._running, self._next) if task is not None]
        await asyncio.gather(*syncing, return_exceptions=True)

    async def _after(self, running: asyncio.Task[None] | None) -> None:
        if running is not None:
            await asyncio.wait((running,))
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
