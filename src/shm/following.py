"""Changes for asyncio: one background thread waits in the kernel and tells the event loop by an eventfd.

Both sorts of poll can be followed: `QuoteReader.changes()` by index, `follow_changes` with kinds and values.
"""

import os
import threading
from collections.abc import AsyncIterator, Callable, Iterable
from typing import TYPE_CHECKING, TypeVar

from shm.errors import ShmError

if TYPE_CHECKING:
    from shm.changed import Change
    from shm.reader import QuoteReader

_Told = TypeVar("_Told")

WAIT_SLICE_S = 0.05
"""How long the thread sleeps before it looks whether it is still wanted."""


def follow(quotes: "QuoteReader") -> AsyncIterator[tuple[int, ...]]:
    """Yield what `quotes.poll()` names, whenever it names anything.

    A slow consumer gets fewer, longer tuples: what changed meanwhile is named once, not queued.
    """
    return _polled(quotes, quotes.poll)


def follow_changes(quotes: "QuoteReader") -> AsyncIterator[tuple["Change", ...]]:
    """Yield what `quotes.poll_changes()` tells, whenever it tells anything.

    A slow consumer gets every changed entry once, with its newest values and all kinds of change since the tuple
    before. What was yielded stays as it is.

    Args:
        quotes: Polled by the iterator while it lasts; what another poll has told, it does not tell.

    Raises:
        ShmError: The tables cannot be read any more.
        OSError: Waiting for them failed.
    """
    return _polled(quotes, quotes.poll_changes)


async def _polled(quotes: "QuoteReader", poll: Callable[[], Iterable[_Told]]) -> AsyncIterator[tuple[_Told, ...]]:
    # The thread has a reader of its own: a reader object belongs to one thread.
    watch = Watch(type(quotes)(quotes.directory, owner_uid=quotes.owner_uid))
    import asyncio  # noqa: PLC0415 - half of what importing `shm` costs, and most readers only poll

    news = asyncio.Event()
    news.set()  # the first poll names everything
    loop = asyncio.get_running_loop()

    def hear() -> None:
        os.eventfd_read(watch.eventfd)
        news.set()

    loop.add_reader(watch.eventfd, hear)
    watch.thread.start()
    try:
        while True:
            await news.wait()
            news.clear()
            if watch.failure is not None:
                raise watch.failure
            quotes.attach()  # what the thread's reader has attached to, this one may not know yet
            changed = tuple(poll())
            if changed:
                yield changed
    finally:
        loop.remove_reader(watch.eventfd)
        watch.stopping.set()
        await asyncio.to_thread(watch.thread.join)
        os.close(watch.eventfd)


class Watch:
    """A thread that writes to an eventfd after each change, and when it cannot go on."""

    def __init__(self, quotes: "QuoteReader") -> None:
        self.quotes = quotes
        self.eventfd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self.stopping = threading.Event()
        self.failure: ShmError | OSError | None = None
        self.thread = threading.Thread(target=self.run, name="quote-changes", daemon=True)

    def run(self) -> None:
        """Wait and tell until told to stop."""
        with self.quotes:
            try:
                while not self.stopping.is_set():
                    if self.quotes.wait(WAIT_SLICE_S):
                        self.quotes.poll()
                        os.eventfd_write(self.eventfd, 1)
            except (ShmError, OSError) as failure:
                self.failure = failure
                os.eventfd_write(self.eventfd, 1)
