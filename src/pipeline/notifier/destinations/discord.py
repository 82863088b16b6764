"""Discord, by a webhook of a channel.

What Discord's markdown means is escaped, and nobody is mentioned, whatever the text says.

Source: docs.discord.com, "Webhook resource: execute webhook" (204 without `wait`; `allowed_mentions`), "Message
resource: embed limits" (256 characters of a title, 4,096 of a description, 6,000 of all embeds of a message).
"""

import re
from collections.abc import Mapping
from typing import Any, Final

from pipeline.notifier.alert import Level
from pipeline.notifier.destinations.webhook import Webhook
from pipeline.notifier.wording import Message, shortened

__all__ = ["Discord", "discord_content"]

_TITLE_CHARS_MAX: Final = 256
_DESCRIPTION_CHARS_MAX: Final = 4_096
_MARKUP: Final = re.compile(r"([\\*_~`|>#\[\]()<@:\-])")
_CUT_IN_ESCAPE: Final = re.compile(r"(?<!\\)((?:\\\\)*)\\…$")
_COLOURS: Final = {Level.CRITICAL: 0xC0392B, Level.WARNING: 0xD68910, Level.INFO: 0x2874A6}


class Discord:
    """See the module."""

    name = "discord"

    def __init__(self, webhook: Webhook) -> None:
        self._webhook = webhook

    async def send(self, message: Message) -> str:
        """See `Destination`."""
        await self._webhook.post(discord_content(message))
        return ""


def discord_content(message: Message) -> Mapping[str, Any]:
    """A message as Discord takes it."""
    embed = {
        "title": _fitted(message.title, _TITLE_CHARS_MAX),
        "description": _fitted(message.text(_DESCRIPTION_CHARS_MAX), _DESCRIPTION_CHARS_MAX),
        "color": _COLOURS[min(message.alerts[0].worst, Level.CRITICAL)],
    }
    return {"embeds": [embed], "allowed_mentions": {"parse": []}}


def _fitted(text: str, char_count_max: int) -> str:
    """Escaped, then cut where no escape is left half."""
    return _CUT_IN_ESCAPE.sub(r"\1…", shortened(_MARKUP.sub(r"\\\1", text), char_count_max))
