"""One persistent batch stream to a quote service, whatever the number of subscribers.

When the rows wanted change, a new stream is opened and the old one dropped only after the new one has delivered, so
that no row goes quiet for it. A service that is gone is tried again with growing pauses; meanwhile its quotes grow
older and the table marks them. A service sends everything again at an interval that it is asked for, so a stream that
is silent for longer is none, whatever the connection says: it is closed and opened anew.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import grpc.aio
import structlog

from quote_core.errors import DataError
from quote_core.quotes import QuoteKey
from quote_core.resilience import Backoff
from quote_core.units import NS_PER_MS, NS_PER_S

__all__ = ["Upstream"]

_SETTLE_S = 0.001
"""Rows come and go in bursts; the stream is opened anew once a burst, not once a row. While the new one has delivered
nothing yet, further changes wait for it, so that bursts of many clients are not a stream each."""


class Upstream:
    """Keeps the stream and hands each batch to `sink`."""

    def __init__(
        self,
        *,
        name: str,
        stub: Callable[[Any], AsyncIterator[Any]],
        wanted: Callable[[], Any],
        sink: Callable[[Any], Awaitable[None]],
        silence_ns_max: int,
        backoff: Backoff,
        log: structlog.stdlib.BoundLogger,
    ) -> None:
        """Set it up.

        Args:
            name: For people.
            stub: Opens a stream for a request.
            wanted: Makes the request for the rows wanted now; `None` = none.
            sink: Takes each message; a `DataError` of it ends the stream, which is then opened anew.
            silence_ns_max: Longest time from one message to the next.
            backoff: Pauses between attempts.
            log: Told of connects and disconnects, not of attempts.
        """
        self.name = name
        self._stub = stub
        self._wanted = wanted
        self._sink = sink
        self._silence_ns_max = silence_ns_max
        self._backoff = backoff
        self._log = log
        self._rows_changed = asyncio.Event()
        self.is_delivering = asyncio.Event()
        self.reconnect_count = 0
        self.message_count = 0

    def row_added(self, index: int, key: QuoteKey) -> None:
        """See `reopen`."""
        self.reopen()

    def row_removed(self, index: int, key: QuoteKey) -> None:
        """See `reopen`."""
        self.reopen()

    def reopen(self) -> None:
        """The rows wanted have changed: open a stream for them, soon."""
        self._rows_changed.set()

    async def run(self) -> None:
        """Keep the stream up until cancelled."""
        while True:
            self._rows_changed.clear()
            request = self._wanted()
            if request is None:
                await self._rows_changed.wait()
                continue
            await self._deliver(request)
            self.is_delivering.clear()
            await asyncio.sleep(self._backoff.next_s())

    async def _deliver(self, request: Any) -> None:
        """Follow one stream after the other as rows change; return when the newest has ended."""
        reader = self._start(request)
        older: asyncio.Task[None] | None = None
        try:
            while not reader.task.done():
                await _either(reader.task, self._rows_changed if older is None else reader.delivered)
                if older is not None:
                    await _dropped(older)
                    older = None
                elif self._rows_changed.is_set():
                    await asyncio.sleep(_SETTLE_S)
                    self._rows_changed.clear()
                    request = self._wanted()
                    if request is None:
                        return
                    older, reader = reader.task, self._start(request)
            reader.task.result()
        finally:
            await _dropped(reader.task)
            if older is not None:
                await _dropped(older)

    def _start(self, request: Any) -> "_Reader":
        reader = _Reader()
        reader.task = asyncio.create_task(self._read(request, reader.delivered))
        return reader

    async def _read(self, request: Any, delivered: asyncio.Event) -> None:
        messages, loop = aiter(self._stub(request)), asyncio.get_running_loop()
        try:
            async with asyncio.timeout(None) as silence:  # one timer, moved by each message: to make one takes longer
                while True:
                    silence.reschedule(loop.time() + self._silence_ns_max / NS_PER_S)
                    message = await anext(messages)
                    silence.reschedule(None)
                    self.message_count += 1
                    await self._sink(message)
                    if not delivered.is_set():
                        self._delivers(delivered)
        except grpc.aio.AioRpcError as error:
            self._ended(f"{error.code().name}: {error.details()}")
        except TimeoutError:
            self._ended(f"no message for {self._silence_ns_max // NS_PER_MS} ms")
        except DataError as error:
            self._ended(str(error))
        except StopAsyncIteration:
            self._ended("the service ended the stream")

    def _delivers(self, delivered: asyncio.Event) -> None:
        delivered.set()
        self._backoff.reset()
        if not self.is_delivering.is_set():
            self.is_delivering.set()
            self._log.info("upstream delivers", upstream=self.name)

    def _ended(self, reason: str) -> None:
        self.reconnect_count += 1
        if self.is_delivering.is_set():
            self._log.warning("upstream stream ended", upstream=self.name, reason=reason)


class _Reader:
    """A stream being read, and whether its first message has come."""

    task: asyncio.Task[None]

    def __init__(self) -> None:
        self.delivered = asyncio.Event()


async def _either(task: asyncio.Task[None], event: asyncio.Event) -> None:
    waiter = asyncio.create_task(event.wait())
    try:
        await asyncio.wait({task, waiter}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        waiter.cancel()


async def _dropped(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait({task})
