"""What a stream holds, what bounds it, and how far behind its readers are: as the server tells it."""

import json
from dataclasses import dataclass
from typing import Any, Final

from quote_core.bus.client_errors import NATS, upstream_errors
from quote_core.bus.connection import PUBLISH_TIMEOUT_S, Bus
from quote_core.bus.permissions import BusRole
from quote_core.bus.stream_clock import unix_ns_of_server
from quote_core.errors import ProviderUnavailable
from quote_core.events import Stream

__all__ = ["ConsumerSurvey", "StreamSurvey", "consumers_of", "survey_of"]

_NOTHING_YET: Final = "0001-01-01T00:00:00Z"
"""A time of Go's that says there is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamSurvey:
    """One stream now."""

    stream: str
    message_count: int
    size_bytes: int
    first_unix_ns: int | None
    """When its oldest message was stored; `None` when it has none."""
    last_unix_ns: int | None
    last_sequence: int
    consumer_count: int
    storage: str
    age_ns_max: int
    """Older messages are dropped; 0 = none are for their age."""
    bytes_max: int
    """Above this the oldest are dropped; below 0 = without bound."""
    message_count_max: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsumerSurvey:
    """One reader of a stream."""

    name: str
    reader: str
    """The process it delivers to, as far as its inbox says; a durable is named like it."""
    is_durable: bool
    is_there: bool
    """Whether somebody takes what is delivered; one that has gone is forgotten by the server a little later."""
    waiting_count: int
    """Messages not sent to it yet: its lag."""
    unacknowledged_count: int
    redelivered_count: int
    delivered_sequence: int
    """Of the stream: the last message it was sent."""


async def survey_of(bus: Bus, stream: Stream) -> StreamSurvey:
    """Ask about a stream.

    Raises:
        ProviderUnavailable: NATS, or the stream, is not there.
    """
    told = await _asked(bus, f"STREAM.INFO.{stream}")
    try:
        state, config = told["state"], told["config"]
        return StreamSurvey(
            stream=str(config["name"]),
            message_count=state["messages"],
            size_bytes=state["bytes"],
            first_unix_ns=_time(state["first_ts"]) if state["messages"] else None,
            last_unix_ns=_time(state["last_ts"]),
            last_sequence=state["last_seq"],
            consumer_count=state["consumer_count"],
            storage=config["storage"],
            age_ns_max=config["max_age"],
            bytes_max=config["max_bytes"],
            message_count_max=config["max_msgs"],
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ProviderUnavailable(NATS, f"no state of stream {stream}: {error}") from error


async def consumers_of(bus: Bus, stream: Stream) -> list[ConsumerSurvey]:
    """Ask about all readers of a stream.

    Raises:
        ProviderUnavailable: NATS, or the stream, is not there, or these credentials may not ask.
    """
    found: list[ConsumerSurvey] = []
    while True:
        told = await _asked(bus, f"CONSUMER.LIST.{stream}", {"offset": len(found)})
        try:
            page = [_consumer(each) for each in told.get("consumers") or ()]
            found += page
            if not page or len(found) >= told["total"]:
                return sorted(found, key=lambda consumer: (consumer.reader, consumer.name))
        except (KeyError, TypeError, ValueError) as error:
            raise ProviderUnavailable(NATS, f"no consumers of stream {stream}: {error}") from error


def _consumer(told: dict[str, Any]) -> ConsumerSurvey:
    config = told["config"]
    durable, inbox = config.get("durable_name", ""), config.get("deliver_subject", "")
    return ConsumerSurvey(
        name=told["name"],
        reader=durable or _role_of(inbox) or "unknown",
        is_durable=bool(durable),
        is_there=bool(durable) or bool(told.get("push_bound")),
        waiting_count=told["num_pending"],
        unacknowledged_count=told["num_ack_pending"],
        redelivered_count=told["num_redelivered"],
        delivered_sequence=told["delivered"]["stream_seq"],
    )


def _role_of(inbox: str) -> str:
    """Whose inbox it is; each role's begins with its name."""
    prefix = inbox.partition(".")[0]
    return next((role.value for role in BusRole if role.inbox_prefix == prefix), "")


async def _asked(bus: Bus, what: str, body: dict[str, object] | None = None) -> dict[str, Any]:
    if not bus.is_connected:
        raise ProviderUnavailable(NATS, "not connected")
    content = json.dumps(body).encode() if body else b""
    with upstream_errors():
        answer = await bus.client.request(f"$JS.API.{what}", content, timeout=PUBLISH_TIMEOUT_S)
    try:
        told: Any = json.loads(answer.data)
    except ValueError:
        told = None
    if not isinstance(told, dict):
        raise ProviderUnavailable(NATS, f"{what} is answered with something else than an object")
    if "error" in told:
        raise ProviderUnavailable(NATS, str(told["error"].get("description", told["error"])))
    return told


def _time(text: str) -> int | None:
    return None if text == _NOTHING_YET else unix_ns_of_server(text)
