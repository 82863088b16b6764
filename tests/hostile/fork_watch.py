"""What the service says it knows of forks: asked all the time while the chain forks.

A service may show a quote of a fork until it has heard that the fork was taken back, and how long that takes is the
machine's. So it is judged by its own word: what it answers after it has counted a fork must be unlearned by then. One
that never counts it is found too, unless its feed began anew meanwhile: then it reads everything, and counts nothing.
"""

import asyncio
import bisect
import time
from typing import Final

import grpc.aio

from quote_core.generated.solquote.v1 import local_quote_pb2_grpc, quotes_pb2

__all__ = ["ForkWatch"]

_ASK_EVERY_S: Final = 0.05
_ASK_TIMEOUT_S: Final = 2.0


class ForkWatch:
    """`begin` with each fault that forks; `watch` until all are noticed."""

    def __init__(self, stub: local_quote_pb2_grpc.LocalQuoteServiceStub) -> None:
        self._stub = stub
        self._known: list[tuple[int, int]] = []
        self._taken_back_by: list[int] = []
        self._count_before = 0
        self._connect_count_before = 0
        self.has_connected_anew = False
        self.noticed_count = 0

    async def begin(self) -> None:
        """See what the service has counted before."""
        self._taken_back_by.clear()
        self.noticed_count = 0
        self.has_connected_anew = False
        while (figures := await self._figures()) is None:  # noqa: ASYNC110 - another process, asked
            await asyncio.sleep(_ASK_EVERY_S)
        self._count_before, self._connect_count_before = figures

    def told(self, taken_back_by: int) -> None:
        """The chain forks, and this slot will take the fork back."""
        self._taken_back_by.append(taken_back_by)

    async def watch(self) -> None:
        """Ask until cancelled."""
        while True:
            if figures := await self._figures():
                self.noted(*figures, time.monotonic_ns())
            await asyncio.sleep(_ASK_EVERY_S)

    def noted(self, fork_count: int, connect_count: int, mono_ns: int) -> None:
        """The service has told its figures, and they came at `mono_ns`."""
        self.has_connected_anew |= connect_count != self._connect_count_before
        noticed_count = min(fork_count - self._count_before, len(self._taken_back_by))
        if noticed_count > self.noticed_count:
            self.noticed_count = noticed_count
            self._known.append((mono_ns, self._taken_back_by[noticed_count - 1]))

    def known_slot(self, mono_ns: int) -> int:
        """Of the slots that took others back, the last that the service had told it knew of before `mono_ns`."""
        position = bisect.bisect_left(self._known, mono_ns, key=lambda known: known[0])
        return self._known[position - 1][1] if position else 0

    async def _figures(self) -> tuple[int, int] | None:
        """Forks and connects counted; None when the service does not say in time, and is to be asked again."""
        try:
            figures = (await self._stub.Health(quotes_pb2.HealthRequest(), timeout=_ASK_TIMEOUT_S)).figures
        except grpc.aio.AioRpcError:
            return None
        return int(figures["forks_total"]), int(figures["feed_connects_total"])
