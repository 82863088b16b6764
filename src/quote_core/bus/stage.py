"""The one shape of every stage on the bus: take an event, ask for the answer, publish it, then acknowledge.

| what happens                                    | then                                                     |
|-------------------------------------------------|----------------------------------------------------------|
| answered, and every answer is in its stream     | acknowledged                                             |
| an answer's stream has no leader, NATS is gone  | published again here, for as long as that may take       |
| `UpstreamError` (a neighbour, a full stream)    | handed back with a growing delay, tried again            |
| tried `retry_count_max` times                   | dead letter                                              |
| not an event, or the answer raised anything else| dead letter: trying again would end the same way         |
| the process dies                                | delivered again after the consumer's `ack_wait_ms`       |

A dead letter is the message as it came, on `dead.<stream>.<consumer>`, its headers saying why and whence. It is
acknowledged only when the dead letter is kept. Answers should have ids derived from the event's, so that one
answered twice is published once.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

import structlog
from nats.aio.msg import Msg

from quote_core.bus.client_errors import upstream_errors
from quote_core.bus.concurrent_pull import ConcurrentPull, Hand, PullFigures
from quote_core.bus.connection import Bus, PublishRefused
from quote_core.bus.consumer import Consumer
from quote_core.errors import ProviderUnavailable, UpstreamError
from quote_core.events import Event, dead_letter_subject, decode
from quote_core.health import WorkFigures
from quote_core.telemetry.traces import processing

__all__ = ["Answer", "Stage", "StageCounts", "bury"]

Answer = Callable[[Event], Awaitable[Sequence[Event]]]
"""What a stage does: an event in, the events to publish out."""

RETRY_DELAYS_S: Final = (0.05, 0.2, 0.5, 1.0, 2.0)
"""Before try 2, 3, ...; the last one repeats."""
LEADERLESS_S_MAX: Final = 15.0
"""An answer is published again for so long. A cluster that lost a server takes up to 9 s to choose another leader, and
all tries of a message are over sooner: those are for what may be its own fault."""
PUBLISH_AGAIN_S: Final = 0.1

_log: Final = structlog.get_logger(part="bus.stage")


@dataclass(slots=True)
class StageCounts:
    """What a stage has done so far."""

    taken: int = 0
    answered: int = 0
    published: int = 0
    retried: int = 0
    dead: int = 0

    def work(self) -> WorkFigures:
        """The work so far."""
        return WorkFigures.now(handled_total=self.answered + self.dead, errors_total=self.dead)


class Stage:
    """Runs one consumer.

    Args:
        bus: Where events come from and go to.
        consumer: Which events.
        answer: The decision; see `Answer`.
        concurrency: How many events are answered at once. 1 keeps their order.
    """

    def __init__(self, bus: Bus, consumer: Consumer, answer: Answer, *, concurrency: int = 1) -> None:
        self.counts = StageCounts()
        self._bus = bus
        self._consumer = consumer
        self._answer = answer
        self._pull = ConcurrentPull(
            bus, consumer, self._handle, concurrency=concurrency, batch_count=max(2, 2 * concurrency)
        )

    @property
    def pull(self) -> PullFigures:
        """What was taken of the consumer."""
        return self._pull.figures

    async def run(self) -> None:
        """Work until cancelled; what is in hand then is delivered again."""
        try:
            await self._pull.run()
        finally:
            await self._pull.finish(timeout_s=0)

    async def _handle(self, message: Msg, _: Hand) -> None:
        self.counts.taken += 1
        try:
            with upstream_errors():
                await self._settle(message)
        except ProviderUnavailable as error:
            # NATS is away: neither the acknowledgement nor the hand-back can be sent. It will be delivered again.
            _log.debug("left unsettled", consumer=self._consumer.name, reason=str(error))

    async def _settle(self, message: Msg) -> None:
        tried_count = message.metadata.num_delivered
        try:
            if tried_count > self._consumer.retry_count_max:
                await self._bury(message, f"gave up after {self._consumer.retry_count_max} tries")
                return
            await self._answer_one(message)
        except UpstreamError as error:
            self.counts.retried += 1
            _log.debug("to be tried again", consumer=self._consumer.name, reason=str(error))
            await message.nak(delay=RETRY_DELAYS_S[min(tried_count, len(RETRY_DELAYS_S)) - 1])
        except Exception as error:  # noqa: BLE001  # whatever else it is, it would end the same way next time
            _log.exception("dead letter", consumer=self._consumer.name, subject=message.subject)
            await self._bury(message, f"{type(error).__name__}: {error}")

    async def _answer_one(self, message: Msg) -> None:
        event = decode(message.data)
        with processing(message.subject, event.header):
            for answer in await self._answer(event):
                await self._publish(message, answer)
                self.counts.published += 1
            await message.ack()
        self.counts.answered += 1

    async def _publish(self, message: Msg, answer: Event) -> None:
        until_s = asyncio.get_running_loop().time() + LEADERLESS_S_MAX
        while True:
            try:
                await self._bus.publish(answer)
            except PublishRefused:
                raise
            except ProviderUnavailable:
                if asyncio.get_running_loop().time() >= until_s:
                    raise
                with contextlib.suppress(ProviderUnavailable), upstream_errors():
                    await message.in_progress()  # nobody else is given it meanwhile
                await asyncio.sleep(PUBLISH_AGAIN_S)
            else:
                return

    async def _bury(self, message: Msg, reason: str) -> None:
        await bury(self._bus, self._consumer, message, reason)
        self.counts.dead += 1


async def bury(bus: Bus, consumer: Consumer, message: Msg, reason: str) -> None:
    """Keep a message that cannot be answered as a dead letter, then end its delivery.

    Raises:
        ProviderUnavailable: The dead letter is not kept, and the message will be delivered again.
    """
    sequence = message.metadata.sequence.stream
    headers = {
        "Nats-Msg-Id": f"{consumer.stream}.{consumer.name}.{sequence}",
        "Solquote-Reason": " ".join(reason.split())[:_REASON_CHARS_MAX],
        "Solquote-Subject": message.subject,
        "Solquote-Sequence": str(sequence),
    }
    await bus.publish_bytes(dead_letter_subject(consumer.stream, consumer.name), message.data, headers)
    with upstream_errors():
        await message.term()


_REASON_CHARS_MAX: Final = 512
