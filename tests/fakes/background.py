"""Something at work while a test looks on."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Protocol


class Works(Protocol):
    """A stage, an executor, whatever runs until it is cancelled."""

    async def run(self) -> None: ...


@contextlib.asynccontextmanager
async def running(work: Works) -> AsyncIterator[None]:
    """Let it work, and wait until it has ended after its cancellation."""
    task = asyncio.create_task(work.run())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
