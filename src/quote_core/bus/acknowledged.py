"""Publishes messages of which a stream says that it has them: each answered by itself, or a batch stored whole or not.

The client's own ways do not serve: `JetStreamContext.publish` makes a request of each message, at twice the cost, and
`publish_async` never hears that a stream refuses (nats-py 2.16). Here all answers come to one subscription, which ends
with its client. Batches are the server's own (NATS ADR-50, atomic batch publishing, servers since 2.12): one answer
tells how many were stored, so none of them can be missing, and it costs a third of an answer each.
"""

import asyncio
import itertools
import secrets
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import orjson
from nats.aio.msg import Msg
from nats.errors import TimeoutError as NatsTimeoutError
from nats.js.errors import APIError, NoStreamResponseError

from quote_core.bus.client import RoleClient

__all__ = ["BATCH_MAX", "DUPLICATE_IN_BATCH", "Acknowledgement", "Publisher"]

BATCH_MAX: Final = 500
"""Messages of one batch; the server takes 1,000."""
DUPLICATE_IN_BATCH: Final = 10201
"""The server's code for a batch of which it has a message already, by its id; nothing of it is stored."""

_NO_RESPONDERS: Final = "503"
_TURN: Final = 16
"""So many messages are written at once, which takes about 0.1 ms."""


class Acknowledgement(NamedTuple):
    """What a stream says of a message that it has."""

    sequence: int
    is_duplicate: bool
    """It had a message of this id before; `sequence` is that one's."""
    stored_count: int = 0
    """How many messages of a batch were stored, all at once; 0 for what was no batch, or none to this server."""


class Publisher:
    """Publishes with one client, as long as that lasts; `timeout_s` is the longest wait for an answer."""

    def __init__(self, client: RoleClient, *, timeout_s: float) -> None:
        self._client = client
        self._timeout_s = timeout_s
        self._inbox = ""
        self._numbers = itertools.count()
        self._unanswered: dict[str, asyncio.Future[Msg]] = {}

    async def publish(self, subject: str, data: bytes, headers: Mapping[str, str]) -> Acknowledgement:
        """Publish and wait until the stream that keeps `subject` has answered.

        Raises:
            nats.js.errors.NoStreamResponseError: No stream keeps `subject`.
            nats.js.errors.APIError: The stream does not take it.
            nats.errors.Error: Not confirmed in time, or the connection is not there.
        """
        if not self._inbox:
            await self._listen()
        number = str(next(self._numbers))
        answer: asyncio.Future[Msg] = asyncio.get_running_loop().create_future()
        self._unanswered[number] = answer
        try:
            async with asyncio.timeout(self._timeout_s):
                await self._client.publish(subject, data, reply=self._inbox + number, headers=dict(headers))
                message = await answer
        except TimeoutError:
            raise NatsTimeoutError from None
        finally:
            del self._unanswered[number]
        return _read(message)

    async def publish_batch(self, messages: Sequence[tuple[str, bytes, Mapping[str, str]]]) -> Acknowledgement:
        """Publish subjects, data and headers, 1 to `BATCH_MAX`, to a stream that takes batches: all are stored or none.

        Raises:
            nats.js.errors.APIError: The stream does not take them; `DUPLICATE_IN_BATCH` is one reason.
            Others: See `publish`.
        """
        batch_id, last = secrets.token_hex(16), len(messages)
        for number, (subject, data, headers) in enumerate(messages[:-1], 1):
            of_batch = {**headers, "Nats-Batch-Id": batch_id, "Nats-Batch-Sequence": str(number)}
            await self._client.publish(subject, data, headers=of_batch)
            if number % _TURN == 0:
                await asyncio.sleep(0)  # whoever else has work in this process does not wait for the whole batch
        subject, data, headers = messages[-1]
        end = {"Nats-Batch-Id": batch_id, "Nats-Batch-Sequence": str(last), "Nats-Batch-Commit": "1"}
        return await self.publish(subject, data, {**headers, **end})

    async def _listen(self) -> None:
        """Two that come first at once may both subscribe; either's answers are heard."""
        inbox = f"{self._client.new_inbox()}."
        await self._client.hear(f"{inbox}*", self._hear)
        self._inbox = inbox

    def _hear(self, message: Msg) -> None:
        answer = self._unanswered.get(message.subject.rpartition(".")[2])
        if answer is not None and not answer.done():
            answer.set_result(message)


def _read(message: Msg) -> Acknowledgement:
    if message.headers and message.headers.get("Status") == _NO_RESPONDERS:
        raise NoStreamResponseError
    answer = orjson.loads(message.data)
    if "error" in answer:
        raise APIError.from_error(answer["error"])
    return Acknowledgement(answer["seq"], answer.get("duplicate", False), answer.get("count", 0))
