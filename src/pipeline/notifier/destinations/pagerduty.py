"""PagerDuty, or whatever takes its Events API v2: an event an alert, which opens, acknowledges or resolves an incident.

An incident is named by the alert's identity, so that a message sent twice changes nothing. One of which PagerDuty has
never heard is opened first: what came and went while it could not be reached is on its record all the same.

Source: developer.pagerduty.com, "Events API v2: send an alert event" (202; 1,024 characters of a summary, 255 of
`dedup_key`, 512 KB an event; critical, error, warning and info).
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from pydantic import SecretStr

from pipeline.notifier.alert import Alert, State
from pipeline.notifier.destinations.webhook import Webhook
from pipeline.notifier.wording import Message, shortened

__all__ = ["PagerDuty", "pagerduty_events"]

_SUMMARY_CHARS_MAX: Final = 1_024
_DETAIL_CHARS_MAX: Final = 4_096
_SOURCE_CHARS_MAX: Final = 255
_ACTIONS: Final = {State.ENDED: "resolve", State.ACKNOWLEDGED: "acknowledge"}


class PagerDuty:
    """See the module."""

    name = "pagerduty"

    def __init__(self, webhook: Webhook, *, routing_key: SecretStr) -> None:
        self._webhook = webhook
        self._routing_key = routing_key

    async def send(self, message: Message) -> str:
        """See `Destination`."""
        for event in pagerduty_events(message, routing_key=self._routing_key, name=self.name):
            await self._webhook.post(event)
        return ""


def pagerduty_events(message: Message, *, routing_key: SecretStr, name: str) -> Iterator[Mapping[str, Any]]:
    """A message as PagerDuty takes it; `name` is the destination's, as the alerts have it in `told`."""
    for alert, part in zip(message.alerts, message.parts, strict=True):
        event = {"routing_key": routing_key.get_secret_value(), "dedup_key": f"solquote-{alert.identity}"}
        action = _ACTIONS.get(alert.state)
        if action is None or not alert.told.get(name):
            yield {**event, "event_action": "trigger", "payload": _payload(alert, part, source=message.name)}
        if action is not None:
            yield {**event, "event_action": action}


def _payload(alert: Alert, part: str, *, source: str) -> Mapping[str, Any]:
    first = datetime.fromtimestamp(0, UTC) + timedelta(microseconds=alert.first_unix_ns // 1_000)
    return {
        "summary": shortened(alert.title, _SUMMARY_CHARS_MAX),
        "source": shortened(source, _SOURCE_CHARS_MAX),
        "severity": alert.level.name.lower(),
        "timestamp": first.isoformat(timespec="milliseconds"),
        "component": "solquote",
        "class": alert.key.partition(":")[0],
        "custom_details": {"number": alert.number, "count": alert.count, "text": shortened(part, _DETAIL_CHARS_MAX)},
    }
