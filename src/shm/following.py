"""Changes for asyncio: one background thread waits in the kernel and tells the event loop by an eventfd."""

import asyncio
import os
import threading
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from shm.reader import QuoteReader

WAIT_SLICE_S = 0.05
"""How long the thread sleeps before it looks whether it is still wanted."""


async def follow(quotes: "QuoteReader") -> AsyncIterator[tuple[int, ...]]:
    """Yield what `quotes.poll()` names, whenever it names anything.

    A slow consumer gets fewer, longer tuples: what changed meanwhile is named once, not queued.
    """
    eventfd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
    stopping = threading.Event()
    news = asyncio.Event()
    news.set()  # the first poll names everything
    loop = asyncio.get_running_loop()

    def drain() -> None:
        os.eventfd_read(eventfd)
        news.set()

    loop.add_reader(eventfd, drain)
    # The thread has a reader of its own: a reader object belongs to one thread.
    watcher = threading.Thread(
        target=watch, args=(type(quotes)(quotes.directory), eventfd, stopping), name="quote-changes", daemon=True
    )
    watcher.start()
    try:
        while True:
            await news.wait()
            news.clear()
            changed = tuple(quotes.poll())
            if changed:
                yield changed
    finally:
        stopping.set()
        loop.remove_reader(eventfd)
        await asyncio.to_thread(watcher.join)
        os.close(eventfd)


def watch(quotes: "QuoteReader", eventfd: int, stopping: threading.Event) -> None:
    """Write to the eventfd after each change until told to stop."""
    with quotes:
        while not stopping.is_set():
            if quotes.wait(WAIT_SLICE_S):
                quotes.poll()
                os.eventfd_write(eventfd, 1)
