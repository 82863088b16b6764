"""Slack, by an incoming webhook.

Text is shown as plain text, which Slack looks for no markup or mention in. `text` is what a notification shows; there
`&`, `<` and `>` are escaped, as Slack asks for.

Source: docs.slack.dev, "Sending messages using incoming webhooks" (200 and `ok`; errors by status and a word),
"Formatting message text" (escaping), "Reference: blocks" (150 characters of a header, 3,000 of a section, 50 blocks,
which are more than `ALERTS_A_MESSAGE_MAX` alerts need).
"""

from collections.abc import Mapping
from typing import Any, Final

from pipeline.notifier.destinations.webhook import Webhook
from pipeline.notifier.wording import Message, shortened

__all__ = ["Slack", "slack_content"]

_HEADER_CHARS_MAX: Final = 150
_SECTION_CHARS_MAX: Final = 3_000
_TEXT_CHARS_MAX: Final = 3_000
"""Slack cuts at 40,000, and a notification shows the first line."""


class Slack:
    """See the module."""

    name = "slack"

    def __init__(self, webhook: Webhook) -> None:
        self._webhook = webhook

    async def send(self, message: Message) -> str:
        """See `Destination`."""
        await self._webhook.post(slack_content(message))
        return ""


def slack_content(message: Message) -> Mapping[str, Any]:
    """A message as Slack takes it."""
    sections = [shortened(part, _SECTION_CHARS_MAX) for part in message.parts]
    if message.unsaid_count:
        sections.append(f"... and {message.unsaid_count} more: `solquote alerts list`")
    header = {"type": "header", "text": _plain_text(shortened(message.title, _HEADER_CHARS_MAX))}
    return {
        "text": _escaped(shortened(message.title, _TEXT_CHARS_MAX)),
        "blocks": [header, *({"type": "section", "text": _plain_text(section)} for section in sections)],
    }


def _plain_text(text: str) -> Mapping[str, Any]:
    return {"type": "plain_text", "text": text, "emoji": False}


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
