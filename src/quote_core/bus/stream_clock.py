"""What the NATS server's clock shows, by which it stamps what its streams store: the one clock several hosts share.

A message's age, whoever wrote it and wherever, is the server's present time less its time of storing. The server is
asked now and then; in between, our monotonic clock counts on. An answer is dated to the sending of its question, so
an age is never too small, and too large by no more than the round trip.
"""

import asyncio
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from quote_core.bus.client_errors import NATS, upstream_errors
from quote_core.bus.connection import PUBLISH_TIMEOUT_S, Bus
from quote_core.clock import Clock
from quote_core.errors import ProviderUnavailable
from quote_core.events import Stream

__all__ = ["StreamClock", "StreamState", "state_of_stream", "unix_ns_of_server"]

ASK_INTERVAL_S: Final = 1.0
READING_NS_MAX: Final = 10_000_000_000
"""A reading older than this is not counted on: the server's clock may have been set since."""


@dataclass(frozen=True, slots=True)
class StreamState:
    """A stream as the server described it: its last sequence, and the server's clock at that moment."""

    last_sequence: int
    unix_ns: int


async def state_of_stream(bus: Bus, stream: Stream) -> StreamState:
    """Ask the server about a stream.

    Raises:
        ProviderUnavailable: NATS, or the stream, is not there.
    """
    if not bus.is_connected:
        raise ProviderUnavailable(NATS, "not connected")
    with upstream_errors():
        answer = await bus.client.request(f"$JS.API.STREAM.INFO.{stream}", b"", timeout=PUBLISH_TIMEOUT_S)
    try:
        told = json.loads(answer.data)
        return StreamState(int(told["state"]["last_seq"]), unix_ns_of_server(told["ts"]))
    except (KeyError, TypeError, ValueError) as error:
        raise ProviderUnavailable(NATS, f"no state of stream {stream}: {error}") from error


class StreamClock:
    """The server's clock, kept by asking about one stream.

    Args:
        bus: The connection.
        stream: Any stream this process may ask about.
        clock: Counts between two answers.
    """

    def __init__(self, bus: Bus, stream: Stream, *, clock: Clock) -> None:
        self._bus = bus
        self._stream = stream
        self._clock = clock
        self._read_mono_ns = 0
        self._read_unix_ns: int | None = None
        self._answering_since_mono_ns: int | None = None

    async def run(self) -> None:
        """Ask until cancelled."""
        while True:
            await self.ask()
            await asyncio.sleep(ASK_INTERVAL_S)

    async def ask(self) -> None:
        """Ask once; no answer leaves what is known to grow old."""
        sent_mono_ns = self._clock.mono_ns()
        try:
            state = await state_of_stream(self._bus, self._stream)
        except ProviderUnavailable:
            self._answering_since_mono_ns = None
            return
        self._read_mono_ns, self._read_unix_ns = sent_mono_ns, state.unix_ns
        if self._answering_since_mono_ns is None:
            self._answering_since_mono_ns = sent_mono_ns

    def unix_ns(self) -> int | None:
        """The server's clock now; `None` when it was not heard of lately."""
        since_ns = self._clock.mono_ns() - self._read_mono_ns
        if self._read_unix_ns is None or since_ns > READING_NS_MAX:
            return None
        return self._read_unix_ns + since_ns

    def answering_ns(self) -> int:
        """For how long the server has answered without a break; 0 when it does not now."""
        if self._answering_since_mono_ns is None or not self._bus.is_connected:
            return 0
        return self._clock.mono_ns() - self._answering_since_mono_ns


def unix_ns_of_server(text: str) -> int:
    """RFC 3339 with up to nine decimals, as Go writes it, to nanoseconds since 1970."""
    whole, _, decimals = text.rstrip("Z").partition(".")
    at = datetime.fromisoformat(whole).replace(tzinfo=UTC)
    return int(at.timestamp()) * 1_000_000_000 + int((decimals + "000000000")[:9])
