"""Durable consumption: which events a stage takes, and the standing pull request that brings them.

The standing pull asks for more when half of what it asked for has come, so messages flow without a round trip each.
A pull request lives in the server and dies with it; so each one expires soon and is made anew, and a consumer that
is gone (a memory stream after a restart) is created again. In a cluster that lost a server a consumer may be there and
have no leader; then it has one again before or after the cluster has, which alone can create it. So it is asked all the
while.
"""

import asyncio
import contextlib
import enum
import json
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Final

import structlog
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy

from quote_core.bus.client_errors import upstream_errors
from quote_core.bus.connection import Bus
from quote_core.bus.reconnection import RECONNECT_WAIT_S
from quote_core.errors import ProviderUnavailable
from quote_core.events import Event, Stream, subjects_of

__all__ = ["Consumer", "StandingPull", "StartAt"]

PULL_EXPIRES_S: Final = 1.0
DRAIN_S: Final = 0.5
"""A server that does not answer within this has delivered nothing more."""
PULL_GRACE_S: Final = 0.3
"""Silence this much longer than a pull request lives means that it was lost."""

_log: Final = structlog.get_logger(part="bus.consumer")


class StartAt(enum.Enum):
    """Where a consumer that has never run begins."""

    FIRST_KEPT = DeliverPolicy.ALL
    NOW = DeliverPolicy.NEW


@dataclass(frozen=True, slots=True, kw_only=True)
class Consumer:
    """A durable consumer, shared by all processes of one stage: each message goes to one of them.

    Attributes:
        stream: Where the messages are.
        name: The durable's name; also the last part of its dead-letter subject.
        events: Classes taken; empty = everything in the stream.
        start_at: Where it begins when it is made.
        ack_wait_ms: A message not acknowledged for this long is delivered again.
        unacked_count_max: At most so many messages are out at once.
        retry_count_max: A message tried this many times in vain is a dead letter.
    """

    stream: Stream
    name: str
    events: tuple[type[Event], ...] = ()
    start_at: StartAt = StartAt.FIRST_KEPT
    ack_wait_ms: int = 5_000
    unacked_count_max: int = 256
    retry_count_max: int = 5

    def subjects(self) -> list[str]:
        """The filters of the consumer."""
        return [subjects_of(event) for event in self.events] or [self.stream.subjects]

    async def ensure(self, bus: Bus) -> None:
        """Create the consumer, or bring the existing one to these settings, once its stream is there.

        Raises:
            ProviderUnavailable: The server refuses or does not answer.
        """
        await bus.wait_for_stream(self.stream)
        config = ConsumerConfig(
            durable_name=self.name,
            deliver_policy=self.start_at.value,
            ack_policy=AckPolicy.EXPLICIT,
            ack_wait=self.ack_wait_ms / 1_000,
            max_deliver=-1,  # bounded by the stage, which must see the last try to write the dead letter
            max_ack_pending=self.unacked_count_max,
            filter_subjects=self.subjects(),
        )
        with upstream_errors():
            await bus.jetstream.add_consumer(self.stream, config)


class StandingPull:
    """The messages of one consumer, as they come, for ever."""

    def __init__(self, bus: Bus, consumer: Consumer, *, batch_count: int) -> None:
        self._bus = bus
        self._consumer = consumer
        self._batch_count = batch_count
        self._asked_count = 0
        self._ensuring: asyncio.Task[None] | None = None
        self._next_subject = f"$JS.API.CONSUMER.MSG.NEXT.{consumer.stream}.{consumer.name}"

    async def messages(self) -> AsyncGenerator[Msg, None]:
        """Yield messages; outlasts every loss of NATS, client, stream or consumer."""
        while True:
            await self._ensure()
            async with contextlib.aclosing(self._messages_of_client()) as messages:
                async for message in messages:
                    yield message

    async def _messages_of_client(self) -> AsyncGenerator[Msg, None]:
        """Yield messages as long as the bus has the client it has now."""
        client = self._bus.client
        inbox = client.new_inbox()
        self._asked_count = 0
        # Bounded by what was asked for. `Subscription.next_msg` is no use here: it can swallow a cancellation.
        arrived: asyncio.Queue[Msg] = asyncio.Queue()
        try:
            with upstream_errors():
                subscription = await client.hear(inbox, arrived.put_nowait)
        except ProviderUnavailable:  # this client is over; the bus gets another
            await asyncio.sleep(RECONNECT_WAIT_S)
            return
        try:
            while self._bus.client is client:
                message = await self._next(arrived, inbox)
                if message is not None:
                    yield message
        finally:
            if self._ensuring is not None:
                self._ensuring.cancel()
                await asyncio.gather(self._ensuring, return_exceptions=True)
                self._ensuring = None
            with contextlib.suppress(NatsError, TimeoutError):
                # Not `unsubscribe`: that throws away what is on its way, which nobody would have for `ack_wait_ms`.
                async with asyncio.timeout(DRAIN_S):
                    await subscription.drain()  # type: ignore[no-untyped-call]
            with contextlib.suppress(NatsError):
                await _hand_back(arrived)

    async def _next(self, arrived: asyncio.Queue[Msg], inbox: str) -> Msg | None:
        if not self._bus.is_connected:
            self._asked_count = 0
            await asyncio.sleep(RECONNECT_WAIT_S)
            return None
        try:
            if self._asked_count <= self._batch_count // 2:
                await self._ask(inbox)
            async with asyncio.timeout(PULL_EXPIRES_S + PULL_GRACE_S):
                message = await arrived.get()
        except (TimeoutError, ProviderUnavailable):
            self._asked_count = 0
            return None
        status = (message.headers or {}).get("Status") if not message.reply else None
        if status is None:
            self._asked_count -= 1
            return message
        await self._heed(status, message.headers or {})
        return None

    async def _ask(self, inbox: str) -> None:
        count = self._batch_count - self._asked_count
        request = {"batch": count, "expires": int(PULL_EXPIRES_S * 1e9)}
        with upstream_errors():
            await self._bus.client.publish(self._next_subject, json.dumps(request).encode(), reply=inbox)
        self._asked_count += count

    async def _heed(self, status: str, headers: dict[str, str]) -> None:
        if status == "408":  # expired; it says how many of its messages are still owed
            self._asked_count = max(0, self._asked_count - int(headers.get("Nats-Pending-Messages", self._asked_count)))
            return
        self._asked_count = 0  # 404, 409, 503: the request is void, and perhaps the consumer is gone
        if self._ensuring is None:
            self._ensuring = asyncio.create_task(self._ensure())
        done, _ = await asyncio.wait((self._ensuring,), timeout=RECONNECT_WAIT_S)
        if done:
            ensured, self._ensuring = self._ensuring, None
            ensured.result()

    async def _ensure(self) -> None:
        told = ""
        while True:
            try:
                return await self._consumer.ensure(self._bus)
            except ProviderUnavailable as error:
                if error.reason != told:
                    _log.warning("the consumer cannot be made", consumer=self._consumer.name, reason=error.reason)
                told = error.reason
                await asyncio.sleep(RECONNECT_WAIT_S)


async def _hand_back(arrived: asyncio.Queue[Msg]) -> None:
    """Let somebody else have at once what was fetched and not taken; otherwise it would wait for `ack_wait_ms`."""
    while not arrived.empty():
        message = arrived.get_nowait()
        if message.reply:
            await message.nak()
